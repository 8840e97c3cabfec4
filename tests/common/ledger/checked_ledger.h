// SPDX-License-Identifier: Apache-2.0
// A ledger that goes through its bytes and back after every call, or every so many calls, and complains if they are not
// the same again.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "common/ledger/receiver.h"

namespace tributary::ledger {

class CheckedLedger {
 public:
  explicit CheckedLedger(int calls_between_checks = 1) : calls_between_checks_(calls_between_checks) {}
  GatewayLedger::OpeningResult open(uint64_t epoch, const wire::Opening& opening) {
    auto result = ledger_.open(epoch, opening);
    check();
    return result;
  }
  // An opening that names its predecessor, and when the outbox was last known to be durable.
  GatewayLedger::OpeningResult open(uint64_t epoch, uint64_t predecessor, uint64_t last_seq, int64_t durable_ns = 0) {
    return open(epoch, wire::Opening{predecessor, last_seq, {}, durable_ns});
  }
  Verdict admit(uint64_t epoch, uint64_t seq, bool inherited = false) {
    Verdict verdict = ledger_.admit(epoch, seq, inherited);
    check();
    return verdict;
  }
  uint64_t reject(uint64_t epoch, wire::SeqRange seqs) {
    uint64_t count = ledger_.reject(epoch, seqs);
    check();
    return count;
  }
  void lose_at_gateway(uint64_t epoch, uint64_t seq) {
    ledger_.lose_at_gateway(epoch, seq);
    check();
  }
  void claim(uint64_t epoch, uint64_t last_seq, int64_t frontier_ns, int64_t mark_ns) {
    ledger_.claim(epoch, last_seq, frontier_ns, mark_ns);
    check();
  }
  size_t bytes() const {
    std::vector<uint8_t> bytes;
    ledger_.encode(bytes);
    return bytes.size();
  }
  const GatewayLedger* operator->() const { return &ledger_; }

 private:
  void check() {
    if (++calls_ % calls_between_checks_ != 0) return;
    bytes_.clear();
    ledger_.encode(bytes_);
    auto read = GatewayLedger::decode(bytes_);
    ASSERT_TRUE(read.has_value());
    std::vector<uint8_t> again;
    read->encode(again);
    ASSERT_EQ(again, bytes_);
    ledger_ = std::move(*read);
  }
  GatewayLedger ledger_;
  int calls_between_checks_;
  int calls_ = 0;
  std::vector<uint8_t> bytes_;
};

}  // namespace tributary::ledger
