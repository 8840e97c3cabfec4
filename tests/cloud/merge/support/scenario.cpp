// SPDX-License-Identifier: Apache-2.0
// Random histories: see scenario.h.
#include "tests/cloud/merge/support/scenario.h"

namespace tributary::testing {
namespace {

constexpr WidthS kWidths[] = {10, 10, 10, 10, 1, 5, 30, 60, 60, 900, 3600, 86400, kAllTime};

struct Sender {
  GatewaySim gateway;
  // Sent, not delivered yet: reordered, doubled.
  std::vector<std::pair<log::Record, std::vector<Part>>> pending;
};

class Maker {
 public:
  Maker(uint64_t seed, const ScenarioConfig& config) : random_(seed), config_(config) {
    now_s_ = 1'600'000'000 + static_cast<int64_t>(pick(random_, 400 * 86400));
    out_.begin_s = now_s_;
    for (uint64_t i = 0; i < 3; ++i) {
      senders_.push_back({GatewaySim(kTenants[i == 2], "gateway-" + std::to_string(i % 2), 100 + i), {}});
      add(senders_.back().gateway.open(now_s_), kTenants[i == 2], {});
    }
  }

  Scenario run() {
    while (out_.records.size() < config_.records) step();
    for (Sender& sender : senders_) deliver(sender, true);
    out_.end_s = now_s_;
    return std::move(out_);
  }

 private:
  void add(log::Record record, const std::string& tenant, const std::vector<Part>& parts) {
    for (const Part& part : parts) {
      out_.oracle.add(tenant, part);
      out_.counted_by.push_back(out_.records.size());
    }
    out_.records.add(std::move(record));
  }

  void step() {
    advance();
    Sender& sender = senders_[pick(random_, senders_.size())];
    switch (pick(random_, 20)) {
      case 0:
        add(make_record(log::RecordKind::kStatus, sender.gateway.tenant(), sender.gateway.name(), now_s_,
                        R"({"state":"online","version":"1.2.3"})"),
            sender.gateway.tenant(), {});
        return;
      case 1: {
        // Rejected: its seqs are settled, its partials count nowhere.
        log::Record record = sender.gateway.send({random_part(), random_part()}, now_s_);
        record.kind = log::RecordKind::kRejected;
        record.reason = "bad_summary";
        add(std::move(record), sender.gateway.tenant(), {});
        return;
      }
      case 2:
        ingest();
        return;
      case 3:
        add(sender.gateway.send({wire::Gap{now_s_ * kNanosPerSecond - 5, now_s_ * kNanosPerSecond}}, now_s_),
            sender.gateway.tenant(), {});
        return;
      case 4: {
        // Damaged on the way: nothing of it counts.
        log::Record record = sender.gateway.send({random_part()}, now_s_);
        record.payload[record.payload.size() - 1 - pick(random_, 20)] ^= 0x10;
        add(std::move(record), sender.gateway.tenant(), {});
        return;
      }
      default:
        send(sender);
        deliver(sender, false);
    }
  }

  void advance() {
    if (chance(random_, 70)) now_s_ += static_cast<int64_t>(pick(random_, 120));
    if (chance(random_, 8)) now_s_ += static_cast<int64_t>(pick(random_, 7200));
    if (chance(random_, 1)) now_s_ += static_cast<int64_t>(pick(random_, 3 * 86400));
  }

  Part random_part() {
    static const char* const kDevices[] = {"d1", "d2", "d3", "d4"};
    const std::string device = kDevices[pick(random_, 4)];
    const std::string metric = kMetrics[pick(random_, 2)];
    std::vector<Label> labels;
    if (chance(random_, 60)) labels.push_back({"site", chance(random_, 50) ? "roof" : "cellar"});
    if (metric == "temperature") labels.push_back({"unit", "°C"});
    const WidthS width_s = config_.wild_widths ? kWidths[pick(random_, std::size(kWidths))] : 10;
    int64_t start_s = now_s_ - static_cast<int64_t>(pick(random_, 60));
    if (width_s >= 900) start_s -= width_s;  // its readings lie anywhere in it, and none may lie ahead
    if (chance(random_, 20)) start_s -= static_cast<int64_t>(pick(random_, 5400));
    if (chance(random_, 10)) start_s -= static_cast<int64_t>(pick(random_, 40 * 86400));
    if (chance(random_, 1)) start_s = -static_cast<int64_t>(pick(random_, 86400));
    return make_part(random_, make_series(device, metric, std::move(labels)), start_s, width_s);
  }

  void send(Sender& sender) {
    std::vector<Item> items;
    std::vector<Part> parts;
    for (uint64_t left = 1 + pick(random_, 12); left > 0; --left) {
      parts.push_back(random_part());
      items.emplace_back(parts.back());
    }
    sender.pending.emplace_back(sender.gateway.send(items, now_s_, now_s_ - 15), std::move(parts));
  }

  // In any order, some twice, now or later; at last, all.
  void deliver(Sender& sender, bool all) {
    while (!sender.pending.empty() && (all || sender.pending.size() > 4 || chance(random_, 60))) {
      const size_t at = pick(random_, sender.pending.size());
      auto& [record, parts] = sender.pending[at];
      record.append_ns = now_s_ * kNanosPerSecond;
      add(record, sender.gateway.tenant(), parts);
      if (chance(random_, 25)) {
        parts.clear();  // once more later: nothing new
      } else {
        sender.pending.erase(sender.pending.begin() + static_cast<ptrdiff_t>(at));
      }
    }
  }

  void ingest() {
    std::vector<Part> parts = {random_part()};
    log::Record record =
        make_record(log::RecordKind::kIngest, "demo", parts[0].series.device, now_s_, make_message(1, 1, {parts[0]}));
    if (chance(random_, 50)) record.idempotency_key = "request-" + std::to_string(out_.records.size());
    const bool repeated = !record.idempotency_key.empty() && chance(random_, 50);
    const log::Record again = record;
    add(std::move(record), "demo", parts);
    if (repeated) add(again, "demo", {});
  }

  Random random_;
  ScenarioConfig config_;
  int64_t now_s_ = 0;
  std::vector<Sender> senders_;
  Scenario out_;
};

}  // namespace

Scenario make_scenario(uint64_t seed, const ScenarioConfig& config) { return Maker(seed, config).run(); }

query::Selection random_selection(Random& random) {
  query::Selection selection;
  selection.tenant = kTenants[pick(random, 2)];
  selection.metric = chance(random, 95) ? kMetrics[pick(random, 2)] : "unknown";
  if (chance(random, 50)) {
    for (const char* device : {"d1", "d2", "d3", "d4", "d5"}) {
      if (chance(random, 40)) selection.devices.emplace_back(device);
    }
  }
  if (chance(random, 30)) selection.labels.push_back({"site", chance(random, 50) ? "roof" : "cellar"});
  return selection;
}

query::Range random_range(Random& random, const Scenario& scenario) {
  auto bound = [&] {
    static constexpr int64_t kAlign[] = {1, 10, 60, 900, 3600, 86400, 86400};
    const int64_t span_s = chance(random, 50) ? 4 * 3600 : 50 * 86400;
    int64_t at_s = scenario.end_s + 100'000 - static_cast<int64_t>(pick(random, span_s)) - 90'000;
    if (chance(random, 5)) at_s = static_cast<int64_t>(pick(random, 200'000)) - 100'000;
    const int64_t align = kAlign[pick(random, std::size(kAlign))];
    int64_t at_ns = floor_div(at_s, align) * align * kNanosPerSecond;
    if (chance(random, 20)) at_ns += static_cast<int64_t>(pick(random, kNanosPerSecond));
    return at_ns;
  };
  query::Range range;
  if (chance(random, 85)) range.from_ns = bound();
  if (chance(random, 85)) range.to_ns = bound();
  if (range.from_ns && range.to_ns && *range.from_ns > *range.to_ns && chance(random, 95)) {
    std::swap(*range.from_ns, *range.to_ns);
  }
  return range;
}

}  // namespace tributary::testing
