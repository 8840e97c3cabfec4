// SPDX-License-Identifier: Apache-2.0
// A gateway that only remembers what it was given, for tests of what stands around it.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "edge/gateway/gateway.h"

namespace tributary::test {

class FakeGateway final : public edge::Gateway {
 public:
  struct Reading {
    std::string device, metric;
    std::optional<int64_t> time_ns;
    double value = 0;
    int64_t arrived_ns = 0;
  };
  std::vector<Reading> readings;
  std::map<std::string, uint64_t, std::less<>> rejected, left_out;
  std::vector<std::string> acks;
  std::deque<std::string> outgoing;  // what next_message gives, one after another
  int connects = 0, ticks = 0;
  bool closed = false, synchronised = true;
  edge::GatewayProgress now;  // what progress() tells
  Instant closed_at{};
  edge::GatewayStats told;

  const edge::RecoveryReport& recovery() const override { return recovery_; }
  bool accept(const reading::Reading& one, Instant now) override {
    readings.push_back({std::string(one.device), std::string(one.metric), one.time_ns, one.value.number, now.wall_ns});
    return true;
  }
  void reject(reading::Reject reason, std::string_view, std::string_view, uint64_t count) override {
    rejected[reading::to_string(reason)] += count;
  }
  void leave_out(reading::Reject reason, std::string_view) override { ++left_out[reading::to_string(reason)]; }
  Status tick(Instant) override {
    ++ticks;
    return {};
  }
  std::optional<Bytes> next_message(Instant) override {
    if (outgoing.empty()) return std::nullopt;
    current_ = outgoing.front();
    outgoing.pop_front();
    return as_bytes(current_);
  }
  void on_clock_synchronised() override { synchronised = true; }
  bool clock_set() const override { return synchronised; }
  void message_not_sent() override { outgoing.push_front(current_); }
  void on_connected(Instant) override { ++connects; }
  void on_ack(Bytes payload, Instant) override { acks.emplace_back(as_text(payload)); }
  edge::GatewayStats stats() const override { return told; }
  edge::GatewayProgress progress() const override { return now; }
  std::string status_json(bool online, Instant) const override {
    return online ? R"({"state":"online"})" : R"({"state":"offline"})";
  }
  Status close(Instant now) override {
    closed = true;
    closed_at = now;
    return {};
  }

  std::map<std::string, double> values() const {
    std::map<std::string, double> out;
    for (const Reading& one : readings) out[one.device + "/" + one.metric] = one.value;
    return out;
  }

 private:
  edge::RecoveryReport recovery_;
  std::string current_;
};

}  // namespace tributary::test
