// SPDX-License-Identifier: Apache-2.0
// What the tests of the edge share: a folder, a clock, and a cloud of one page: a ledger, and a summary for every
// series and window that it merged. It checks on the way what must hold of every message.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "common/ledger/receiver.h"
#include "common/stats/summary.h"
#include "common/wire/message.h"
#include "edge/gateway/gateway_core.h"

namespace tributary::edge {

// A folder in memory where there is one, removed at the end.
class TempFolder {
 public:
  TempFolder() {
    static int counter = 0;
    const std::filesystem::path base =
        ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path();
    path_ = base / ("tributary-edge-" + std::to_string(::getpid()) + "-" + std::to_string(++counter));
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

inline constexpr int64_t kMilli = 1'000'000;
inline constexpr int64_t kStartNs = 1'700'000'000LL * kNanosPerSecond;

struct TestClock {
  Instant now{kStartNs, kNanosPerSecond};
  void advance_ms(int64_t ms) {
    now.wall_ns += ms * kMilli;
    now.mono_ns += ms * kMilli;
  }
};

inline std::string encoded(const stats::Summary& summary) {
  std::vector<uint8_t> bytes(stats::kSummaryBytesMax);
  bytes.resize(summary.encode(bytes));
  return std::string(as_text(Bytes(bytes)));
}

class FakeCloud final : public wire::BodyVisitor {
 public:
  using RowKey = std::tuple<std::string, WidthS, int64_t>;  // series id, width, start

  // Appends and merges one message, as bridge and aggregator would; the ack, encoded.
  std::vector<uint8_t> receive(Bytes message) {
    EXPECT_LE(message.size(), wire::kMessageBytesMax);
    wire::Header header;
    EXPECT_EQ(wire::parse_header(message, header), wire::DecodeError::kNone);
    header_ = header;
    series_.clear();
    EXPECT_EQ(wire::read_body(message, header, *this), wire::DecodeError::kNone);
    ++messages;
    if (header.count == 0) ++idle_messages;
    ledger.claim(header.epoch, header.first_seq + header.count - 1, header.frontier_ns, header.mark_ns);
    if (on_claim) on_claim();
    wire::Ack ack;
    ack.epoch = header.epoch;
    if (header.count > 0) ack.ranges[ack.range_count++] = {header.first_seq, header.first_seq + header.count - 1};
    std::vector<uint8_t> bytes(wire::kAckBytesMax);
    bytes.resize(wire::encode_ack(ack, bytes));
    return bytes;
  }

  // All of a series, merged.
  std::map<std::string, stats::Summary> totals() const {
    std::map<std::string, stats::Summary> out;
    for (const auto& [key, summary] : rows) out[std::get<0>(key)].merge(summary);
    return out;
  }

  ledger::GatewayLedger ledger;
  std::map<RowKey, stats::Summary> rows;
  std::vector<wire::Gap> gaps;
  std::vector<wire::Opening> openings;
  std::vector<wire::LostAtGateway> losses;
  std::vector<ledger::Alarm> alarms;
  uint64_t parked = 0, duplicates = 0, messages = 0, idle_messages = 0, partials = 0;
  std::function<void()> on_claim;
  std::function<void(const std::string& series, Bytes summary)> on_merge;
  std::function<void(uint64_t epoch, uint64_t seq)> on_item;
  std::function<void(const wire::Partial& partial)> on_merged;

  wire::DecodeError on_series(uint32_t index, const wire::SeriesView& view) override {
    EXPECT_EQ(index, series_.size());
    Series series;
    series.device = view.device;
    series.metric = view.metric;
    for (size_t i = 0; i < view.label_count; ++i) {
      series.labels.push_back({std::string(view.labels[i].key), std::string(view.labels[i].value)});
    }
    series.overflow = view.overflow;
    series_.push_back(series.id());
    return wire::check_series_view(view);
  }
  wire::DecodeError on_partial(uint64_t seq, const wire::Partial& partial) override {
    remember(seq, "p" + series_.at(partial.series) + "|" + std::to_string(partial.start_s) + "|" +
                      std::to_string(partial.width_s) + (partial.inherited ? "i" : "b") +
                      std::string(as_text(partial.summary)));
    EXPECT_TRUE(is_window(partial.start_s, partial.width_s));
    stats::Summary::Facts facts;
    EXPECT_TRUE(stats::Summary::inspect(partial.summary, facts));
    EXPECT_TRUE(in_window(facts.first.time_ns, partial.start_s, partial.width_s));
    EXPECT_TRUE(in_window(facts.last.time_ns, partial.start_s, partial.width_s));
    ++partials;
    const ledger::Verdict verdict = ledger.admit(header_.epoch, seq, partial.inherited);
    count(verdict);
    if (verdict == ledger::Verdict::kMerge) {
      const RowKey row{series_.at(partial.series), partial.width_s, partial.start_s};
      EXPECT_TRUE(rows[row].merge_encoded(partial.summary));
      if (on_merge) on_merge(series_.at(partial.series), partial.summary);
      if (on_merged) on_merged(partial);
    }
    return wire::DecodeError::kNone;
  }
  wire::DecodeError on_opening(uint64_t seq, const wire::Opening& opening) override {
    EXPECT_EQ(seq, 1U);
    EXPECT_EQ(header_.count, 1U) << "nothing goes with an opening";
    remember(seq, "o" + std::to_string(opening.predecessor_epoch) + "|" + std::to_string(opening.predecessor_last_seq));
    const auto result = ledger.open(header_.epoch, opening);
    count(result.verdict);
    if (result.verdict != ledger::Verdict::kDuplicate) {
      openings.push_back(opening);
      alarms.push_back(result.alarm);
    }
    return wire::DecodeError::kNone;
  }
  wire::DecodeError on_gap(uint64_t seq, const wire::Gap& gap) override {
    remember(seq, "g" + std::to_string(gap.from_ns) + "|" + std::to_string(gap.to_ns));
    const ledger::Verdict verdict = ledger.admit(header_.epoch, seq, false);
    count(verdict);
    if (verdict == ledger::Verdict::kMerge) gaps.push_back(gap);
    return wire::DecodeError::kNone;
  }
  wire::DecodeError on_lost(uint64_t seq, const wire::LostAtGateway& lost) override {
    const ledger::Verdict verdict = ledger.admit(header_.epoch, seq, false);
    count(verdict);
    if (verdict == ledger::Verdict::kMerge) {
      losses.push_back(lost);
      ledger.lose_at_gateway(header_.epoch, seq);
    }
    if (on_item) on_item(header_.epoch, seq);
    return wire::DecodeError::kNone;
  }

 private:
  void remember(uint64_t seq, const std::string& item) {
    const auto [at, fresh] = items_.try_emplace({header_.epoch, seq}, std::hash<std::string>{}(item));
    if (!fresh) {
      EXPECT_EQ(at->second, std::hash<std::string>{}(item)) << "the bytes of seq " << seq << " differ";
    }
    if (on_item) on_item(header_.epoch, seq);
  }
  void count(ledger::Verdict verdict) {
    if (verdict == ledger::Verdict::kPark) ++parked;
    if (verdict == ledger::Verdict::kDuplicate) ++duplicates;
  }
  wire::Header header_;
  std::vector<std::string> series_;
  std::map<std::pair<uint64_t, uint64_t>, size_t> items_;
};

inline GatewayConfig test_config(const TempFolder& folder) {
  GatewayConfig config;
  config.tenant = "acme";
  config.gateway = "attic";
  config.state_dir = folder.path();
  config.budget_bytes = 8 << 20;
  config.sync = false;
  return config;
}

inline std::unique_ptr<GatewayCore> open_or_die(const GatewayConfig& config, std::mt19937_64& random, Instant now,
                                                CommitHook hook = nullptr) {
  auto opened = GatewayCore::open(
      config, [&random] { return random(); }, now, std::move(hook));
  EXPECT_TRUE(opened.ok()) << (opened ? "" : opened.error().message);
  return opened ? std::move(*opened) : nullptr;
}

// Sends everything over a network without faults until nothing is left to send. How many messages it took.
inline uint64_t drain(GatewayCore& gateway, FakeCloud& cloud, TestClock& clock, int64_t step_ms = 100,
                      int steps = 400) {
  const uint64_t before = cloud.messages;
  gateway.on_connected(clock.now);
  for (int i = 0; i < steps; ++i) {
    EXPECT_TRUE(gateway.tick(clock.now).ok());
    while (auto message = gateway.next_message(clock.now)) {
      gateway.on_ack(cloud.receive(*message), clock.now);
      EXPECT_TRUE(gateway.tick(clock.now).ok());
    }
    clock.advance_ms(step_ms);
    const GatewayStats stats = gateway.stats();
    if (i > 20 && stats.waiting_partials == 0 && stats.flight_items == 0 && stats.open_windows == 0) break;
  }
  return cloud.messages - before;
}

}  // namespace tributary::edge
