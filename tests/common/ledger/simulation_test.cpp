// SPDX-License-Identifier: Apache-2.0
// Gateways, a network and a log in one process, driven by a seed: messages vanish, repeat and overtake each other, the
// edge restarts, bridges reject, the log itself loses records. A model that knows everything checks each step: no
// partial merges twice, no claim is true too early, and in the end everything is merged or named.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "common/ledger/sender.h"
#include "tests/common/ledger/checked_ledger.h"

namespace tributary::ledger {
namespace {

struct PartialFact {
  int64_t time_ns = 0, accepted_ns = 0;
  int born_index = 0;
  uint64_t epoch = 0, seq = 0;  // 0: waiting still
  int merged = 0;
};

struct Faults {
  int drop_percent = 10, repeat_percent = 15, ack_loss_percent = 20, reject_percent = 0, log_loss_percent = 0;
  int restart_percent = 1;
};

class World {
 public:
  World(uint64_t seed, Faults faults) : random_(seed), faults_(faults) { restart(); }

  void step() {
    now_ns_ += 1 + static_cast<int64_t>(below(3));
    uint64_t choice = below(100);
    if (choice < static_cast<uint64_t>(faults_.restart_percent)) return restart();
    if (choice < 40) return accept(1 + below(5));
    if (choice < 55) return freeze(1 + below(40));
    if (choice < 75) return send();
    if (choice < 92) return deliver(faults_.drop_percent);
    take_ack();
  }

  // Everything goes through, until nothing is under way any more.
  void drain() {
    faults_.drop_percent = faults_.ack_loss_percent = faults_.reject_percent = faults_.log_loss_percent = 0;
    for (int round = 0; round < 1'000'000 && (under_way() || !waiting_.empty()); ++round) {
      now_ns_ += 1;
      freeze(100);
      send();
      deliver(0);
      take_ack();
    }
    ASSERT_FALSE(under_way());
    send_idle();
    while (!network_.empty()) deliver(0);
  }

  void accept(uint64_t count) {
    for (; count > 0; --count) {
      waiting_.push_back(facts_.size());
      facts_.push_back(
          {.time_ns = now_ns_ - static_cast<int64_t>(below(200)), .accepted_ns = now_ns_, .born_index = epoch_index_});
    }
  }

  void restart() {
    Epoch epoch{.id = random_() | 1, .opening = {}, .window = SendWindow(), .items = {}};
    if (!epochs_.empty()) {
      epoch.opening.predecessor_epoch = epochs_.back()->id;
      epoch.opening.predecessor_last_seq = epochs_.back()->window.next_seq() - 1;
      epoch.opening.last_durable_ns = now_ns_;
    }
    epoch.unacked.insert(epoch.window.freeze(1));  // the opening
    epoch.items[1] = kOpening;
    epochs_.push_back(std::make_unique<Epoch>(std::move(epoch)));
    ++epoch_index_;
  }

  // Makes the seqs that prove what of the log is lost: more than a span in an epoch after everything else.
  void prove_losses() {
    restart();
    accept(2 * kSpanMax);
    drain();
    restart();
    accept(2 * kSpanMax);
    drain();
  }

  void replay_lost_and_rejected() {
    std::set<std::pair<uint64_t, uint64_t>> missing = rejected_;
    missing.insert(log_lost_.begin(), log_lost_.end());
    for (auto [epoch, seq] : missing) log_item(*find(epoch), seq);
    // The next message closes what is complete now.
    send_idle();
    while (!network_.empty()) deliver(0);
  }

  const CheckedLedger& ledger() const { return ledger_; }
  const std::vector<PartialFact>& facts() const { return facts_; }
  const std::set<std::pair<uint64_t, uint64_t>>& log_lost() const { return log_lost_; }
  const std::set<std::pair<uint64_t, uint64_t>>& rejected() const { return rejected_; }
  size_t epoch_count() const { return epochs_.size(); }
  int64_t now_ns() const { return now_ns_; }

  void expect_all_merged_or_named() {
    std::set<std::pair<uint64_t, uint64_t>> named;
    for (const LostRange& range : ledger_->lost()) {
      for (uint64_t seq = range.seqs.first; seq <= range.seqs.last; ++seq) named.insert({range.epoch, seq});
    }
    EXPECT_EQ(named, log_lost_);
    EXPECT_EQ(ledger_->rejected_count(), rejected_.size());
    for (const PartialFact& fact : facts_) {
      bool missing = log_lost_.contains({fact.epoch, fact.seq}) || rejected_.contains({fact.epoch, fact.seq});
      EXPECT_EQ(fact.merged, missing ? 0 : 1);
    }
    EXPECT_EQ(ledger_->parked_count(), 0u);
    EXPECT_EQ(ledger_->mark_ns(), now_ns_);
    EXPECT_EQ(ledger_->frontier_ns(), now_ns_);
  }

 private:
  static constexpr size_t kOpening = std::numeric_limits<size_t>::max();
  struct Epoch {
    uint64_t id;
    wire::Opening opening;
    SendWindow window;
    std::map<uint64_t, size_t> items;  // seq → fact, for every seq ever given
    std::set<uint64_t> unacked = {};
  };
  struct Message {
    Epoch* epoch;
    uint64_t first, last;
    int64_t frontier_ns, mark_ns;
  };

  uint64_t below(uint64_t bound) { return random_() % bound; }
  bool chance(int percent) { return static_cast<int>(below(100)) < percent; }
  Epoch* find(uint64_t id) {
    for (auto& epoch : epochs_) {
      if (epoch->id == id) return epoch.get();
    }
    return nullptr;
  }
  bool older_flight() const {
    return std::any_of(epochs_.begin(), std::prev(epochs_.end()),
                       [](const auto& epoch) { return epoch->window.size() > 0; });
  }
  bool under_way() const {
    return std::any_of(epochs_.begin(), epochs_.end(), [](const auto& epoch) { return epoch->window.size() > 0; });
  }

  void freeze(uint64_t count) {
    Epoch& current = *epochs_.back();
    for (; count > 0 && !waiting_.empty() && current.window.may_freeze(older_flight()); --count) {
      size_t at = below(waiting_.size());
      size_t fact = waiting_[at];
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(at));
      facts_[fact].epoch = current.id;
      facts_[fact].seq = current.window.freeze(1);
      current.items[facts_[fact].seq] = fact;
      current.unacked.insert(facts_[fact].seq);
    }
  }

  // The frontier for a message of an epoch that ends with last: what waits, and flight behind it.
  int64_t frontier_ns(size_t index, uint64_t last) const {
    int64_t frontier = now_ns_;
    for (size_t fact : waiting_) frontier = std::min(frontier, facts_[fact].time_ns);
    for (size_t i = index; i < epochs_.size(); ++i) {
      const Epoch& epoch = *epochs_[i];
      for (auto at = i == index ? epoch.unacked.upper_bound(last) : epoch.unacked.begin(); at != epoch.unacked.end();
           ++at) {
        size_t item = epoch.items.at(*at);
        if (item != kOpening) frontier = std::min(frontier, facts_[item].time_ns);
      }
    }
    return frontier;
  }

  void send() {
    std::vector<size_t> ready;
    bool opening_open = false;
    for (size_t i = 0; i < epochs_.size() && !opening_open; ++i) {
      if (epochs_[i]->window.size() > 0) ready.push_back(i);
      opening_open = epochs_[i]->window.size() > 0 && epochs_[i]->window.oldest_unacked() == 1;
    }
    if (ready.empty()) return;
    size_t index = ready[below(ready.size())];
    Epoch& epoch = *epochs_[index];
    // From somewhere in the flight on, the oldest at best: sending order is free, but for the opening.
    auto from = epoch.unacked.begin();
    bool opening = *from == 1;
    if (!opening && below(2) == 0)
      std::advance(from, static_cast<std::ptrdiff_t>(below(std::min<uint64_t>(epoch.unacked.size(), 100))));
    uint64_t first = *from;
    uint64_t last = opening ? 1 : std::min(first + below(60), epoch.window.next_seq() - 1);
    network_.push_back({&epoch, first, last, frontier_ns(index, last), now_ns_});
  }

  void send_idle() {
    Epoch& epoch = *epochs_.back();
    uint64_t next = epoch.window.next_seq();
    network_.push_back({&epoch, next, next - 1, frontier_ns(epochs_.size() - 1, next - 1), now_ns_});
  }

  void deliver(int drop_percent) {
    if (network_.empty()) return;
    size_t at = below(std::min<size_t>(network_.size(), 40));
    Message message = network_[at];
    if (!chance(faults_.repeat_percent)) network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(at));
    if (chance(drop_percent)) return;
    if (chance(faults_.log_loss_percent)) {
      // Acknowledged, and then gone from the log.
      for (uint64_t seq = message.first; seq <= message.last; ++seq) {
        if (!in_log_.contains({message.epoch->id, seq})) log_lost_.insert({message.epoch->id, seq});
      }
    } else if (message.first > 1 && chance(faults_.reject_percent)) {
      if (message.first <= message.last) ledger_.reject(message.epoch->id, {message.first, message.last});
      for (uint64_t seq = message.first; seq <= message.last; ++seq) {
        std::pair<uint64_t, uint64_t> id{message.epoch->id, seq};
        if (!in_log_.contains(id)) {
          rejected_.insert(id);
          log_lost_.erase(id);
        }
      }
    } else {
      for (uint64_t seq = message.first; seq <= message.last; ++seq) log_item(*message.epoch, seq);
      ledger_.claim(message.epoch->id, message.last, message.frontier_ns, message.mark_ns);
    }
    check_claims();
    if (message.first <= message.last && !chance(faults_.ack_loss_percent)) {
      acks_.push_back({message.epoch, {message.first, message.last}});
    }
  }

  void log_item(Epoch& epoch, uint64_t seq) {
    std::pair<uint64_t, uint64_t> id{epoch.id, seq};
    in_log_.insert(id);
    log_lost_.erase(id);
    rejected_.erase(id);
    size_t item = epoch.items.at(seq);
    if (item == kOpening) {
      auto result = ledger_.open(epoch.id, epoch.opening);
      ASSERT_EQ(result.alarm, Alarm::kNone);
      return;
    }
    PartialFact& fact = facts_[item];
    Verdict verdict = ledger_.admit(epoch.id, seq, fact.born_index != index_of(epoch));
    ASSERT_NE(verdict, Verdict::kPark);
    fact.merged += verdict == Verdict::kMerge ? 1 : 0;
    ASSERT_EQ(fact.merged, 1) << "every copy in the log counts once, and the first one counts";
  }

  int index_of(const Epoch& epoch) const {
    for (size_t i = 0; i < epochs_.size(); ++i) {
      if (epochs_[i].get() == &epoch) return static_cast<int>(i) + 1;
    }
    return 0;
  }

  void take_ack() {
    if (acks_.empty()) return;
    size_t at = below(acks_.size());
    auto [epoch, range] = acks_[at];
    acks_.erase(acks_.begin() + static_cast<std::ptrdiff_t>(at));
    for (uint64_t seq : epoch->window.acknowledge({range})) epoch->unacked.erase(seq);
  }

  // What the claim in effect says is so: the oracle looks at every reading.
  void check_claims() {
    int64_t mark = ledger_->mark_ns(), frontier = ledger_->frontier_ns();
    if (mark == checked_mark_) return;
    checked_mark_ = mark;
    std::set<std::pair<uint64_t, uint64_t>> lost;
    for (const LostRange& range : ledger_->lost()) {
      for (uint64_t seq = range.seqs.first; seq <= range.seqs.last; ++seq) lost.insert({range.epoch, seq});
    }
    for (const PartialFact& fact : facts_) {
      if (fact.accepted_ns > mark || fact.time_ns >= frontier || fact.merged > 0) continue;
      ASSERT_TRUE(lost.contains({fact.epoch, fact.seq}) || rejected_.contains({fact.epoch, fact.seq}))
          << "a claim is true too early: epoch " << fact.epoch << " seq " << fact.seq;
    }
  }

  std::mt19937_64 random_;
  Faults faults_;
  CheckedLedger ledger_{7};
  std::vector<PartialFact> facts_;
  std::vector<size_t> waiting_;
  std::vector<std::unique_ptr<Epoch>> epochs_;
  std::deque<Message> network_;
  std::vector<std::pair<Epoch*, wire::SeqRange>> acks_;
  std::set<std::pair<uint64_t, uint64_t>> in_log_, log_lost_, rejected_;
  int epoch_index_ = 0;
  int64_t now_ns_ = 1'000'000;
  int64_t checked_mark_ = 0;
};

TEST(Simulation, EveryPartialMergesOnceWhateverTheNetworkDoes) {
  for (uint64_t seed = 1; seed <= 14; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, {});
    for (int i = 0; i < 2'000; ++i) {
      world.step();
      if (testing::Test::HasFatalFailure()) return;
    }
    world.drain();
    world.expect_all_merged_or_named();
    if (testing::Test::HasFailure()) return;
    EXPECT_LE(world.ledger().bytes(), 24 * world.epoch_count() + 120) << "all but the last epoch are closed";
  }
}

TEST(Simulation, WhatTheLogLosesOrABridgeRejectsIsNamedAndMergesWhenReplayed) {
  for (uint64_t seed = 1001; seed <= 1008; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, {.reject_percent = 3, .log_loss_percent = 2});
    for (int i = 0; i < 1'000; ++i) {
      world.step();
      if (testing::Test::HasFatalFailure()) return;
    }
    world.drain();
    world.prove_losses();
    world.expect_all_merged_or_named();
    if (testing::Test::HasFailure()) return;
    world.replay_lost_and_rejected();
    EXPECT_EQ(world.ledger()->lost_count() + world.ledger()->rejected_count(), 0u);
    for (const PartialFact& fact : world.facts()) EXPECT_EQ(fact.merged, 1);
    EXPECT_LE(world.ledger().bytes(), 24 * world.epoch_count() + 120);
  }
}

}  // namespace
}  // namespace tributary::ledger
