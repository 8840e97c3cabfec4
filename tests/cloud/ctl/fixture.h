// SPDX-License-Identifier: Apache-2.0
// A log and the state merged from it, of a day of one gateway, and commands run on them as from a command line.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "cloud/ctl/command.h"
#include "tests/cloud/merge/support/support.h"

namespace tributary::ctl {

struct Ran {
  int code = 0;
  std::string out, err;
  bool says(const std::string& text) const { return out.find(text) != std::string::npos; }
};

inline Ran run(const Command& command, std::map<std::string, std::vector<std::string>, std::less<>> given) {
  for (const Option& option : command.options) {
    const std::string names = option.names, name = names.substr(0, names.find(','));
    if (option.otherwise != nullptr) given.try_emplace(name, std::vector<std::string>{option.otherwise});
  }
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Ran ran;
  ran.code = command.run(Arguments{std::move(given)});
  std::fflush(stdout);
  ran.out = ::testing::internal::GetCapturedStdout();
  ran.err = ::testing::internal::GetCapturedStderr();
  return ran;
}

inline constexpr int64_t kNow = 1'700'000'000;  // 2023-11-14T22:13:20Z
inline constexpr uint64_t kEpoch = 0xabc;

class StoredTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log_.url = "lmdb://" + folder_.path("log");
    log_.partitions = 1;
    log_.sync = false;
    auto writer = log::open_writer(log_);
    CHECK(writer.ok());
    writer_ = std::move(writer).value();
    merging_ = testing::open_state(testing::state_config(folder_.path("state/partition-0")));
  }
  void append(log::Record record) {
    std::promise<Status> done;
    CHECK(writer_->append(std::move(record), [&](const Status& status) { done.set_value(status); }).ok());
    CHECK(done.get_future().get().ok());
  }
  void merge() {
    auto reader = log::open_reader(log_);
    CHECK(reader.ok());
    while (merging_->position() < (*reader)->bounds(0)->end) {
      const auto batch = (*reader)->read(0, merging_->position(), 100, 1 << 20, 1000);
      CHECK(batch.ok() && merging_->merge(*batch).ok());
    }
  }
  // Of a thermometer that said the value n times from start_s on.
  static testing::Part part(int64_t start_s, WidthS width_s, double value, int n) {
    stats::Summary summary;
    for (int i = 0; i < n; ++i) summary.add(start_s * kNanosPerSecond + i, value);
    return {.series = testing::make_series("attic", "temperature", {{"unit", "C"}}),
            .start_s = start_s,
            .width_s = width_s,
            .summary = testing::encoded(summary)};
  }
  // Each kind of record, and each kind of item.
  void fill() {
    testing::Part inherited = part(kNow - 20, 10, 20.5, 3);
    inherited.inherited = true;
    append(gateway_.open(kNow));
    append(gateway_.send({part(kNow - 10, 10, 21.5, 2), inherited,
                          wire::Gap{.from_ns = (kNow - 60) * kNanosPerSecond, .to_ns = (kNow - 50) * kNanosPerSecond},
                          wire::LostAtGateway{.start_s = kNow - 40, .width_s = 10}},
                         kNow, kNow - 5));
    gateway_.skip(1);  // seq 6 never arrives
    append(gateway_.send({part(kNow - 3600, 10, -3, 1)}, kNow + 1));
    log::Record rejected = gateway_.send({part(kNow, 10, 1, 1)}, kNow + 2);
    rejected.kind = log::RecordKind::kRejected;
    rejected.reason = "future";
    append(rejected);
    append(testing::make_record(log::RecordKind::kStatus, "demo", "pi", kNow + 3, R"({"state":"online"})"));
    log::Record posted = testing::make_record(log::RecordKind::kIngest, "demo", "shed", kNow + 4,
                                              testing::make_message(1, 1, {part(kNow - 10, 10, 7, 1)}));
    posted.idempotency_key = "again\x1b";
    append(posted);
    merge();
  }
  std::string state_dir() const { return folder_.path("state"); }

  testing::Folder folder_;
  log::LogConfig log_;
  std::unique_ptr<log::Writer> writer_;
  std::unique_ptr<merge::StateWriter> merging_;
  testing::GatewaySim gateway_{"demo", "pi", kEpoch};
};

}  // namespace tributary::ctl
