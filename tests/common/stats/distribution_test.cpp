// SPDX-License-Identifier: Apache-2.0
// distribution's promises: exact indices, the greatest scale that fits, quantiles whose bounds hold.
#include "common/stats/distribution.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/common/stats/support.h"

namespace tributary::stats {
namespace {

constexpr double kGreatest = std::numeric_limits<double>::max();
constexpr double kLeast = std::numeric_limits<double>::denorm_min();

int32_t index_at(double value, int scale) { return bucket_index(value) >> (kScaleMax - scale); }

nlohmann::json read_json(const std::string& name) {
  std::ifstream file(TRIBUTARY_TEST_DATA "/sketch_vectors/" + name);
  EXPECT_TRUE(file.is_open()) << name;
  return nlohmann::json::parse(file);
}

// A whole number of any size, least significant limb first: enough to square.
std::vector<uint32_t> squared(const std::vector<uint32_t>& a) {
  std::vector<uint32_t> out(2 * a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    uint64_t carry = 0;
    for (size_t j = 0; j < a.size(); ++j) {
      carry += static_cast<uint64_t>(a[i]) * a[j] + out[i + j];
      out[i + j] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    out[i + a.size()] = static_cast<uint32_t>(carry);
  }
  return out;
}

// value^256 compared with 2^exponent, exactly: whether it is greater, or equal.
bool power_exceeds(uint64_t value, uint64_t exponent, bool& equal) {
  std::vector<uint32_t> power = {static_cast<uint32_t>(value), static_cast<uint32_t>(value >> 32)};
  for (int i = 0; i < 8; ++i) power = squared(power);
  size_t bits = power.size() * 32;
  while (bits > 0 && (power[(bits - 1) / 32] >> ((bits - 1) % 32) & 1) == 0) --bits;
  bool single = true;
  for (size_t i = 0; i + 1 < bits && single; ++i) single = (power[i / 32] >> (i % 32) & 1) == 0;
  equal = single && bits - 1 == exponent;
  return !equal && bits - 1 >= exponent;
}

TEST(Thresholds, EachIsTheFloorOfItsRootByExactArithmetic) {
  for (uint32_t j = 0; j < 256; ++j) {
    bool equal;
    EXPECT_FALSE(power_exceeds(kThresholds[j], 63 * 256 + j, equal)) << j;
    EXPECT_EQ(equal, j == 0) << j;
    EXPECT_TRUE(power_exceeds(kThresholds[j] + 1, 63 * 256 + j, equal)) << j;
  }
  EXPECT_EQ(kThresholds[256], UINT64_MAX);
}

TEST(Thresholds, EachCellBeginsAtItsCountAndHoldsAtMostOneMore) {
  for (uint64_t cell = 0; cell < 512; ++cell) {
    uint64_t start = (uint64_t{1} << 63) + (cell << 54), last = start + ((uint64_t{1} << 54) - 1);
    auto below = [](uint64_t mantissa) {
      return std::count_if(kThresholds, kThresholds + 256, [&](uint64_t t) { return t < mantissa; });
    };
    EXPECT_EQ(kCellFirst[cell], below(start));
    EXPECT_LE(below(last) - below(start), 1);
  }
}

TEST(BucketIndex, OpenTelemetryVectorsHoldAtEveryScaleUpToEight) {
  std::ifstream file(TRIBUTARY_TEST_DATA "/sketch_vectors/otel_index_mapping.jsonl");
  ASSERT_TRUE(file.is_open());
  std::string line;
  int held = 0;
  while (std::getline(file, line)) {
    auto vector = nlohmann::json::parse(line);
    int scale = vector["scale"];
    if (scale > kScaleMax || scale < -12 || !vector.contains("exact_index")) continue;
    double value = std::strtod(vector["value_hex"].get<std::string>().c_str(), nullptr);
    // Coarser than kScaleMin no summary ever is, but the shift holds there too.
    EXPECT_EQ(bucket_index(value) >> (kScaleMax - scale), vector["exact_index"].get<int>()) << line;
    ++held;
  }
  EXPECT_GE(held, 200);
}

TEST(BucketIndex, ExactArithmeticAgreesAtEveryScale) {
  std::ifstream file(TRIBUTARY_TEST_DATA "/stats_exact/indices.txt");
  ASSERT_TRUE(file.is_open());
  std::string line;
  int held = 0;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    uint64_t bits;
    fields >> std::hex >> bits >> std::dec;
    double value = std::bit_cast<double>(bits);
    for (int scale = kScaleMax; scale >= kScaleMin; --scale) {
      int32_t expected;
      ASSERT_TRUE(fields >> expected) << line;
      EXPECT_EQ(index_at(value, scale), expected) << line << " at scale " << scale;
      EXPECT_EQ(index_at(-value, scale), expected);
    }
    // The inline lookup of add is the same function.
    Distribution one;
    one.add(-value);
    EXPECT_EQ(one.bucket(0).index, bucket_index(value)) << line;
    EXPECT_TRUE(one.bucket(0).negative);
    ++held;
  }
  EXPECT_GE(held, 700);
}

TEST(BucketBounds, EveryDoubleLiesBetweenTheBoundsOfItsBucket) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 20000; ++i) {
    double value = std::fabs(i % 5 == 0 ? std::bit_cast<double>(random() >> 12) : any_double(random));
    if (value == 0) continue;
    for (int scale = kScaleMax; scale >= kScaleMin; --scale) {
      int32_t index = index_at(value, scale);
      double lower = bucket_lower(scale, index), upper = bucket_upper(scale, index);
      ASSERT_LE(lower, value) << scale;
      ASSERT_GE(upper, value) << scale;
      // Rounded bounds are next to the true ones: a double beyond them is in another bucket.
      if (upper < kGreatest) {
        ASSERT_GT(index_at(std::nextafter(upper, kGreatest), scale), index);
      }
      if (lower > kLeast) {
        ASSERT_LT(index_at(std::nextafter(lower, 0), scale), index);
      }
    }
  }
  EXPECT_EQ(bucket_lower(0, 0), 1);
  EXPECT_EQ(bucket_upper(0, 0), 2);
  EXPECT_EQ(bucket_upper(8, 255), 2);
  EXPECT_EQ(bucket_upper(kScaleMin, 63), kGreatest);
  EXPECT_EQ(bucket_lower(kScaleMin, -68), 0);
}

TEST(BucketBounds, PrometheusUpperBoundsHold) {
  int held = 0;
  auto vectors = read_json("prometheus_native.json");
  for (const auto& vector : vectors["upper_bounds"]) {
    int schema = vector["schema"], key = vector["key"];
    if (schema > kScaleMax || schema < kScaleMin || !vector["upper_bound"].is_number()) continue;
    // Theirs come from a table of bounds that is one unit off in the last place for 2^(-1/4).
    double theirs = vector["upper_bound"];
    EXPECT_NEAR(bucket_upper(schema, key - 1), theirs, theirs * 0x1p-52) << vector;
    ++held;
  }
  EXPECT_GE(held, 8);
}

// offset and counts of a dense histogram at a coarser scale, as OpenTelemetry keeps them.
std::map<int32_t, uint64_t> at_scale(const Distribution& distribution, int scale, bool negative) {
  std::map<int32_t, uint64_t> out;
  for (int i = 0; i < distribution.bucket_count(); ++i) {
    Bucket bucket = distribution.bucket(i);
    if (bucket.negative == negative) out[bucket.index >> (distribution.scale() - scale)] += bucket.count;
  }
  return out;
}

std::map<int32_t, uint64_t> from_dense(const nlohmann::json& state) {
  std::map<int32_t, uint64_t> out;
  int32_t index = state["offset"];
  for (uint64_t count : state["counts"]) {
    if (count != 0) out[index] = count;
    ++index;
  }
  return out;
}

TEST(Distribution, OpenTelemetrySequencesGiveTheSameBucketsAtTheirScale) {
  auto vectors = read_json("otel_structure.json");
  int held = 0;
  for (const char* source : {"opentelemetry_go", "go_expohisto"}) {
    for (const auto& record : vectors[source]["record"]) {
      // Some state only sizes, and one counts on a subnormal that the Go reference rounds up.
      if (!record.contains("counts") || record["counts"].is_null() || record["scale"] == -10) continue;
      std::vector<double> values;
      for (const char* key : {"values", "values_any_order"}) {
        if (record.contains(key)) values = record[key].get<std::vector<double>>();
      }
      if (record.contains("values_hex")) {
        for (const auto& text : record["values_hex"]) {
          values.push_back(std::strtod(text.get_ref<const std::string&>().c_str(), nullptr));
        }
      }
      ASSERT_FALSE(values.empty()) << record;
      Distribution distribution;
      for (double value : values) {
        distribution.add(value);
        distribution.add(-value);
      }
      int scale = record["scale"];
      EXPECT_EQ(at_scale(distribution, scale, false), from_dense(record)) << record;
      EXPECT_EQ(at_scale(distribution, scale, true), from_dense(record)) << record;
      ++held;
    }
  }
  for (const auto& merge : vectors["go_expohisto"]["merge"]) {
    Distribution a, b;
    for (double value : merge["a"]) a.add(value);
    for (double value : merge["b"]) b.add(value);
    EXPECT_EQ(at_scale(a, merge["a_state"]["scale"], false), from_dense(merge["a_state"]));
    EXPECT_EQ(at_scale(b, merge["b_state"]["scale"], false), from_dense(merge["b_state"]));
    a.merge(b);
    EXPECT_EQ(at_scale(a, merge["merged"]["scale"], false), from_dense(merge["merged"]));
    ++held;
  }
  EXPECT_GE(held, 25);
}

// The definition itself: the greatest scale at which at most kBucketsMax buckets are occupied.
void expect_by_definition(const Distribution& distribution, const std::vector<double>& values) {
  uint64_t zeros = static_cast<uint64_t>(std::count(values.begin(), values.end(), 0.0));
  EXPECT_EQ(distribution.zero_count(), zeros);
  EXPECT_EQ(distribution.count(), values.size());
  for (int scale = kScaleMax; scale >= kScaleMin; --scale) {
    std::map<std::pair<bool, int32_t>, uint64_t> positive, negative;
    for (double value : values) {
      if (value > 0) ++positive[{false, index_at(value, scale)}];
      if (value < 0) ++negative[{true, -index_at(value, scale)}];
    }
    if (positive.size() + negative.size() > kBucketsMax) continue;
    ASSERT_EQ(distribution.scale(), scale);
    ASSERT_EQ(distribution.bucket_count(), static_cast<int>(positive.size() + negative.size()));
    int position = 0;
    for (const auto* side : {&negative, &positive}) {
      for (const auto& [key, count] : *side) {
        Bucket bucket = distribution.bucket(position++);
        EXPECT_EQ(bucket.negative, key.first);
        EXPECT_EQ(bucket.index, key.first ? -key.second : key.second);
        EXPECT_EQ(bucket.count, count);
      }
    }
    return;
  }
  FAIL() << "no scale fits";
}

TEST(Distribution, IsTheHistogramAtTheGreatestScaleThatFits) {
  std::mt19937_64 random(17);
  for (int round = 0; round < 64; ++round) {
    std::vector<double> values;
    size_t count = round % 4 == 0 ? 1 + random() % 20 : 1 + random() % 3000;
    for (size_t i = 0; i < count; ++i) values.push_back(typical_double(random, round));
    Distribution distribution;
    for (double value : values) distribution.add(value);
    SCOPED_TRACE("round " + std::to_string(round));
    expect_by_definition(distribution, values);
  }
}

TEST(Distribution, ExactlyFullKeepsItsScaleAndOneMoreCollapses) {
  Distribution distribution;
  std::vector<double> values;
  for (int i = 0; i < kBucketsMax; ++i) values.push_back(bucket_upper(8, i * 7));
  for (double value : values) distribution.add(value);
  EXPECT_EQ(distribution.scale(), 8);
  EXPECT_EQ(distribution.bucket_count(), kBucketsMax);
  for (int i = 0; i < 5; ++i) distribution.add(0);  // zero takes no bucket
  EXPECT_EQ(distribution.scale(), 8);
  distribution.add(-1);
  EXPECT_LT(distribution.scale(), 8);
  values.insert(values.end(), 5, 0.0);
  values.push_back(-1);
  expect_by_definition(distribution, values);
}

TEST(Distribution, AllDoublesFitTheLeastScale) {
  Distribution distribution;
  for (int exponent = -1074; exponent <= 1023; ++exponent) {
    distribution.add(std::ldexp(1, exponent));
    distribution.add(-std::ldexp(1.5, exponent));
  }
  distribution.add(kGreatest);
  EXPECT_EQ(distribution.scale(), kScaleMin);
  EXPECT_LE(distribution.bucket_count(), kBucketsMax);
}

TEST(Distribution, QuantilesHoldTheTrueValueAndTheEndsAreExact) {
  std::mt19937_64 random(23);
  for (int round = 0; round < 80; ++round) {
    std::vector<double> values;
    size_t count = 1 + random() % (round % 2 == 0 ? 10 : 2000);
    for (size_t i = 0; i < count; ++i) values.push_back(typical_double(random, round) + 0.0);
    Distribution distribution;
    for (double value : values) distribution.add(value);
    std::sort(values.begin(), values.end());
    auto check = [&](uint64_t numerator, uint64_t denominator) {
      __extension__ using Native = unsigned __int128;
      Native scaled = static_cast<Native>(numerator) * count;
      size_t rank = static_cast<size_t>((scaled + denominator - 1) / denominator);
      double truth = values[rank - 1];
      Quantile q = distribution.quantile(numerator, denominator, values.front(), values.back());
      ASSERT_LE(q.low, truth) << numerator << "/" << denominator << " round " << round;
      ASSERT_GE(q.high, truth) << numerator << "/" << denominator << " round " << round;
      ASSERT_LE(q.low, q.value);
      ASSERT_GE(q.high, q.value);
      if (distribution.scale() == kScaleMax && std::fpclassify(truth) == FP_NORMAL) {
        EXPECT_NEAR(q.value, truth, 0.00136 * std::fabs(truth));
      }
      if (rank == 1 || rank == count) {
        EXPECT_EQ(q.value, truth);
        EXPECT_EQ(q.low, q.high);
      }
    };
    for (uint64_t percent : {1, 5, 25, 50, 75, 90, 95, 99, 100}) check(percent, 100);
    check(1, UINT64_MAX);
    check(UINT64_MAX, UINT64_MAX);
    check(UINT64_MAX - 1, UINT64_MAX);
    for (int i = 0; i < 20; ++i) {
      uint64_t denominator = random() | 1;
      check(1 + random() % denominator, denominator);
    }
  }
}

}  // namespace
}  // namespace tributary::stats
