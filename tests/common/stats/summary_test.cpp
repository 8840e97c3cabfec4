// SPDX-License-Identifier: Apache-2.0
// The summary's promises: equal sets give equal bytes whatever the order, and no bytes can harm it.
#include "common/stats/summary.h"

#include <cmath>
#include <limits>
#include <memory>

#include "tests/common/stats/support.h"

namespace tributary::stats {
namespace {

uint64_t test_seed() {
  const char* given = std::getenv("TRIBUTARY_SEED");
  uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20260704;
  std::printf("seed %llu (set TRIBUTARY_SEED to choose it)\n", static_cast<unsigned long long>(seed));
  return seed;
}

void use_every_answer(const Summary& summary) {
  const Numeric<double>& n = summary.numeric();
  for (Answer answer : {n.sum(), n.mean(), n.variance(), n.stddev()}) {
    EXPECT_TRUE(answer.kind != Answer::Kind::kValue || std::isfinite(answer.value));
  }
  if (n.count() == 0 || summary.distribution().count() == 0) return;
  for (uint64_t percent : {1, 50, 99, 100}) {
    Quantile q = summary.distribution().quantile(percent, 100, n.min(), n.max());
    EXPECT_LE(q.low, q.value);
    EXPECT_LE(q.value, q.high);
  }
}

TEST(Summary, EqualSetsGiveEqualBytesWhateverTheOrderTheBatchesAndTheMerging) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 120; ++round) {
    std::vector<Reading> readings = random_readings(random, round, 1 + random() % (round % 3 == 0 ? 2500 : 60));
    std::vector<uint8_t> expected = encoded(summary_of(readings));
    for (int variant = 0; variant < 6; ++variant) {
      std::shuffle(readings.begin(), readings.end(), random);
      // Cut into batches, then merge any two until one is left, in each of the ways there are.
      std::vector<std::unique_ptr<Summary>> parts;
      for (size_t at = 0; at < readings.size();) {
        size_t size = 1 + random() % (variant < 3 ? 9 : readings.size());
        auto part = std::make_unique<Summary>();
        for (size_t end = std::min(readings.size(), at + size); at < end; ++at)
          part->add(readings[at].time_ns, readings[at].value);
        parts.push_back(std::move(part));
      }
      while (parts.size() > 1) {
        std::swap(parts[random() % parts.size()], parts.back());
        std::unique_ptr<Summary> from = std::move(parts.back());
        parts.pop_back();
        Summary& into = *parts[random() % parts.size()];
        switch (random() % 3) {
          case 0:
            into.merge(*from);
            break;
          case 1:
            ASSERT_TRUE(into.merge_encoded(encoded(*from)));
            break;
          default: {
            Summary copy;
            ASSERT_TRUE(copy.decode(encoded(into)));
            copy.merge(*from);
            ASSERT_TRUE(into.decode(encoded(copy)));
          }
        }
      }
      ASSERT_EQ(show(encoded(*parts[0])), show(expected)) << "round " << round << " variant " << variant;
    }
  }
}

TEST(Summary, CollapsingAtTheLastBucketDoesNotDependOnOrder) {
  std::mt19937_64 random(test_seed() + 1);
  // 321 values with a bucket each: any of them may be the one that does not fit.
  std::vector<Reading> readings;
  for (int i = 0; i <= kBucketsMax; ++i) readings.push_back({i, (i % 2 == 0 ? 1 : -1) * std::ldexp(1, 3 * i - 480)});
  std::vector<uint8_t> expected = encoded(summary_of(readings));
  for (int i = 0; i < 200; ++i) {
    std::shuffle(readings.begin(), readings.end(), random);
    ASSERT_EQ(encoded(summary_of(readings)), expected);
  }
}

TEST(Summary, DecodeGivesBackWhatWasEncoded) {
  std::mt19937_64 random(test_seed() + 2);
  for (int round = 0; round < 400; ++round) {
    std::vector<Reading> readings = random_readings(random, round, random() % (round % 2 == 0 ? 8 : 800));
    Summary summary = summary_of(readings), back;
    std::vector<uint8_t> bytes = encoded(summary);
    ASSERT_LE(bytes.size(), kSummaryBytesMax);
    back.add(1, 2);  // decode replaces
    ASSERT_TRUE(back.decode(bytes));
    EXPECT_EQ(encoded(back), bytes);
    EXPECT_EQ(back.numeric().count(), readings.size());
    EXPECT_EQ(back.distribution().count(), readings.size());
    EXPECT_EQ(back.numeric().stddev().value, summary.numeric().stddev().value);
    // Every shorter buffer is too small, and says so.
    std::vector<uint8_t> small(bytes.size() - 1);
    EXPECT_EQ(summary.encode(small), 0u);
    std::vector<uint8_t> exact(bytes.size());
    EXPECT_EQ(summary.encode(exact), bytes.size());
  }
}

TEST(Summary, InspectSaysWhatDecodeWouldSay) {
  std::mt19937_64 random(test_seed() + 7);
  for (int round = 0; round < 300; ++round) {
    std::vector<uint8_t> bytes = encoded(summary_of(random_readings(random, round, random() % 5)));
    if (round % 3 == 0) bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1 << random() % 8);
    Summary summary;
    Summary::Facts facts;
    bool decoded = summary.decode(bytes);
    ASSERT_EQ(Summary::inspect(bytes, facts), decoded);
    if (!decoded) continue;
    EXPECT_EQ(facts.empty, summary.empty());
    EXPECT_EQ(facts.count, summary.numeric().count());
    if (facts.count == 0) continue;
    EXPECT_EQ(facts.first, summary.numeric().first());
    EXPECT_EQ(facts.last, summary.numeric().last());
  }
}

TEST(Summary, ClearedIsAsNew) {
  std::mt19937_64 random(test_seed() + 3);
  Summary reused;
  for (int round = 0; round < 100; ++round) {
    std::vector<Reading> readings = random_readings(random, round, 1 + random() % 700);
    reused.clear();
    EXPECT_TRUE(reused.empty());
    EXPECT_EQ(encoded(reused), std::vector<uint8_t>{0});
    for (const Reading& r : readings) reused.add(r.time_ns, r.value);
    ASSERT_EQ(encoded(reused), encoded(summary_of(readings)));
  }
}

TEST(Summary, OneReadingTakesSeventeenBytesAndAnOrdinaryWindowAboutAHundred) {
  Summary summary;
  summary.add(1'700'000'000'000'000'000, 21.37);
  EXPECT_EQ(encoded(summary).size(), 17u);
  for (int64_t i = 1; i < 10; ++i)
    summary.add(1'700'000'000'000'000'000 + i * 1'000'000'000, 21.37 + 0.11 * static_cast<double>(i));
  EXPECT_LE(encoded(summary).size(), 100u);
}

TEST(Summary, LargestPossibleFitsItsBound) {
  std::mt19937_64 random(test_seed() + 4);
  Summary summary;
  for (int i = 0; i < 20000; ++i) summary.add(static_cast<int64_t>(random()), any_double(random));
  for (int i = 0; i < 48; ++i) summary.merge(summary);
  EXPECT_LE(encoded(summary).size(), kSummaryBytesMax);
  EXPECT_EQ(summary.numeric().count(), 20000ull << 48);
}

TEST(Summary, OldBytesDecodeForEver) {
  // Written by the first version of this format.
  const struct {
    const char* hex;
    uint64_t count;
    double mean;
  } samples[] = {
      {"00", 0, 0},
      {"01008cb6611e0100009a99999999193540", 1, 21.1},
      {"830ae9008cb6611e010000809c92e79efce6cb179a999999991935405c8fc2f5285c36401080018ceb51b81e8569030f800270764f1e166"
       "a"
       "856d006f8104252a010c0ab0460a0202020202000202",
       10, 0x1.5d6872b020c4ap+4},
      {"830569040000000000000003000008c080842e41068601fe083d068c02f400514a8d0e1c0203aa19cc8b8001b64a", 5,
       0x1.869ff33333333p+17},
  };
  for (const auto& sample : samples) {
    std::vector<uint8_t> bytes;
    for (const char* at = sample.hex; *at != 0; at += 2)
      bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(at, 2), nullptr, 16)));
    Summary summary;
    ASSERT_TRUE(summary.decode(bytes)) << sample.hex;
    EXPECT_EQ(summary.numeric().count(), sample.count);
    EXPECT_EQ(summary.numeric().mean().value, sample.mean);
    EXPECT_EQ(show(encoded(summary)), sample.hex);
  }
}

TEST(Summary, WhatIsNotCanonicalIsRefused) {
  auto refused = [](std::vector<uint8_t> bytes) {
    Summary summary;
    summary.add(1, 1);
    std::vector<uint8_t> before = encoded(summary);
    bool accepted = summary.merge_encoded(bytes);
    EXPECT_EQ(encoded(summary) == before, !accepted) << "a refused merge changed something";
    bool decoded = summary.decode(bytes);
    EXPECT_EQ(accepted, decoded);
    EXPECT_TRUE(decoded || summary.empty());
    return !decoded;
  };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({0, 0}));
  EXPECT_TRUE(refused({2}));
  EXPECT_TRUE(refused({0x80}));
  EXPECT_TRUE(refused({0x84}));
  auto one = [](double value) {
    std::vector<uint8_t> bytes = {1, 0, 0, 0, 0, 0, 0, 0, 0};
    uint64_t bits = std::bit_cast<uint64_t>(value);
    for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<uint8_t>(bits >> (8 * i)));
    return bytes;
  };
  EXPECT_FALSE(refused(one(1)));
  EXPECT_FALSE(refused(one(0)));
  EXPECT_TRUE(refused(one(-0.0)));
  EXPECT_TRUE(refused(one(std::nan(""))));
  EXPECT_TRUE(refused(one(std::numeric_limits<double>::infinity())));
  // A single reading in the general form.
  Summary single;
  single.add(5, 21.5);
  std::vector<uint8_t> general(kSummaryBytesMax);
  general[0] = 0x83;
  size_t size = 1 + single.numeric().encode(std::span(general).subspan(1));
  size += single.distribution().encode(std::span(general).subspan(size));
  general.resize(size);
  EXPECT_TRUE(refused(general));
  // Each part alone is no single reading of both.
  std::vector<uint8_t> alone(kNumericBytesMax + 1);
  alone[0] = 0x81;
  alone.resize(1 + single.numeric().encode(std::span(alone).subspan(1)));
  EXPECT_FALSE(refused(alone));
}

TEST(Summary, AnyMutationIsRefusedOrIsItselfCanonical) {
  uint64_t seed = test_seed() + 5;
  std::mt19937_64 random(seed);
  std::vector<std::vector<uint8_t>> accepted;
  for (int round = 0; round < 200; ++round) {
    std::vector<uint8_t> original =
        encoded(summary_of(random_readings(random, round, 1 + random() % (round % 4 == 0 ? 700 : 6))));
    for (int i = 0; i < 300; ++i) {
      std::vector<uint8_t> bytes = original;
      for (int changes = 1 + static_cast<int>(random() % 3); changes > 0; --changes) {
        // Mostly near the front, where the structure is.
        size_t at = random() % (random() % 2 == 0 ? std::min<size_t>(bytes.size(), 40) : bytes.size());
        switch (random() % 6) {
          case 0:
            bytes.resize(at + 1);
            break;
          case 1:
            bytes.insert(bytes.begin() + static_cast<long>(at), static_cast<uint8_t>(random()));
            break;
          case 2:
            bytes.erase(bytes.begin() + static_cast<long>(at));
            break;
          case 3:
            bytes[at] = static_cast<uint8_t>(bytes[at] ^ (1 << random() % 8));
            break;
          case 4:
            bytes[at] = static_cast<uint8_t>(bytes[at] + (random() % 2 == 0 ? 1 : 255));
            break;
          default:
            bytes[at] = random() % 2 == 0 ? 0xff : 0;
            break;
        }
        if (bytes.empty()) bytes.push_back(0);
      }
      Summary summary;
      if (!summary.decode(bytes)) {
        EXPECT_TRUE(summary.empty());
        continue;
      }
      ASSERT_EQ(show(encoded(summary)), show(bytes)) << "seed " << seed;
      use_every_answer(summary);
      if (bytes != original) accepted.push_back(bytes);
    }
  }
  EXPECT_GT(accepted.size(), 100u);  // the test would say little if nothing got through
  // Merged forgeries still give bytes that decode, whatever was merged with whatever.
  auto all = std::make_unique<Summary>();
  for (size_t i = 0; i < accepted.size(); ++i) {
    Summary pair;
    ASSERT_TRUE(all->merge_encoded(accepted[i]));
    ASSERT_TRUE(pair.decode(accepted[i]));
    ASSERT_TRUE(pair.merge_encoded(accepted[random() % accepted.size()]));
    pair.add(static_cast<int64_t>(random()), any_double(random));
    for (const Summary* summary : {all.get(), &pair}) {
      Summary back;
      std::vector<uint8_t> bytes = encoded(*summary);
      ASSERT_TRUE(back.decode(bytes)) << show(bytes);
      ASSERT_EQ(encoded(back), bytes);
      use_every_answer(back);
    }
  }
}

TEST(Summary, ForgedCountsSaturateInAnyOrder) {
  Summary tiny;
  tiny.add(1, 1);
  tiny.add(2, 3);
  Summary vast = tiny;
  for (int i = 0; i < 61; ++i) vast.merge(vast);
  std::vector<uint8_t> first, second;
  {
    Summary summary = vast;
    for (int i = 0; i < 4; ++i) summary.merge(vast);
    summary.merge(tiny);
    first = encoded(summary);
  }
  {
    Summary summary = tiny;
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(summary.merge_encoded(encoded(vast)));
    second = encoded(summary);
    EXPECT_EQ(summary.numeric().count(), kCountSaturated);
    EXPECT_EQ(summary.distribution().count(), kCountSaturated);
    use_every_answer(summary);
  }
  EXPECT_EQ(first, second);
  Summary back;
  EXPECT_TRUE(back.decode(first));
}

TEST(Summary, PartsMayHaveCountsOfTheirOwn) {
  Summary both, alone;
  both.add(1, 5);
  both.add(2, 7);
  std::vector<uint8_t> bytes(kNumericBytesMax + 1);
  bytes[0] = 0x81;
  bytes.resize(1 + both.numeric().encode(std::span(bytes).subspan(1)));
  ASSERT_TRUE(alone.decode(bytes));
  EXPECT_EQ(alone.distribution().count(), 0u);
  both.merge(alone);
  EXPECT_EQ(both.numeric().count(), 4u);
  EXPECT_EQ(both.distribution().count(), 2u);
  Summary back;
  ASSERT_TRUE(back.decode(encoded(both)));
  EXPECT_EQ(encoded(back), encoded(both));
}

TEST(Summary, TheFloatBuildGivesTheSameBytes) {
  std::mt19937_64 random(test_seed() + 6);
  DeviceSummary narrow;
  Summary wide;
  for (int i = 0; i < 3000; ++i) {
    float value = static_cast<float>(static_cast<int>(random() % 100000)) / 7 - 5000;
    narrow.add(i, value);
    wide.add(i, static_cast<double>(value));
  }
  std::vector<uint8_t> bytes(kSummaryBytesMax);
  bytes.resize(narrow.encode(bytes));
  EXPECT_EQ(bytes, encoded(wide));
  DeviceSummary back;
  EXPECT_TRUE(back.decode(bytes));
}

}  // namespace
}  // namespace tributary::stats
