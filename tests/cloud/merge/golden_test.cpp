// SPDX-License-Identifier: Apache-2.0
// Records once written are kept in tests/data/state with the digest of the state that was merged from them then: while
// the state's format is 1, whatever is stored, rows, series, ledgers, gateways, changes, dead letters, has the same
// bytes. With TRIBUTARY_WRITE_GOLDEN set, files that are missing are written.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cloud/log/record.h"
#include "common/base/bytes.h"
#include "tests/cloud/merge/support/support.h"

namespace tributary::testing {
namespace {

constexpr int64_t kDay = 1'700'006'400;  // midnight, UTC

// Three days of two gateways and of posts: every width and level, fleets, late ones, a restored copy that is parked, a
// loss, a gap, rejections, statuses, a repeated request. No random numbers but the generator's own.
std::vector<std::string> records() {
  Random random(1);
  std::vector<std::string> out;
  const auto put = [&](log::Record record) {
    record.log_id = 7;
    out.push_back(log::encode_record(record));
  };
  GatewaySim attic("demo", "attic", 11), cellar("demo", "cellar", 21);
  const Series inside = make_series("a1", "temperature", {{"unit", "C"}}), outside = make_series("c1", "temperature");
  put(attic.open(kDay));
  put(cellar.open(kDay + 1));
  for (int64_t hour = 0; hour < 60; ++hour) {
    const int64_t now = kDay + hour * 3600 + 1800;
    std::vector<Item> items;
    for (const WidthS width : {WidthS{10}, WidthS{60}, WidthS{900}}) {
      items.push_back(make_part(random, inside, window_start_s(now - 1800, width), width));
    }
    if (hour % 7 == 0) items.push_back(make_part(random, inside, window_start_s(now - 40 * 3600, 3600), 3600));
    if (hour % 24 == 5) items.push_back(make_part(random, inside, window_start_s(now, 86400) - 86400, 86400));
    if (hour == 30) items.push_back(make_part(random, inside, 0, kAllTime));
    if (hour == 12) items.push_back(wire::Gap{.from_ns = (now - 9) * kNanosPerSecond, .to_ns = now * kNanosPerSecond});
    if (hour == 13) items.push_back(wire::LostAtGateway{.start_s = window_start_s(now, 10), .width_s = 10});
    if (hour == 20) attic.skip(3);
    put(attic.send(items, now, now - 60));
    put(cellar.send({make_part(random, outside, window_start_s(now - 30, 10), 10)}, now + 1, now));
    put(make_record(log::RecordKind::kStatus, "demo", "attic", now + 2, R"({"state":"online"})"));
  }
  const int64_t end = kDay + 61 * 3600;
  log::Record rejected = attic.send({make_part(random, inside, window_start_s(end, 10), 10)}, end);
  rejected.kind = log::RecordKind::kRejected;
  rejected.reason = "future";
  put(rejected);
  for (int twice = 0; twice < 2; ++twice) {
    log::Record post = make_record(log::RecordKind::kIngest, "other", "shed", end + twice,
                                   make_message(1, 1, {make_part(random, outside, window_start_s(end - 60, 60), 60)}));
    post.idempotency_key = "once";
    put(post);
  }
  // An older copy of cellar's outbox in use again: its inherited partial is parked.
  GatewaySim copy = cellar.next_epoch(22);
  put(copy.open(end + 5, {.predecessor_epoch = 21, .predecessor_last_seq = 30}));
  Part inherited = make_part(random, outside, window_start_s(end - 3600, 10), 10);
  inherited.inherited = true;
  put(copy.send({inherited, make_part(random, outside, window_start_s(end, 10), 10)}, end + 6, end));
  return out;
}

std::string framed(const std::vector<std::string>& records) {
  std::string out;
  for (const std::string& record : records) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(record.size() >> 8 * i));
    out += record;
  }
  return out;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What the records make of a new state, merged in batches of the size.
std::string digest_of(const std::string& bytes, size_t batch) {
  Records log;
  ByteReader in(as_bytes(bytes));
  while (in.remaining() > 0) {
    const size_t size = in.u32();
    auto record = log::decode_record(as_text(in.bytes(size)));
    CHECK(in.ok() && record.ok());
    log.add(std::move(record).value());
  }
  const Folder folder;
  const auto state = open_state(state_config(folder.path("state")));
  Random random(2);
  merge_all(*state, log, batch, random);
  return state->state().digest() + "\n";
}

TEST(GoldenState, KeptRecordsMakeTheSameStateWhileItsFormatIs1) {
  const std::filesystem::path folder = std::filesystem::path(TRIBUTARY_TEST_DATA) / "state" / "v1";
  if (!std::filesystem::exists(folder) && std::getenv("TRIBUTARY_WRITE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(folder);
    const std::string bytes = framed(records());
    std::ofstream(folder / "records.bin", std::ios::binary) << bytes;
    std::ofstream(folder / "digest.txt") << digest_of(bytes, 10);
  }
  const std::string kept = read_file(folder / "records.bin");
  ASSERT_FALSE(kept.empty()) << folder;
  for (const size_t batch : {size_t{1}, size_t{10}, size_t{1000}}) {
    EXPECT_EQ(digest_of(kept, batch), read_file(folder / "digest.txt")) << batch;
  }
}

}  // namespace
}  // namespace tributary::testing
