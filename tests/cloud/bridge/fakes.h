// SPDX-License-Identifier: Apache-2.0
// A log and MQTT clients in memory, led by the test.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cloud/log/log.h"
#include "common/mqtt/client.h"

namespace tributary::test {

// Keeps records; settles them at once, or when told.
class FakeLog final : public log::Writer {
 public:
  Status append(log::Record record, Done done) override {
    {
      std::lock_guard lock(mutex_);
      if (waiting_.size() >= queue_max_) return Error{ErrorCode::kBusy, "the log's queue is full"};
      waiting_.emplace_back(std::move(record), std::move(done));
      if (holding_) return {};
    }
    settle(true);
    return {};
  }
  const log::LogSettings& settings() const override { return settings_; }
  void flush() override {}
  std::string trouble() const override {
    std::lock_guard lock(mutex_);
    return trouble_;
  }

  void hold(size_t queue_max) {
    std::lock_guard lock(mutex_);
    holding_ = true;
    queue_max_ = queue_max;
  }
  void release() {
    {
      std::lock_guard lock(mutex_);
      holding_ = false;
      queue_max_ = SIZE_MAX;
    }
    settle(true);
  }
  void set_trouble(const std::string& trouble) {
    std::lock_guard lock(mutex_);
    trouble_ = trouble;
  }
  size_t waiting() const {
    std::lock_guard lock(mutex_);
    return waiting_.size();
  }
  std::vector<log::Record> records() const {
    std::lock_guard lock(mutex_);
    return records_;
  }

 private:
  void settle(bool durable) {
    std::deque<std::pair<log::Record, Done>> settled;
    {
      std::lock_guard lock(mutex_);
      settled.swap(waiting_);
      for (const auto& [record, done] : settled) records_.push_back(record);
    }
    for (const auto& [record, done] : settled) {
      if (done) done(durable ? Status() : Status(Error{ErrorCode::kFull, "refused"}));
    }
  }

  log::LogSettings settings_{42, 1, "power"};
  mutable std::mutex mutex_;
  std::deque<std::pair<log::Record, Done>> waiting_;
  std::vector<log::Record> records_;
  bool holding_ = false;
  size_t queue_max_ = SIZE_MAX;
  std::string trouble_;
};

// What a bridge's two clients share with the test. Outlives the bridge.
struct FakeBroker {
  std::mutex mutex;
  std::vector<std::pair<std::string, std::string>> published;
  std::vector<std::string> filters;
  bool up = true;
  mqtt::Client::Handlers subscriber;

  void deliver(const std::string& topic, const std::string& payload, bool retained = false) {
    subscriber.on_message({topic, payload, retained, 1});
  }
  size_t published_count() {
    std::lock_guard lock(mutex);
    return published.size();
  }
  void set_up(bool now_up) {
    std::lock_guard lock(mutex);
    up = now_up;
  }
};

class FakeClient final : public mqtt::Client {
 public:
  explicit FakeClient(FakeBroker& broker) : broker_(broker) {}
  void subscribe(std::string filter, int) override { broker_.filters.push_back(std::move(filter)); }
  void start() override {}
  bool publish(std::string_view topic, std::string_view payload, int, bool) override {
    std::lock_guard lock(broker_.mutex);
    if (broker_.up) broker_.published.emplace_back(topic, payload);
    return broker_.up;
  }
  bool connected() const override {
    std::lock_guard lock(broker_.mutex);
    return broker_.up;
  }
  int inflight() const override { return 0; }
  void stop(int) override {}

 private:
  FakeBroker& broker_;
};

}  // namespace tributary::test
