// SPDX-License-Identifier: Apache-2.0
// What the ledger promises, case by case: each seq merges once, what is missing is named, copies double nothing.
#include "common/ledger/receiver.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "tests/common/ledger/checked_ledger.h"

namespace tributary::ledger {
namespace {

constexpr int64_t kHourNs = 3600 * kNanosPerSecond;

void admit_all(CheckedLedger& ledger, uint64_t epoch, uint64_t first, uint64_t last) {
  for (uint64_t seq = first; seq <= last; ++seq) ASSERT_EQ(ledger.admit(epoch, seq), Verdict::kMerge) << seq;
}

TEST(Ledger, EachSeqMergesOnceInWhateverOrderTheyCome) {
  std::mt19937_64 random(3);
  std::vector<uint64_t> seqs;
  for (uint64_t seq = 2; seq <= 1000; ++seq) seqs.insert(seqs.end(), {seq, seq});
  std::shuffle(seqs.begin(), seqs.end(), random);
  CheckedLedger ledger;
  ledger.open(7, 0, 0);
  std::vector<int> merged(1001);
  for (uint64_t seq : seqs) merged[seq] += ledger.admit(7, seq) == Verdict::kMerge ? 1 : 0;
  for (uint64_t seq = 2; seq <= 1000; ++seq) EXPECT_EQ(merged[seq], 1);
  EXPECT_EQ(ledger->lost_count(), 0u);
}

TEST(Ledger, AHoleAboveTheWindowIsNamedAsLostByTheLogAndStillMerges) {
  CheckedLedger ledger;
  ledger.open(7, 0, 0);
  admit_all(ledger, 7, 2, 10);
  ASSERT_EQ(ledger.admit(7, 12), Verdict::kMerge);
  ASSERT_EQ(ledger.admit(7, 11 + 1023), Verdict::kMerge);
  EXPECT_EQ(ledger->lost_count(), 0u) << "a hole within the window may still come";
  ASSERT_EQ(ledger.admit(7, 2000), Verdict::kMerge);
  ASSERT_EQ(ledger->lost().size(), 2u);
  EXPECT_EQ(ledger->lost()[0].epoch, 7u);
  EXPECT_EQ(ledger->lost()[0].cause, "log");
  EXPECT_EQ(ledger->lost()[0].seqs.first, 11u);
  EXPECT_EQ(ledger->lost()[0].seqs.last, 11u);
  EXPECT_EQ(ledger->lost()[1].seqs.first, 13u);
  EXPECT_EQ(ledger->lost()[1].seqs.last, 2000u - 1024);
  EXPECT_EQ(ledger.admit(7, 12), Verdict::kDuplicate);
  EXPECT_EQ(ledger.admit(7, 500), Verdict::kMerge);
  EXPECT_EQ(ledger.admit(7, 500), Verdict::kDuplicate);
  EXPECT_EQ(ledger->lost_count(), 2000u - 1024 - 12);
  EXPECT_EQ(ledger->lost().size(), 3u);
}

TEST(Ledger, RejectedSeqsAreSettledAndMergeWhenTheyComeWell) {
  CheckedLedger ledger;
  ledger.open(7, 0, 0);
  EXPECT_EQ(ledger.reject(7, {2, 5}), 4u);
  EXPECT_EQ(ledger.reject(7, {4, 6}), 1u);
  EXPECT_EQ(ledger->rejected_count(), 5u);
  ledger.claim(7, 6, 100, 200);
  EXPECT_EQ(ledger->mark_ns(), 200) << "what is rejected is settled";
  EXPECT_EQ(ledger.admit(7, 3), Verdict::kMerge);
  EXPECT_EQ(ledger.admit(7, 3), Verdict::kDuplicate);
  EXPECT_EQ(ledger.reject(7, {3, 3}), 0u) << "merged stays merged";
  EXPECT_EQ(ledger->rejected_count(), 4u);
}

TEST(Ledger, RejectingAnyRangeSettlesAllOfItAtOnce) {
  CheckedLedger ledger;
  ledger.open(7, 0, 0);
  admit_all(ledger, 7, 3, 4);
  ASSERT_EQ(ledger.admit(7, 3000), Verdict::kMerge);
  EXPECT_EQ(ledger->lost_count(), 3000u - 1024 - 3);
  EXPECT_EQ(ledger.reject(7, {1000, 5000}), 5000u - 1000) << "lost ones too, but not seq 3000";
  EXPECT_EQ(ledger->lost_count(), 996u);
  EXPECT_EQ(ledger.reject(7, {6000, wire::kSeqMax}), wire::kSeqMax - 5999);
  EXPECT_EQ(ledger->lost_count(), 996u + 999);
  EXPECT_EQ(ledger.admit(7, 1'000'000), Verdict::kMerge);
  EXPECT_EQ(ledger.admit(7, 1'000'000), Verdict::kDuplicate);
  EXPECT_EQ(ledger.admit(7, 5500), Verdict::kMerge);
}

TEST(Ledger, ALossAtTheGatewayIsNamedUntilACopyArrives) {
  CheckedLedger ledger;
  ledger.open(7, 0, 0);
  ASSERT_EQ(ledger.admit(7, 2), Verdict::kMerge);
  ledger.lose_at_gateway(7, 2);
  ASSERT_EQ(ledger->lost().size(), 1u);
  EXPECT_EQ(ledger->lost()[0].cause, "gateway");
  ASSERT_EQ(ledger.admit(7, 2), Verdict::kMerge) << "the same news once more";
  ledger.lose_at_gateway(7, 2);
  EXPECT_EQ(ledger->lost_count(), 1u);
  EXPECT_EQ(ledger.admit(7, 2), Verdict::kMerge) << "a copy sent before the loss";
  EXPECT_EQ(ledger->lost_count(), 0u);
  EXPECT_EQ(ledger.admit(7, 2), Verdict::kDuplicate);
}

TEST(Ledger, BeyondSixtyFourRangesTheCountStaysExactAndNothingDoubles) {
  CheckedLedger ledger;
  ledger.open(7, 0, 0);
  for (uint64_t seq = 3; seq <= 401; seq += 2) ASSERT_EQ(ledger.reject(7, {seq, seq}), 1u);
  admit_all(ledger, 7, 402, 402);
  EXPECT_EQ(ledger->rejected_count(), 200u);
  for (uint64_t seq = 2; seq <= 400; seq += 2) ASSERT_EQ(ledger.admit(7, seq), Verdict::kMerge);
  for (uint64_t seq = 2; seq <= 400; seq += 2) ASSERT_NE(ledger.admit(7, seq), Verdict::kMerge);
  EXPECT_EQ(ledger.admit(7, 401), Verdict::kMerge) << "the newest ranges are known";
  EXPECT_EQ(ledger.admit(7, 3), Verdict::kPark) << "a forgotten one is neither merged nor dropped";
  EXPECT_EQ(ledger->rejected_count(), 199u);
}

TEST(Ledger, ClosedEpochsKeepTwentyFourBytes) {
  CheckedLedger ledger;
  ledger.open(1, 0, 0);
  admit_all(ledger, 1, 2, 50);
  ledger.claim(1, 50, 1, 1);
  size_t one = ledger.bytes();
  for (uint64_t epoch = 2; epoch <= 101; ++epoch) {
    ASSERT_EQ(ledger.open(epoch, epoch - 1, 50).alarm, Alarm::kNone);
    admit_all(ledger, epoch, 2, 50);
    ledger.claim(epoch, 50, static_cast<int64_t>(epoch), static_cast<int64_t>(epoch));
    EXPECT_EQ(ledger->mark_ns(), static_cast<int64_t>(epoch));
  }
  EXPECT_LE(ledger.bytes(), one + 24 * 100 + 40);
  EXPECT_EQ(ledger.admit(50, 50), Verdict::kDuplicate);
  EXPECT_EQ(ledger.open(50, 49, 50).verdict, Verdict::kDuplicate);
  EXPECT_EQ(ledger.admit(50, 51), Verdict::kPark);
  EXPECT_EQ(ledger.admit(50, 51), Verdict::kDuplicate) << "a parked one comes to the dead letter once";
  EXPECT_EQ(ledger->parked_count(), 1u);
  EXPECT_EQ(ledger->current_epoch(), 101u);
}

TEST(Ledger, AnEpochWithLossesStaysOpenUntilTheyAreFound) {
  CheckedLedger ledger;
  ledger.open(1, 0, 0);
  ASSERT_EQ(ledger.reject(1, {2, 2}), 1u);
  ledger.open(2, 1, 2);
  ledger.claim(2, 1, 5, 5);
  size_t open = ledger.bytes();
  EXPECT_EQ(ledger.admit(1, 2), Verdict::kMerge);
  ledger.claim(2, 1, 6, 6);
  EXPECT_LT(ledger.bytes(), open);
  EXPECT_EQ(ledger.admit(1, 2), Verdict::kDuplicate);
}

TEST(Claims, WaitForTheirSeqsAndForAllOlderEpochs) {
  CheckedLedger ledger;
  ledger.open(1, 0, 0);
  ledger.claim(1, 3, 10, 20);
  EXPECT_EQ(ledger->mark_ns(), 0);
  ledger.admit(1, 3);
  EXPECT_EQ(ledger->mark_ns(), 0);
  ledger.admit(1, 2);
  EXPECT_EQ(ledger->frontier_ns(), 10);
  EXPECT_EQ(ledger->mark_ns(), 20);
  ledger.open(2, 1, 5);
  ledger.claim(2, 1, 30, 40);
  EXPECT_EQ(ledger->mark_ns(), 20) << "seqs 4 and 5 of the epoch before are missing";
  ledger.admit(1, 4);
  ledger.reject(1, {5, 5});
  EXPECT_EQ(ledger->mark_ns(), 40);
  ledger.claim(2, 1, 99, 39);
  EXPECT_EQ(ledger->frontier_ns(), 30) << "an older mark changes nothing";
}

TEST(Claims, WaitForAnEpochThatWasNeverHeardOf) {
  CheckedLedger ledger;
  EXPECT_EQ(ledger.open(2, 1, 3).alarm, Alarm::kNone);
  ledger.claim(2, 1, 30, 40);
  EXPECT_EQ(ledger->mark_ns(), 0);
  EXPECT_EQ(ledger.open(1, 0, 0).alarm, Alarm::kNone) << "late, but no newcomer: it has a successor";
  EXPECT_EQ(ledger->current_epoch(), 2u);
  ledger.admit(1, 2);
  EXPECT_EQ(ledger->mark_ns(), 0);
  ledger.admit(1, 3);
  EXPECT_EQ(ledger->mark_ns(), 40);
}

TEST(Claims, NoLongerWaitForWhatProvablyCannotCome) {
  CheckedLedger ledger;
  ledger.open(1, 0, 0);
  ledger.open(2, 1, 4);
  ledger.admit(1, 3);
  for (uint64_t seq = 2; seq <= kSpanMax; ++seq) ledger.admit(2, seq);
  ledger.claim(2, kSpanMax, 30, 40);
  EXPECT_EQ(ledger->mark_ns(), 0);
  ledger.admit(2, kSpanMax + 1);
  EXPECT_EQ(ledger->mark_ns(), 40);
  ASSERT_EQ(ledger->lost().size(), 2u);
  EXPECT_EQ(ledger->lost()[0].seqs.first, 2u);
  EXPECT_EQ(ledger->lost()[1].seqs.first, 4u);
  EXPECT_EQ(ledger.admit(1, 4), Verdict::kMerge) << "found after all";
}

TEST(Claims, OfWhichTooManyWaitKeepTheNearestAndTheNewest) {
  CheckedLedger ledger;
  ledger.open(1, 0, 0);
  for (uint64_t seq = 3; seq <= 202; ++seq) {
    ledger.admit(1, seq);
    ledger.claim(1, seq, static_cast<int64_t>(seq), static_cast<int64_t>(seq));
  }
  EXPECT_LT(ledger.bytes(), 1000u);
  ledger.admit(1, 2);
  EXPECT_EQ(ledger->mark_ns(), 202);
}

TEST(Ledger, AWipedGatewayIsNamedAndWhatItTookWithItIsLost) {  // fault 18
  CheckedLedger ledger;
  ledger.open(1, 0, 0);
  admit_all(ledger, 1, 2, 5);
  ledger.admit(1, 8);
  EXPECT_EQ(ledger.open(2, 0, 0).alarm, Alarm::kWiped);
  ASSERT_EQ(ledger->lost().size(), 1u);
  EXPECT_EQ(ledger->lost()[0].cause, "gateway");
  EXPECT_EQ(ledger->lost()[0].seqs.first, 6u);
  EXPECT_EQ(ledger->lost()[0].seqs.last, 7u);
  EXPECT_EQ(ledger.admit(2, 2), Verdict::kMerge);
  ledger.claim(2, 2, 50, 60);
  EXPECT_EQ(ledger->mark_ns(), 60);
  EXPECT_EQ(ledger.admit(1, 7), Verdict::kMerge) << "it was on its way still";
}

TEST(Ledger, AnOlderCopyOfTheOutboxDoublesNothing) {  // fault 13, after more was sent
  CheckedLedger ledger;
  ledger.open(1, 0, 0);
  admit_all(ledger, 1, 2, 20);
  EXPECT_EQ(ledger.open(2, 1, 10, kHourNs).alarm, Alarm::kRestored);
  EXPECT_EQ(ledger.admit(2, 2, false), Verdict::kMerge) << "born since";
  EXPECT_EQ(ledger.admit(2, 3, true), Verdict::kPark) << "may have been seq 11 to 20";
  EXPECT_EQ(ledger.admit(2, 3, true), Verdict::kDuplicate);
  EXPECT_EQ(ledger.admit(1, 10), Verdict::kDuplicate) << "the copy's own flight";
  EXPECT_EQ(ledger.admit(1, 21), Verdict::kPark);
  EXPECT_EQ(ledger->parked_count(), 2u);
  ledger.claim(2, 3, 70, 80);
  EXPECT_EQ(ledger->mark_ns(), 80) << "parked is settled";
}

TEST(Ledger, AnOlderCopyThatComesFirstCountsAndTheOriginalsRestIsParked) {  // fault 13, the other order
  CheckedLedger ledger;
  ledger.open(1, 0, 0);
  admit_all(ledger, 1, 2, 9);
  EXPECT_EQ(ledger.open(2, 1, 10).alarm, Alarm::kNone);
  EXPECT_EQ(ledger.admit(2, 2, true), Verdict::kMerge);
  EXPECT_EQ(ledger.admit(1, 10), Verdict::kMerge) << "the same seq, the same bytes, on both sides";
  EXPECT_EQ(ledger.admit(1, 11), Verdict::kPark);
}

TEST(Ledger, ACopyFromEpochsAgoIsSeen) {  // fault 13
  CheckedLedger ledger;
  for (uint64_t epoch = 1; epoch <= 5; ++epoch) {
    ledger.open(epoch, epoch - 1, epoch == 1 ? 0 : 10);
    admit_all(ledger, epoch, 2, 10);
    ledger.claim(epoch, 10, 1, static_cast<int64_t>(epoch));
  }
  EXPECT_EQ(ledger.open(20, 2, 5).alarm, Alarm::kRestored);
  EXPECT_EQ(ledger.admit(20, 2, true), Verdict::kPark);
  EXPECT_EQ(ledger.open(21, 3, 10).alarm, Alarm::kCloned);
  EXPECT_EQ(ledger.admit(21, 2, true), Verdict::kPark);
  EXPECT_EQ(ledger.admit(21, 3, false), Verdict::kMerge);
}

TEST(Ledger, TwoGatewaysOfOneCardDoubleNothing) {  // fault 14
  CheckedLedger ledger;
  ledger.open(1, 0, 0);
  admit_all(ledger, 1, 2, 10);
  EXPECT_EQ(ledger.open(2, 1, 10).alarm, Alarm::kNone);
  EXPECT_EQ(ledger.open(3, 1, 10).alarm, Alarm::kCloned);
  EXPECT_EQ(ledger.admit(2, 2, true), Verdict::kMerge);
  EXPECT_EQ(ledger.admit(3, 2, true), Verdict::kPark);
  EXPECT_EQ(ledger.admit(2, 3, false), Verdict::kMerge);
  EXPECT_EQ(ledger.admit(3, 3, false), Verdict::kMerge);
  EXPECT_EQ(ledger.open(4, 2, 3).alarm, Alarm::kNone) << "each line goes on by itself";
  EXPECT_EQ(ledger.admit(4, 2, true), Verdict::kMerge);
}

TEST(Ledger, WhatACopyInheritedIsParkedAfterItsNextRestartToo) {
  CheckedLedger ledger;
  ledger.open(1, 0, 0);
  admit_all(ledger, 1, 2, 20);
  ASSERT_EQ(ledger.open(2, 1, 10, kHourNs).alarm, Alarm::kRestored);
  EXPECT_EQ(ledger.open(3, 2, 1, 2 * kHourNs).alarm, Alarm::kNone);
  EXPECT_EQ(ledger.admit(3, 2, true), Verdict::kPark) << "it may have waited since the copy was made";
  EXPECT_EQ(ledger.admit(3, 3, false), Verdict::kMerge);
  ledger.claim(3, 3, 2 * kHourNs - 1, 1);
  EXPECT_EQ(ledger.open(4, 3, 3, 3 * kHourNs).alarm, Alarm::kNone);
  EXPECT_EQ(ledger.admit(4, 2, true), Verdict::kPark);
  ledger.claim(4, 2, 2 * kHourNs, 2);
  EXPECT_EQ(ledger.open(5, 4, 2, 4 * kHourNs).alarm, Alarm::kNone);
  EXPECT_EQ(ledger.admit(5, 2, true), Verdict::kMerge) << "nothing is left of what the copy held";
}

TEST(Ledger, InheritedPartialsOfAnEpochWhoseOpeningTheLogLostAreParked) {
  CheckedLedger ledger;
  ledger.open(1, 0, 0);
  EXPECT_EQ(ledger.admit(2, 2, false), Verdict::kMerge);
  EXPECT_EQ(ledger.admit(2, 3, true), Verdict::kPark);
  ledger.claim(2, 3, 10, 10);
  EXPECT_EQ(ledger->mark_ns(), 0) << "seq 1 may still come";
  ledger.admit(2, 2000);
  EXPECT_EQ(ledger->lost().at(0).seqs.first, 1u);
  EXPECT_EQ(ledger->mark_ns(), 10);
  EXPECT_EQ(ledger.open(2, 1, 1).verdict, Verdict::kMerge) << "found";
  EXPECT_EQ(ledger->lost().at(0).seqs.first, 4u);
}

TEST(Ledger, AnEpochThatDescendsFromItselfIsSurvived) {
  CheckedLedger ledger;
  EXPECT_EQ(ledger.open(1, 1, 5).alarm, Alarm::kCloned);
  ledger.open(2, 3, 1);
  EXPECT_EQ(ledger.open(3, 2, 1).alarm, Alarm::kCloned);
  ledger.admit(3, 2000, true);
  ledger.admit(2, 2000, true);
  ledger.claim(2, 1, 1, 1);
  ledger.claim(3, 1, 1, 2);
}

TEST(Ledger, WhatMakesNoSenseIsIgnored) {
  CheckedLedger ledger;
  EXPECT_EQ(ledger.admit(0, 5), Verdict::kDuplicate);
  EXPECT_EQ(ledger.admit(5, 0), Verdict::kDuplicate);
  EXPECT_EQ(ledger.admit(5, wire::kSeqMax + 1), Verdict::kDuplicate);
  EXPECT_EQ(ledger.reject(0, {1, 1}), 0u);
  EXPECT_EQ(ledger.reject(1, {0, 3}), 0u);
  EXPECT_EQ(ledger.reject(1, {5, 3}), 0u);
  EXPECT_EQ(ledger.open(0, 0, 0).verdict, Verdict::kDuplicate);
  EXPECT_FALSE(ledger->known());
  EXPECT_EQ(ledger.admit(5, wire::kSeqMax), Verdict::kMerge);
  EXPECT_EQ(ledger->lost_count(), wire::kSeqMax - 1024);
  EXPECT_EQ(ledger.open(6, 5, UINT64_MAX).alarm, Alarm::kNone);
}

TEST(Ledger, BytesThatAreNoLedgerAreRefused) {
  GatewayLedger ledger;
  ledger.open(1, {});
  ledger.admit(1, 3, false);
  ledger.admit(1, 3000, false);
  ledger.reject(1, {2990, 2995});
  ledger.open(2, {1, 3000, {}, 5});
  ledger.claim(2, 1, 2, 3);
  std::vector<uint8_t> bytes;
  ledger.encode(bytes);
  ASSERT_TRUE(GatewayLedger::decode(bytes));
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(GatewayLedger::decode(Bytes(bytes).first(size)));
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::vector<uint8_t> changed = bytes;
    changed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    if (auto read = GatewayLedger::decode(changed)) {
      std::vector<uint8_t> again;
      read->encode(again);
      EXPECT_EQ(again, changed);
    }
  }
  bytes.push_back(0);
  EXPECT_FALSE(GatewayLedger::decode(bytes));
}

// Before, each call walked all that was open: 1,600 such openings cost minutes, and this test would not end.
TEST(Ledger, AHundredThousandOpeningsThatStayOpenCostSeconds) {
  constexpr uint64_t kOpenings = 100'000;
  const auto begin = std::chrono::steady_clock::now();
  GatewayLedger ledger;
  for (uint64_t epoch = 1; epoch <= kOpenings; ++epoch) {
    ledger.open(epoch, {epoch - 1, epoch > 1 ? 5U : 0U, {}, 0});
    ledger.claim(epoch, 1, static_cast<int64_t>(epoch), static_cast<int64_t>(epoch));
  }
  EXPECT_EQ(ledger.open_epochs().size(), kOpenings) << "each states five seqs of the one before, of which one came";
  // All of them come, the oldest last: one claim after the other takes effect, and all but the last close.
  for (uint64_t epoch = kOpenings - 1; epoch >= 1; --epoch) {
    for (uint64_t seq = 2; seq <= 5; ++seq) ASSERT_EQ(ledger.admit(epoch, seq, false), Verdict::kMerge);
  }
  EXPECT_EQ(ledger.mark_ns(), static_cast<int64_t>(kOpenings));
  ledger.claim(kOpenings, 1, 1, 1);
  EXPECT_EQ(ledger.open_epochs().size(), 1u);
  EXPECT_EQ(ledger.closed_epochs().size(), kOpenings - 1);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

TEST(Ledger, ALateSeqFarAboveSettlesTheRestOfAllOlderEpochsAlsoThroughLongChains) {
  constexpr uint64_t kEpochs = 3'000;
  GatewayLedger ledger;
  for (uint64_t epoch = 1; epoch <= kEpochs; ++epoch) ledger.open(epoch, {epoch - 1, epoch > 1 ? 5U : 0U, {}, 0});
  for (uint64_t seq = 2; seq <= 3'000; ++seq) ASSERT_EQ(ledger.admit(kEpochs, seq, false), Verdict::kMerge);
  EXPECT_EQ(ledger.lost_count(), 4 * (kEpochs - 1));
  ledger.claim(kEpochs, 3'000, 7, 8);
  EXPECT_EQ(ledger.mark_ns(), 8);
}

TEST(Ledger, HasRoomForWhatItKnowsAndForSoManyEpochsMore) {
  GatewayLedger ledger;
  uint64_t epoch = 1;
  for (; ledger.has_room(epoch, 1); ++epoch) ledger.open(epoch, {epoch - 1, epoch > 1 ? 5U : 0U, {}, 0});
  EXPECT_LE(ledger.open_epochs().size(), kOpenEpochsMax);
  EXPECT_GE(ledger.open_epochs().size(), kOpenEpochsMax - 1);
  EXPECT_TRUE(ledger.has_room(1, 5)) << "what is open is worked on";
  EXPECT_TRUE(ledger.has_room(epoch - 1, 1'000));
  EXPECT_FALSE(ledger.has_room(epoch + 1, 1));
}

// A ledger that was never decoded and one that is decoded before each call give equal bytes: what is derived from the
// epochs and not stored makes no difference.
TEST(Ledger, WhatIsNotStoredMakesNoDifference) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    std::mt19937_64 random(seed);
    GatewayLedger kept;
    CheckedLedger decoded;
    for (int call = 0; call < 400; ++call) {
      const uint64_t epoch = 1 + random() % 12, seq = 1 + random() % (random() % 50 == 0 ? 3'000 : 6);
      const wire::Opening opening{random() % 4 == 0 ? random() % 12 : epoch - 1, random() % 5, {}, 0};
      const auto mark_ns = static_cast<int64_t>(random() % 9);
      switch (random() % 5) {
        case 0:
          ASSERT_EQ(kept.open(epoch, opening).alarm, decoded.open(epoch, opening).alarm);
          break;
        case 1:
          if (random() % 8 == 0) {
            ASSERT_EQ(kept.reject(epoch, {seq, seq + 2}), decoded.reject(epoch, {seq, seq + 2}));
          }
          break;
        case 2:
          kept.claim(epoch, seq, mark_ns, mark_ns);
          decoded.claim(epoch, seq, mark_ns, mark_ns);
          break;
        default:
          ASSERT_EQ(kept.admit(epoch, seq, false), decoded.admit(epoch, seq, false));
      }
    }
    std::vector<uint8_t> bytes, others;
    kept.encode(bytes);
    decoded->encode(others);
    ASSERT_EQ(bytes, others) << "seed " << seed;
  }
}

}  // namespace
}  // namespace tributary::ledger
