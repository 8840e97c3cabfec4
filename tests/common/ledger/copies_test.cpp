// SPDX-License-Identifier: Apache-2.0
// Outboxes that are copied, restored and run twice, by a seed: whatever copies of one card do and in whatever order the
// cloud hears of it, no partial merges twice, and each is merged or set aside under its name.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "tests/common/ledger/checked_ledger.h"

namespace tributary::ledger {
namespace {

constexpr int64_t kMinuteNs = 60 * kNanosPerSecond;

struct Fact {
  int64_t time_ns = 0;
  int merged = 0;
  bool parked = false;
};

struct Item {
  std::optional<wire::Opening> opening;
  size_t fact = 0;
  bool inherited = false;
};

struct Waiting {
  size_t fact = 0;
  uint64_t born = 0;  // the epoch in which it was accepted
};

// An outbox as a value: copying it is what copying the card does.
struct Outbox {
  uint64_t epoch = 0, next_seq = 1;
  int64_t durable_ns = 0;
  std::vector<Waiting> waiting;
  std::vector<std::pair<uint64_t, std::map<uint64_t, Item>>> flight;  // by epoch, the oldest first
};

struct Message {
  uint64_t epoch = 0, last = 0;
  std::map<uint64_t, Item> items;
  int64_t frontier_ns = 0, mark_ns = 0;
};

class Copies {
 public:
  explicit Copies(uint64_t seed) : random_(seed) {
    boxes_.push_back({});
    restart(boxes_.back());
  }

  void step() {
    now_ns_ += static_cast<int64_t>(below(below(20) == 0 ? 30 : 2)) * kMinuteNs;
    Outbox& box = boxes_[below(boxes_.size())];
    uint64_t choice = below(100);
    if (choice < 30) return accept(box);
    if (choice < 50) return freeze(box, 1 + below(6));
    if (choice < 72) return send(box);
    if (choice < 92) return deliver();
    if (choice < 96) return restart(box);
    if (choice < 98 || snapshots_.empty()) {
      snapshots_.push_back(box);
      return;
    }
    // An older copy comes to life, beside the original or in its place.
    Outbox copy = snapshots_[below(snapshots_.size())];
    restart(copy);
    if (boxes_.size() >= 3 || below(2) == 0) {
      box = std::move(copy);
    } else {
      boxes_.push_back(std::move(copy));
    }
  }

  void drain() {
    for (int round = 0; round < 20'000; ++round) {
      bool more = !network_.empty();
      for (Outbox& box : boxes_) {
        freeze(box, 10);
        send(box);
        more = more || !box.flight.empty() || !box.waiting.empty();
      }
      deliver();
      if (!more) return;
    }
    FAIL() << "it never ends";
  }

  const std::vector<Fact>& facts() const { return facts_; }
  size_t box_count() const { return boxes_.size(); }
  const CheckedLedger& ledger() const { return ledger_; }
  // What some outbox still held, or some message carried, when the last copy of it went away.
  bool reached_the_log(size_t fact) const { return heard_.contains(fact); }

 private:
  uint64_t below(uint64_t bound) { return random_() % bound; }

  void restart(Outbox& box) {
    wire::Opening opening{
        .predecessor_epoch = box.epoch, .predecessor_last_seq = box.next_seq - 1, .last_durable_ns = box.durable_ns};
    box.epoch = random_() | 1;
    box.flight.push_back({box.epoch, {{1, Item{.opening = opening}}}});
    box.next_seq = 2;
    box.durable_ns = now_ns_;
  }

  void accept(Outbox& box) {
    box.waiting.push_back({facts_.size(), box.epoch});
    facts_.push_back({.time_ns = now_ns_ + static_cast<int64_t>(below(11)) * kMinuteNs - 5 * kMinuteNs});
    box.durable_ns = now_ns_;
  }

  void freeze(Outbox& box, uint64_t count) {
    for (; count > 0 && !box.waiting.empty(); --count) {
      size_t at = below(box.waiting.size());
      Waiting waiting = box.waiting[at];
      box.waiting.erase(box.waiting.begin() + static_cast<std::ptrdiff_t>(at));
      if (box.flight.empty() || box.flight.back().first != box.epoch) box.flight.push_back({box.epoch, {}});
      box.flight.back().second[box.next_seq++] =
          Item{.opening = {}, .fact = waiting.fact, .inherited = waiting.born != box.epoch};
    }
    box.durable_ns = now_ns_;
  }

  void send(Outbox& box) {
    // Openings one after another; nothing of an epoch before its opening.
    size_t ready = 0;
    while (ready < box.flight.size() && !box.flight[ready].second.contains(1)) ++ready;
    if (box.flight.empty()) return;
    size_t index = below(std::min(ready + 1, box.flight.size()));
    auto& [epoch, items] = box.flight[index];
    Message message{.epoch = epoch, .last = 0, .items = {}, .frontier_ns = now_ns_, .mark_ns = now_ns_};
    auto at = items.begin();
    if (at->first != 1) std::advance(at, static_cast<std::ptrdiff_t>(below(items.size())));
    size_t count = at->first == 1 ? 1 : 1 + below(4);
    for (uint64_t seq = at->first; at != items.end() && at->first == seq && count > 0; ++at, ++seq, --count) {
      message.items.insert(*at);
      message.last = seq;
    }
    for (const Waiting& waiting : box.waiting) {
      message.frontier_ns = std::min(message.frontier_ns, facts_[waiting.fact].time_ns);
    }
    for (size_t i = index; i < box.flight.size(); ++i) {
      for (const auto& [seq, item] : box.flight[i].second) {
        if (item.opening || (i == index && seq <= message.last)) continue;
        message.frontier_ns = std::min(message.frontier_ns, facts_[item.fact].time_ns);
      }
    }
    network_.push_back(std::move(message));
  }

  void deliver() {
    if (network_.empty()) return;
    size_t at = below(network_.size());
    Message message = network_[at];
    if (below(5) != 0) network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(at));
    for (const auto& [seq, item] : message.items) {
      if (item.opening) {
        ledger_.open(message.epoch, *item.opening);
        continue;
      }
      Fact& fact = facts_[item.fact];
      heard_.insert(item.fact);
      Verdict verdict = ledger_.admit(message.epoch, seq, item.inherited);
      fact.merged += verdict == Verdict::kMerge ? 1 : 0;
      fact.parked = fact.parked || verdict == Verdict::kPark;
      ASSERT_LE(fact.merged, 1) << "doubled: epoch " << message.epoch << " seq " << seq;
    }
    ledger_.claim(message.epoch, message.last, message.frontier_ns, message.mark_ns);
    if (below(5) == 0) return;  // the ack is lost
    for (Outbox& box : boxes_) {
      for (auto& [epoch, items] : box.flight) {
        if (epoch != message.epoch) continue;
        for (const auto& [seq, item] : message.items) items.erase(seq);
      }
      std::erase_if(box.flight, [](const auto& entry) { return entry.second.empty(); });
    }
  }

  std::mt19937_64 random_;
  int64_t now_ns_ = 1'000 * 24 * 60 * kMinuteNs;
  std::vector<Outbox> boxes_, snapshots_;
  std::vector<Message> network_;
  std::vector<Fact> facts_;
  std::set<size_t> heard_;
  CheckedLedger ledger_;
};

TEST(Copies, OfAnOutboxDoubleNothingAndSetNothingAsideUnnamed) {
  uint64_t merged = 0, parked = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Copies world(seed);
    for (int i = 0; i < 400; ++i) {
      world.step();
      if (testing::Test::HasFatalFailure()) return;
    }
    world.drain();
    if (testing::Test::HasFatalFailure()) return;
    for (size_t i = 0; i < world.facts().size(); ++i) {
      const Fact& fact = world.facts()[i];
      EXPECT_TRUE(fact.merged == 1 || fact.parked || !world.reached_the_log(i));
      merged += static_cast<uint64_t>(fact.merged);
      parked += fact.parked && fact.merged == 0 ? 1 : 0;
    }
    if (testing::Test::HasFailure()) return;
  }
  RecordProperty("merged", std::to_string(merged));
  RecordProperty("parked", std::to_string(parked));
  EXPECT_GT(merged, parked);
}

}  // namespace
}  // namespace tributary::ledger
