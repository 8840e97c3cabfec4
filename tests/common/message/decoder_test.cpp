// SPDX-License-Identifier: Apache-2.0
// Claims about messages decoded whole: what is sound is kept, the first thing that is not is named.
#include "common/message/decoder.h"

#include <gtest/gtest.h>

#include <vector>

namespace tributary::message {
namespace {

using wire::DecodeError;

constexpr int64_t kStart = 1'700'000'000;
constexpr WidthS kWidth = 10;

std::vector<uint8_t> summary_at(std::initializer_list<int64_t> times_ns) {
  stats::Summary summary;
  for (const int64_t time_ns : times_ns) summary.add(time_ns, 1.5);
  std::vector<uint8_t> bytes(stats::kSummaryBytesMax);
  bytes.resize(summary.encode(bytes));
  return bytes;
}

int64_t at(int64_t second) { return (kStart + second) * kNanosPerSecond; }

// One message of a series and these partials' summaries, all in the window of ten seconds from kStart.
class DecoderTest : public ::testing::Test {
 protected:
  DecodeError decode(const std::vector<std::vector<uint8_t>>& summaries) {
    std::vector<uint8_t> buffer(wire::kMessageBytesMax);
    wire::MessageBuilder builder(buffer);
    wire::SeriesView series{.device = "boiler", .metric = "starts", .kind = 1};
    series.labels[series.label_count++] = {"site", "roof"};
    EXPECT_TRUE(builder.add_series(series).has_value());
    for (const auto& summary : summaries) {
      EXPECT_TRUE(builder.add(wire::Partial{.start_s = kStart, .width_s = kWidth, .summary = summary}));
    }
    EXPECT_TRUE(builder.add(wire::Gap{at(0), at(1), wire::GapCause::kCrash}));
    const Bytes message = builder.finish({.epoch = 7, .first_seq = 5});
    bytes_.assign(message.begin(), message.end());
    return decoder_.decode(bytes_);
  }

  std::vector<uint8_t> bytes_;
  MessageDecoder decoder_;
};

TEST_F(DecoderTest, ASoundMessageIsThereWhole) {
  ASSERT_EQ(decode({summary_at({at(1), at(9)})}), DecodeError::kNone);
  EXPECT_TRUE(decoder_.header_sound());
  ASSERT_EQ(decoder_.items().size(), 2u);
  const MessageItem& partial = decoder_.items()[0];
  EXPECT_EQ(partial.seq, 5u);
  EXPECT_EQ(partial.first_ns, at(1));
  EXPECT_EQ(partial.last_ns, at(9));
  EXPECT_EQ(decoder_.items()[1].kind, MessageItem::Kind::kGap);
  ASSERT_EQ(decoder_.series_count(), 1u);
  const Series series{.device = "boiler", .metric = "starts", .labels = {{"site", "roof"}}};
  EXPECT_EQ(decoder_.series(0).id, series.id());
  EXPECT_EQ(decoder_.series(0).kind, MetricKind::kCounter);
}

TEST_F(DecoderTest, APartialThatIsNotSoundIsNamed) {
  std::vector<uint8_t> longer = summary_at({at(1)});
  longer.push_back(0);
  for (const auto& bad : {longer, summary_at({})}) {
    EXPECT_EQ(decode({summary_at({at(1)}), bad}), DecodeError::kBadSummary);
    EXPECT_EQ(decoder_.unsound().seq, 6u);
    EXPECT_EQ(decoder_.unsound().summary_bytes, bad.size());
    EXPECT_TRUE(decoder_.header_sound());
  }
  for (const int64_t outside : {at(0) - 1, at(10)}) {
    EXPECT_EQ(decode({summary_at({at(5), outside})}), DecodeError::kOutsideWindow);
    EXPECT_EQ(decoder_.unsound().outside_ns, outside);
    EXPECT_EQ(decoder_.unsound().start_s, kStart);
  }
  EXPECT_EQ(decode({summary_at({at(0), at(10) - 1})}), DecodeError::kNone);
  EXPECT_EQ(decoder_.unsound().seq, 0u);
}

TEST(JudgePartial, OnlyWindowsAreWindows) {
  const std::vector<uint8_t> summary = summary_at({at(1)});
  stats::Summary::Facts facts;
  for (const auto& [start_s, width_s] : {std::pair<int64_t, WidthS>{kStart + 1, kWidth}, {kStart, 7}, {1, kAllTime}}) {
    EXPECT_EQ(judge_partial({.start_s = start_s, .width_s = width_s, .summary = summary}, facts),
              DecodeError::kBadWidth);
  }
  EXPECT_EQ(judge_partial({.start_s = 0, .width_s = kAllTime, .summary = summary}, facts), DecodeError::kNone);
  EXPECT_EQ(facts.count, 1u);
}

TEST_F(DecoderTest, TheBodyAloneIsJudgedAlike) {
  ASSERT_EQ(decode({summary_at({at(1)})}), DecodeError::kNone);
  const wire::Header header = decoder_.header();
  MessageDecoder other;
  EXPECT_EQ(other.decode_body(bytes_, header), DecodeError::kNone);
  EXPECT_EQ(other.items().size(), decoder_.items().size());
  EXPECT_TRUE(other.header_sound());
}

}  // namespace
}  // namespace tributary::message
