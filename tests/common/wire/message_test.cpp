// SPDX-License-Identifier: Apache-2.0
// A message says what was put in, refuses what does not fit, and no bytes whatever do harm.
#include "common/wire/message.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "common/base/crc32c.h"
#include "tests/common/wire/recorder.h"

namespace tributary::wire {
namespace {

constexpr size_t kHeader = kHeaderBytes;

// Makes both checksums right again after bytes were changed.
void seal(std::vector<uint8_t>& message) {
  auto put = [&](size_t at, uint32_t value) {
    for (int i = 0; i < 4; ++i) message[at + i] = static_cast<uint8_t>(value >> (8 * i));
  };
  Bytes bytes(message);
  put(48, static_cast<uint32_t>(message.size() - kHeader));
  put(52, crc32c(bytes.subspan(kHeader)));
  put(56, crc32c(bytes.first(56)));
}

std::vector<uint8_t> with_body(std::vector<uint8_t> body, uint32_t count, uint64_t first_seq = 2) {
  std::vector<uint8_t> buffer(128);
  MessageBuilder builder(buffer);
  Bytes empty = builder.finish({.epoch = 9, .first_seq = first_seq});
  std::vector<uint8_t> message(empty.begin(), empty.end());
  message[12] = static_cast<uint8_t>(count);
  message.insert(message.end(), body.begin(), body.end());
  seal(message);
  return message;
}

DecodeError result_of(Bytes message) {
  Header header;
  Recorder recorder;
  DecodeError error = parse_header(message, header);
  return error == DecodeError::kNone ? read_body(message, header, recorder) : error;
}

struct Generator {
  std::mt19937_64 random;
  std::deque<std::string> texts;

  uint64_t below(uint64_t bound) { return random() % bound; }
  std::string_view text(size_t bytes_max, bool key) {
    std::string out(1 + below(bytes_max), 'a');
    for (char& c : out) c = static_cast<char>((key ? 'a' : ' ') + below(26));
    return texts.emplace_back(std::move(out));
  }
  SeriesView series() {
    SeriesView view{.device = text(128, false), .metric = text(64, true)};
    view.kind = static_cast<uint8_t>(below(2));
    view.overflow = below(8) == 0;
    if (view.overflow) view.device = {};
    view.label_count = static_cast<uint8_t>(below(9));
    for (size_t i = 0; i < view.label_count; ++i) {
      view.labels[i].key = texts.emplace_back(std::string(1, static_cast<char>('a' + i)) + std::string(text(3, true)));
      view.labels[i].value = text(24, false);
    }
    return view;
  }
  WidthS width() {
    constexpr WidthS kWidths[] = {0, 1, 2, 5, 10, 30, 60, 900, 3600, 86400};
    return kWidths[below(std::size(kWidths))];
  }
  int64_t start(WidthS width) {
    return width == 0 ? 0 : (static_cast<int64_t>(below(200'000)) - 100'000) * static_cast<int64_t>(width);
  }
};

TEST(Message, SaysWhatWasPutIn) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Generator make{.random = std::mt19937_64(seed), .texts = {}};
    std::vector<uint8_t> buffer(128 + make.below(20'000));
    MessageBuilder builder(buffer);
    Header header{.epoch = make.random() | 1,
                  .first_seq = make.below(2) == 0 ? 1 : 1 + make.below(kSeqMax / 2),
                  .frontier_ns = static_cast<int64_t>(make.random()),
                  .mark_ns = static_cast<int64_t>(make.random())};
    std::vector<std::string> expected;
    uint32_t table = 0;
    auto note = [&](bool fits, const std::string& what) {
      if (fits) expected.push_back(std::to_string(header.first_seq + builder.item_count() - 1) + ": " + what);
      return fits;
    };
    for (bool fits = true; fits;) {
      uint64_t choice = make.below(8);
      if (table == 0 || choice == 0) {
        SeriesView view = make.series();
        ASSERT_EQ(check_series_view(view), DecodeError::kNone);
        auto index = builder.add_series(view);
        fits = index.has_value();
        if (fits) {
          EXPECT_EQ(*index, table);
          expected.push_back("#" + std::to_string(table++) + " " + describe(view));
        }
      } else if (choice == 1 && builder.item_count() == 0 && header.first_seq == 1) {
        Opening opening{.predecessor_epoch = make.random(), .predecessor_last_seq = make.random() >> 1};
        opening.machine_id.fill(static_cast<uint8_t>(make.below(3)));
        opening.last_durable_ns = static_cast<int64_t>(make.random());
        fits = note(builder.add(opening), describe(opening));
      } else if (choice == 2) {
        int64_t from = static_cast<int64_t>(make.random() >> 2);
        Gap gap{from, from + static_cast<int64_t>(make.below(1000)), static_cast<GapCause>(1 + make.below(3))};
        fits = note(builder.add(gap), describe(gap));
      } else if (choice == 3) {
        WidthS width = make.width();
        LostAtGateway lost{make.start(width), width};
        fits = note(builder.add(lost), describe(lost));
      } else {
        WidthS width = make.width();
        Partial partial{.series = static_cast<uint32_t>(make.below(table)),
                        .start_s = make.start(width),
                        .width_s = width,
                        .inherited = make.below(2) == 0,
                        .time_estimated = make.below(2) == 0,
                        .summary = as_bytes(make.text(300, false))};
        fits = note(builder.add(partial), describe(partial));
      }
    }
    EXPECT_LE(builder.room(), buffer.size());
    Bytes message = builder.finish(header);
    EXPECT_LE(message.size(), buffer.size());
    Header read;
    EXPECT_EQ(read_all(message, read), expected);
    EXPECT_EQ(read.epoch, header.epoch);
    EXPECT_EQ(read.first_seq, header.first_seq);
    EXPECT_EQ(read.count, builder.item_count());
    EXPECT_EQ(read.frontier_ns, header.frontier_ns);
    EXPECT_EQ(read.mark_ns, header.mark_ns);
  }
}

TEST(Message, IsNeverLongerThanTheLimit) {
  std::vector<uint8_t> buffer(3 * kMessageBytesMax);
  MessageBuilder builder(buffer);
  ASSERT_TRUE(builder.add_series({.device = "d", .metric = "m"}));
  std::string summary(1000, 's');
  uint32_t added = 0;
  while (builder.add(Partial{.summary = as_bytes(summary)})) ++added;
  EXPECT_EQ(builder.item_count(), added);
  EXPECT_EQ(builder.finish({.epoch = 1, .first_seq = 1}).size(), kMessageBytesMax - builder.room());
  EXPECT_LT(builder.room(), 1020u);
}

TEST(Message, WithAnyBitFlippedOrAnyByteCutOffIsRefused) {
  std::vector<uint8_t> buffer(1024);
  MessageBuilder builder(buffer);
  ASSERT_TRUE(builder.add_series({.device = "d", .metric = "m"}));
  ASSERT_TRUE(builder.add(Partial{.start_s = 60, .width_s = 60, .summary = as_bytes("summary")}));
  Bytes whole = builder.finish({.epoch = 5, .first_seq = 7});
  std::vector<uint8_t> message(whole.begin(), whole.end());
  ASSERT_EQ(result_of(message), DecodeError::kNone);
  for (size_t bit = 0; bit < 8 * message.size(); ++bit) {
    message[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    DecodeError error = result_of(message);
    EXPECT_EQ(error, bit < 32            ? DecodeError::kBadMagic
                     : bit < 8 * kHeader ? DecodeError::kHeaderChecksum
                                         : DecodeError::kBodyChecksum);
    message[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  for (size_t size = 0; size < message.size(); ++size) {
    EXPECT_EQ(result_of(Bytes(message).first(size)),
              size < kHeader ? DecodeError::kTooShort : DecodeError::kBodyChecksum);
  }
  message.push_back(0);
  EXPECT_EQ(result_of(message), DecodeError::kBodyChecksum);
}

TEST(Message, AnUnknownVersionOrFeatureIsToldWithItsSeqs) {
  std::vector<uint8_t> message = with_body({}, 0);
  message[4] = 2;
  seal(message);
  Header header;
  EXPECT_EQ(parse_header(message, header), DecodeError::kUnknownVersion);
  EXPECT_EQ(header.epoch, 9u);
  EXPECT_EQ(header.first_seq, 2u);
  message[4] = kFormatVersion;
  message[11] = 0x80;
  seal(message);
  EXPECT_EQ(parse_header(message, header), DecodeError::kUnknownFeature);
  EXPECT_EQ(header.required_features, 0x80000000u);
}

TEST(Message, ASenselessHeaderSettlesNothing) {
  auto changed = [](size_t at, std::vector<uint8_t> bytes) {
    std::vector<uint8_t> message = with_body({}, 0);
    std::copy(bytes.begin(), bytes.end(), message.begin() + static_cast<std::ptrdiff_t>(at));
    seal(message);
    return result_of(message);
  };
  EXPECT_EQ(changed(16, {0, 0, 0, 0, 0, 0, 0, 0}), DecodeError::kBadHeader);
  EXPECT_EQ(changed(24, {0, 0, 0, 0, 0, 0, 0, 0}), DecodeError::kBadHeader);
  EXPECT_EQ(changed(24, {0, 0, 0, 0, 0, 0, 0, 0x80}), DecodeError::kBadHeader);
  EXPECT_EQ(changed(12, {0xff, 0xff, 0xff, 0xff}), DecodeError::kBadHeader);
  EXPECT_EQ(changed(12, {1}), DecodeError::kBadHeader) << "an empty body holds no item";
  EXPECT_EQ(changed(6, {1}), DecodeError::kBadHeader) << "reserved";
  EXPECT_EQ(result_of(std::vector<uint8_t>(kMessageBytesMax + 1)), DecodeError::kTooLong);
}

TEST(Body, ThatIsNotOneIsRefused) {
  // Tags: 0x0a series, 0x12 item; within an item 0x0a partial, 0x12 opening, 0x1a gap, 0x22 lost.
  const std::vector<uint8_t> series = {0x0a, 6, 0x0a, 1, 'd', 0x12, 1, 'm'};
  auto after_series = [&](std::vector<uint8_t> more) {
    more.insert(more.begin(), series.begin(), series.end());
    return more;
  };
  EXPECT_EQ(result_of(with_body(after_series({0x12, 2, 0x0a, 0}), 1)), DecodeError::kNone);
  EXPECT_EQ(result_of(with_body({0x12, 2, 0x0a, 0}, 1)), DecodeError::kBadSeries) << "no table yet";
  EXPECT_EQ(result_of(with_body(after_series({0x12, 4, 0x0a, 2, 0x08, 1}), 1)), DecodeError::kBadSeries) << "beyond it";
  EXPECT_EQ(result_of(with_body(after_series({0x12, 2, 0x0a, 0, 0x12, 2, 0x0a, 0}), 1)), DecodeError::kBadBody)
      << "one more";
  EXPECT_EQ(result_of(with_body(after_series({0x12, 2, 0x0a, 0}), 2)), DecodeError::kBadBody) << "one less";
  EXPECT_EQ(result_of(with_body(after_series({0x12, 4, 0x0a, 0, 0x0a, 0}), 1)), DecodeError::kBadBody) << "two kinds";
  EXPECT_EQ(result_of(with_body(after_series({0x12, 0, 0x18, 0}), 1)), DecodeError::kBadBody) << "no kind";
  EXPECT_EQ(result_of(with_body(after_series({0x12, 2, 0x12, 0}), 1, 1)), DecodeError::kNone) << "opening";
  EXPECT_EQ(result_of(with_body(after_series({0x12, 2, 0x12, 0}), 1, 2)), DecodeError::kBadBody) << "not seq 1";
  EXPECT_EQ(result_of(with_body(after_series({0x12, 2, 0x1a, 0}), 1)), DecodeError::kBadBody) << "gap without cause";
  EXPECT_EQ(result_of(with_body(after_series({0x12, 4, 0x0a, 2, 0x18, 7}), 1)), DecodeError::kBadWidth);
  EXPECT_EQ(result_of(with_body(after_series({0x12, 6, 0x0a, 4, 0x18, 60, 0x10, 2}), 1)), DecodeError::kBadWidth)
      << "start 1";
  EXPECT_EQ(result_of(with_body(after_series({0x12, 4, 0x22, 2, 0x08, 2}), 1)), DecodeError::kBadWidth)
      << "all time, start 1";
  EXPECT_EQ(result_of(with_body(after_series({0x12, 6, 0x0a, 4, 0x32, 200, 1, 'x'}), 1)), DecodeError::kBadBody)
      << "cut string";
  EXPECT_EQ(result_of(with_body(after_series({0x12, 5, 0x0a, 3, 0x30, 0x80, 1}), 1)), DecodeError::kBadBody)
      << "a varint where bytes belong must not become a view of the stack";
  EXPECT_EQ(result_of(with_body({0x0a, 5, 0x08, 'd', 0x12, 1, 'm'}, 0)), DecodeError::kBadBody) << "a varint as device";
  EXPECT_EQ(result_of(with_body({0x08, 0x12}, 0)), DecodeError::kBadBody) << "a varint as series";
  EXPECT_EQ(result_of(with_body({0x00, 0x00}, 0)), DecodeError::kBadBody) << "tag 0";
  EXPECT_EQ(result_of(with_body({0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, 0)), DecodeError::kBadBody)
      << "length beyond the end";
}

TEST(Body, FieldsToComeAreSkipped) {
  EXPECT_EQ(
      result_of(with_body({0x7a, 2, 1, 2, 0x0a, 8, 0x0a, 1, 'd', 0x12, 1, 'm', 0x78, 1, 0x12, 4, 0x0a, 2, 0x78, 1}, 1)),
      DecodeError::kNone);
}

TEST(Body, RandomBytesDoNoHarm) {
  std::mt19937_64 random(20261121);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<uint8_t> body(random() % 64);
    for (uint8_t& byte : body) byte = static_cast<uint8_t>(random() % 4 == 0 ? random() : random() % 0x24);
    result_of(with_body(std::move(body), static_cast<uint32_t>(random() % 3)));
  }
}

}  // namespace
}  // namespace tributary::wire
