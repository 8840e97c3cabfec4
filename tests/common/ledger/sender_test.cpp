// SPDX-License-Identifier: Apache-2.0
// The flight gives seqs once, within its span, and only an acknowledgement ends one.
#include "common/ledger/sender.h"

#include <gtest/gtest.h>

namespace tributary::ledger {
namespace {

TEST(SendWindow, GivesConsecutiveSeqsWithinTheSpan) {
  SendWindow window;
  for (uint64_t seq = 1; seq <= kSpanMax; ++seq) {
    ASSERT_TRUE(window.span_open());
    ASSERT_EQ(window.freeze(10), seq);
  }
  EXPECT_FALSE(window.span_open());
  EXPECT_EQ(window.bytes(), 10 * kSpanMax);
  EXPECT_EQ(window.acknowledge({{2, kSpanMax}}).size(), kSpanMax - 1);
  EXPECT_FALSE(window.span_open()) << "the oldest counts, not how many";
  EXPECT_EQ(window.acknowledge({{1, 1}}), std::vector<uint64_t>{1});
  EXPECT_TRUE(window.span_open());
  EXPECT_EQ(window.bytes(), 0u);
  EXPECT_EQ(window.oldest_unacked(), window.next_seq());
}

TEST(SendWindow, AnAckRemovesWhatItCoversAndNoMore) {
  SendWindow window;
  for (int i = 0; i < 10; ++i) window.freeze(1);
  EXPECT_EQ(window.acknowledge({{8, UINT64_MAX}, {3, 4}, {4, 3}, {2, 3}}), (std::vector<uint64_t>{2, 3, 4, 8, 9, 10}));
  EXPECT_EQ(window.acknowledge({{2, 4}}), std::vector<uint64_t>{});
  EXPECT_EQ(window.size(), 4u);
  EXPECT_EQ(window.next_seq(), 11u);
}

TEST(SendWindow, IsRestoredFromWhatWasStored) {
  SendWindow window(20);
  window.restore(7, 100);
  window.restore(19, 50);
  EXPECT_EQ(window.next_seq(), 20u);
  EXPECT_EQ(window.oldest_unacked(), 7u);
  EXPECT_EQ(window.bytes(), 150u);
  EXPECT_EQ(window.freeze(1), 20u);
}

TEST(SendWindow, SeqsBeyondTheFirstSpanWaitForOlderEpochs) {
  SendWindow window(kSpanMax);
  EXPECT_TRUE(window.may_freeze(true));
  window.freeze(1);
  EXPECT_FALSE(window.may_freeze(true));
  EXPECT_TRUE(window.may_freeze(false));
}

}  // namespace
}  // namespace tributary::ledger
