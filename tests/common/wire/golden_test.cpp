// SPDX-License-Identifier: Apache-2.0
// Messages and acknowledgements encoded once are kept in tests/data/wire and decode for ever. What is encoded today is
// the same, byte for byte. With TRIBUTARY_WRITE_GOLDEN set, files that are missing are written.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "tests/common/wire/recorder.h"

namespace tributary::wire {
namespace {

using ByteVector = std::vector<uint8_t>;

struct Golden {
  const char* name;
  std::function<ByteVector()> encode;
  std::function<std::vector<std::string>(Bytes)> describe;
  std::vector<std::string> content;
};

ByteVector message(const Header& header, const std::function<void(MessageBuilder&)>& fill) {
  ByteVector buffer(kMessageBytesMax);
  MessageBuilder builder(buffer);
  fill(builder);
  Bytes bytes = builder.finish(header);
  return {bytes.begin(), bytes.end()};
}

std::vector<std::string> describe_message(Bytes bytes) {
  Header header;
  std::vector<std::string> seen = read_all(bytes, header);
  seen.insert(seen.begin(), "epoch " + std::to_string(header.epoch) + " first " + std::to_string(header.first_seq) +
                                " frontier " + std::to_string(header.frontier_ns) + " mark " +
                                std::to_string(header.mark_ns));
  return seen;
}

std::vector<std::string> describe_ack(Bytes bytes) {
  Ack ack;
  if (!decode_ack(bytes, ack)) return {"none"};
  std::vector<std::string> seen = {"epoch " + std::to_string(ack.epoch)};
  for (size_t i = 0; i < ack.range_count; ++i) {
    seen.push_back(std::to_string(ack.ranges[i].first) + "-" + std::to_string(ack.ranges[i].last));
  }
  return seen;
}

std::vector<Golden> goldens() {
  return {
      {"idle.bin",
       [] {
         return message({.epoch = 0x0123456789abcdef,
                         .first_seq = 42,
                         .frontier_ns = 1767225600000000000,
                         .mark_ns = 1767225605123456789},
                        [](MessageBuilder&) {});
       },
       describe_message,
       {"epoch 81985529216486895 first 42 frontier 1767225600000000000 mark 1767225605123456789"}},
      {"opening.bin",
       [] {
         return message({.epoch = 7, .first_seq = 1}, [](MessageBuilder& builder) {
           Opening opening{.predecessor_epoch = 6,
                           .predecessor_last_seq = 1000,
                           .machine_id = {},
                           .last_durable_ns = 1767225599000000000};
           for (size_t i = 0; i < 16; ++i) opening.machine_id[i] = static_cast<uint8_t>(i + 1);
           builder.add(opening);
         });
       },
       describe_message,
       {"epoch 7 first 1 frontier 0 mark 0",
        "1: opening 6/1000 1767225599000000000 1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16."}},
      {"items.bin",
       [] {
         return message(
             {.epoch = UINT64_MAX, .first_seq = 2, .frontier_ns = -1, .mark_ns = 5}, [](MessageBuilder& builder) {
               SeriesView kitchen{.device = "Küche", .metric = "temperature"};
               kitchen.labels[0] = {"site", "home"};
               kitchen.labels[1] = {"unit", "°C"};
               kitchen.label_count = 2;
               builder.add_series(kitchen);
               builder.add(Partial{.series = 0, .start_s = 1767225600, .width_s = 10, .summary = as_bytes("first")});
               builder.add(Partial{
                   .series = 0, .start_s = -86400, .width_s = 86400, .inherited = true, .summary = as_bytes("second")});
               builder.add_series({.device = "", .metric = "requests_total", .kind = 1, .overflow = true});
               builder.add(Partial{
                   .series = 1, .start_s = 0, .width_s = 0, .time_estimated = true, .summary = as_bytes("third")});
               builder.add(Gap{-5, 5, GapCause::kCrash});
               builder.add(Gap{1, 1, GapCause::kOutboxReplaced});
               builder.add(LostAtGateway{900, 900});
               builder.add(LostAtGateway{});
             });
       },
       describe_message,
       {"epoch 18446744073709551615 first 2 frontier -1 mark 5", "#0 series Küche/temperature site=home unit=°C kind 0",
        "2: partial 0 [1767225600 +10] first", "3: partial 0 [-86400 +86400] inherited second",
        "#1 series /requests_total kind 1 overflow", "4: partial 1 [0 +0] estimated third", "5: gap -5 5 cause 1",
        "6: gap 1 1 cause 3", "7: lost 900 +900", "8: lost 0 +0"}},
      {"ack.bin",
       [] {
         Ack ack{.epoch = 0x8000000000000001};
         ack.ranges[0] = {1, 1};
         ack.ranges[1] = {3, 1026};
         ack.ranges[2] = {kSeqMax, UINT64_MAX};
         ack.range_count = 3;
         ByteVector bytes(kAckBytesMax);
         bytes.resize(encode_ack(ack, bytes));
         return bytes;
       },
       describe_ack,
       {"epoch 9223372036854775809", "1-1", "3-1026", "9223372036854775807-18446744073709551615"}},
  };
}

TEST(Golden, Version1DecodesForEverAndIsWrittenTheSame) {
  const std::filesystem::path folder = std::filesystem::path(TRIBUTARY_TEST_DATA) / "wire" / "v1";
  for (const Golden& golden : goldens()) {
    SCOPED_TRACE(golden.name);
    const std::filesystem::path path = folder / golden.name;
    if (!std::filesystem::exists(path) && std::getenv("TRIBUTARY_WRITE_GOLDEN") != nullptr) {
      ByteVector made = golden.encode();
      std::ofstream(path, std::ios::binary)
          .write(reinterpret_cast<const char*>(made.data()), static_cast<std::streamsize>(made.size()));
    }
    std::ifstream file(path, std::ios::binary);
    ASSERT_TRUE(file) << path;
    ByteVector kept{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(golden.describe(kept), golden.content);
    EXPECT_EQ(golden.encode(), kept);
  }
}

}  // namespace
}  // namespace tributary::wire
