// SPDX-License-Identifier: Apache-2.0
// numeric's promise: each answer is the mathematical value over the readings, rounded once.
#include "common/stats/numeric.h"

#include <cmath>
#include <limits>

#include "tests/common/stats/support.h"

namespace tributary::stats {
namespace {

constexpr double kGreatest = std::numeric_limits<double>::max();
constexpr double kLeast = std::numeric_limits<double>::denorm_min();

Numeric<double> numeric_of(const std::vector<double>& values) {
  Numeric<double> numeric;
  int64_t time_ns = 0;
  for (double value : values) numeric.add(++time_ns, value);
  return numeric;
}

std::string answer_text(const Answer& answer) {
  if (answer.kind == Answer::Kind::kNone) return "none";
  if (answer.kind == Answer::Kind::kOverflow) return "overflow";
  std::ostringstream out;
  out << std::hex;
  out.width(16);
  out.fill('0');
  out << std::bit_cast<uint64_t>(answer.value);
  return out.str();
}

class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

// The recipes of generate_vectors.py.
double make_reading(const std::string& recipe, uint64_t r, size_t i, double before) {
  auto bits = [](double value) { return std::bit_cast<uint64_t>(value); };
  auto wild = [&] { return std::bit_cast<double>(((r >> 52) & 0x7ff) == 0x7ff ? r & ~(uint64_t{1} << 62) : r); };
  auto with_field = [&](uint64_t field) {
    return std::bit_cast<double>((r & (uint64_t{1} << 63)) | field << 52 | (r & ((uint64_t{1} << 52) - 1)));
  };
  if (recipe == "wild") return wild();
  if (recipe == "subnormal") return with_field(0);
  if (recipe == "edge") return with_field((r >> 52) & 3);
  if (recipe == "huge") return with_field(2043 + ((r >> 52) & 3));
  if (recipe == "near") return std::fabs(with_field(1027));
  if (recipe == "signed") return with_field(1020 + ((r >> 52) & 7));
  if (recipe == "spread") return with_field(1000 + ((r >> 52) & 31));
  if (recipe == "decimal") return static_cast<double>(static_cast<int64_t>(r % 20001) - 10000) / 100.0;
  if (recipe == "offset") return static_cast<double>(100000000 + r % 3) / 10.0;
  if (recipe == "integer") return static_cast<double>(static_cast<int64_t>(r % 2001) - 1000);
  if (recipe == "boolean") return static_cast<double>(r & 1);
  if (recipe == "constant") return i == 0 ? wild() : before;
  if (recipe == "cancel") {
    return i % 2 == 0 ? wild() : std::bit_cast<double>(bits(before) ^ (uint64_t{1} << 63) ^ (r & 1));
  }
  if (recipe == "ends") return with_field(i % 2 == 0 ? (r >> 52) & 3 : 2043 + ((r >> 52) & 3));
  ADD_FAILURE() << "unknown recipe " << recipe;
  return 0;
}

TEST(Numeric, AnswersAreTheExactValuesRoundedOnce) {
  std::ifstream file(TRIBUTARY_TEST_DATA "/stats_exact/moments.txt");
  ASSERT_TRUE(file.is_open());
  std::string recipe, sum, mean, variance, stddev;
  uint64_t seed;
  size_t count, sets = 0;
  while (file >> recipe >> seed >> count >> sum >> mean >> variance >> stddev) {
    SCOPED_TRACE(recipe + " " + std::to_string(seed));
    SplitMix random(seed);
    std::vector<double> values;
    for (size_t i = 0; i < count; ++i) {
      values.push_back(make_reading(recipe, random.next(), i, values.empty() ? 0 : values.back()));
    }
    Numeric<double> whole = numeric_of(values);
    // Also in two parts by way of the encoded form, which must not change a digit.
    Numeric<double> part = numeric_of({values.begin() + static_cast<long>(count / 3), values.end()}), other, merged;
    uint8_t buffer[kNumericBytesMax];
    ASSERT_TRUE(other.decode({buffer, part.encode(buffer)}));
    merged = numeric_of({values.begin(), values.begin() + static_cast<long>(count / 3)});
    merged.merge(other);
    for (const Numeric<double>* numeric : {&whole, &merged}) {
      EXPECT_EQ(numeric->count(), count);
      EXPECT_EQ(answer_text(numeric->sum()), sum);
      EXPECT_EQ(answer_text(numeric->mean()), mean);
      EXPECT_EQ(answer_text(numeric->variance()), variance);
      EXPECT_EQ(answer_text(numeric->stddev()), stddev);
      EXPECT_EQ(numeric->min(), *std::min_element(values.begin(), values.end()));
      EXPECT_EQ(numeric->max(), *std::max_element(values.begin(), values.end()));
    }
    ++sets;
  }
  EXPECT_GE(sets, 400u);
}

// The readings follow the last line of dashes, or the last that begins with '#'.
std::vector<double> nist_readings(const std::string& name) {
  std::ifstream file(TRIBUTARY_TEST_DATA "/nist_strd/" + name + ".txt");
  EXPECT_TRUE(file.is_open()) << name;
  std::vector<double> values;
  std::string line;
  while (std::getline(file, line)) {
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
    bool dashes = line.size() > 1 && line.find_first_not_of("- \t") == std::string::npos;
    if (line.starts_with('#') || dashes) {
      values.clear();
      continue;
    }
    char* end = nullptr;
    double value = std::strtod(line.c_str(), &end);
    if (end != line.c_str() && *end == '\0') values.push_back(value);
  }
  return values;
}

TEST(Numeric, NistStrdMeanAndStddevAreTheCorrectlyRoundedExactValues) {
  std::ifstream file(TRIBUTARY_TEST_DATA "/nist_strd/expected.txt");
  std::string name, mean, stddev;
  size_t count;
  int sets = 0;
  while (file >> name >> count >> mean >> stddev) {
    SCOPED_TRACE(name);
    std::vector<double> values = nist_readings(name);
    EXPECT_EQ(values.size(), count);
    Numeric<double> numeric = numeric_of(values);
    EXPECT_EQ(answer_text(numeric.mean()), mean);
    EXPECT_EQ(answer_text(numeric.stddev()), stddev);
    ++sets;
  }
  EXPECT_EQ(sets, 9);
}

TEST(Numeric, NistStrdCertifiedDigitsHoldAsFarAsTheDataAreDoubles) {
  std::ifstream file(TRIBUTARY_TEST_DATA "/nist_strd/certified.txt");
  std::string line;
  int sets = 0;
  while (std::getline(file, line)) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    std::string name, mean, stddev;
    size_t count;
    fields >> name >> count >> mean >> stddev;
    SCOPED_TRACE(name);
    Numeric<double> numeric = numeric_of(nist_readings(name));
    double greatest = std::max(std::fabs(numeric.min()), std::fabs(numeric.max()));
    double reading_error = (std::nextafter(greatest, kGreatest) - greatest) / 2;
    auto tolerance = [&](const std::string& printed) {
      size_t point = printed.find('.');
      double digits = point == std::string::npos ? 0 : static_cast<double>(printed.size() - point - 1);
      return std::pow(10, -digits) / 2 + 1.01 * reading_error;
    };
    auto exact = [](const std::string& printed) {
      return printed.find('.') == std::string::npos || printed.size() < 12;  // certified without rounding
    };
    EXPECT_NEAR(numeric.mean().value, std::stod(mean), exact(mean) ? 1.01 * reading_error : tolerance(mean));
    EXPECT_NEAR(numeric.stddev().value, std::stod(stddev), exact(stddev) ? 1.01 * reading_error : tolerance(stddev));
    ++sets;
  }
  EXPECT_EQ(sets, 9);
}

TEST(Numeric, WhatDoesNotExistIsNoneAndWhatIsBeyondDoubleIsOverflow) {
  Numeric<double> numeric;
  EXPECT_EQ(numeric.sum().kind, Answer::Kind::kValue);
  EXPECT_EQ(numeric.sum().value, 0);
  EXPECT_EQ(numeric.mean().kind, Answer::Kind::kNone);
  numeric.add(1, kGreatest);
  EXPECT_EQ(numeric.mean().value, kGreatest);
  EXPECT_EQ(numeric.variance().kind, Answer::Kind::kNone);
  EXPECT_EQ(numeric.stddev().kind, Answer::Kind::kNone);
  numeric.add(2, kGreatest);
  EXPECT_EQ(numeric.sum().kind, Answer::Kind::kOverflow);
  EXPECT_EQ(numeric.mean().value, kGreatest);
  EXPECT_EQ(numeric.variance().value, 0);
  numeric.add(3, -kGreatest);
  EXPECT_EQ(numeric.sum().value, kGreatest);
  EXPECT_EQ(numeric.variance().kind, Answer::Kind::kOverflow);
  EXPECT_EQ(numeric.stddev().kind, Answer::Kind::kOverflow);  // 1.15 times the greatest double
  numeric.add(4, 0);
  EXPECT_EQ(numeric.stddev().kind, Answer::Kind::kValue);
}

TEST(Numeric, SubnormalsCountExactlyAndTiesGoToEven) {
  EXPECT_EQ(numeric_of({kLeast, 0}).mean().value, 0);  // half of the least: a tie, to even
  EXPECT_EQ(numeric_of({kLeast, kLeast, 0}).mean().value, kLeast);
  EXPECT_EQ(numeric_of({kLeast, 2 * kLeast}).mean().value, 2 * kLeast);
  EXPECT_EQ(numeric_of({kLeast, 1, -1}).sum().value, kLeast);
  EXPECT_EQ(numeric_of({1, 0x1p-53}).sum().value, 1);
  EXPECT_EQ(numeric_of({1, 0x1p-53, kLeast}).sum().value, 1 + 0x1p-52);
  EXPECT_EQ(numeric_of({kGreatest, 0x1p969}).sum().value, kGreatest);
  EXPECT_EQ(numeric_of({kGreatest, 0x1p970}).sum().kind, Answer::Kind::kOverflow);
  EXPECT_EQ(numeric_of({kLeast, -kLeast}).stddev().value, kLeast);  // 1.41 times the least
  EXPECT_EQ(numeric_of({-kLeast, 0, 0}).mean().value, 0);
  EXPECT_FALSE(std::signbit(numeric_of({-kLeast, 0, 0}).mean().value));
}

TEST(Numeric, MinusZeroBecomesPlusZero) {
  Numeric<double> numeric = numeric_of({-0.0});
  EXPECT_FALSE(std::signbit(numeric.min()));
  EXPECT_FALSE(std::signbit(numeric.max()));
  EXPECT_FALSE(std::signbit(numeric.first().value));
  EXPECT_FALSE(std::signbit(numeric.last().value));
  EXPECT_FALSE(std::signbit(numeric.sum().value));
}

TEST(Numeric, FirstAndLastAreTheLeastAndGreatestByTimeThenValue) {
  Numeric<double> numeric;
  numeric.add(5, 1);
  numeric.add(3, 7);
  numeric.add(3, -7);
  numeric.add(5, 4);
  numeric.add(4, 100);
  EXPECT_EQ(numeric.first(), (TimedValue{3, -7}));
  EXPECT_EQ(numeric.last(), (TimedValue{5, 4}));
  numeric.add(std::numeric_limits<int64_t>::max(), 2);
  numeric.add(std::numeric_limits<int64_t>::min(), 2);
  EXPECT_EQ(numeric.first().time_ns, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(numeric.last().time_ns, std::numeric_limits<int64_t>::max());
}

TEST(Numeric, SumsOfManyCarryThroughEveryLimb) {
  // 2^40 readings of the greatest double and of its negative, by doubling.
  Numeric<double> up = numeric_of({kGreatest}), down = numeric_of({-kGreatest, kLeast});
  for (int i = 0; i < 40; ++i) {
    up.merge(up);
    down.merge(down);
  }
  EXPECT_EQ(up.count(), uint64_t{1} << 40);
  EXPECT_EQ(up.mean().value, kGreatest);
  EXPECT_EQ(up.stddev().value, 0);
  up.merge(down);
  EXPECT_EQ(up.sum().value, 0x1p-1034);
}

TEST(Numeric, MergingWithItselfDoublesEverything) {
  std::mt19937_64 random(11);
  for (int kind = 0; kind < 8; ++kind) {
    Numeric<double> once, twice;
    for (int i = 0; i < 50; ++i) {
      double value = typical_double(random, kind);
      once.add(i, value);
      twice.add(i, value);
      twice.add(i, value);
    }
    once.merge(once);
    uint8_t a[kNumericBytesMax], b[kNumericBytesMax];
    size_t size = once.encode(a);
    ASSERT_EQ(size, twice.encode(b));
    EXPECT_EQ(std::memcmp(a, b, size), 0) << "kind " << kind;
  }
}

TEST(Numeric, SaturatedCountsStayDefined) {
  Numeric<double> numeric = numeric_of({1, 2});
  for (int i = 0; i < 70; ++i) numeric.merge(numeric);
  EXPECT_EQ(numeric.count(), kCountSaturated);
  numeric.add(9, 3);
  EXPECT_EQ(numeric.count(), kCountSaturated);
  EXPECT_EQ(numeric.sum().kind, Answer::Kind::kOverflow);
  EXPECT_EQ(numeric.mean().kind, Answer::Kind::kOverflow);
  EXPECT_EQ(numeric.stddev().kind, Answer::Kind::kOverflow);
  EXPECT_EQ(numeric.max(), 3);
  uint8_t buffer[kNumericBytesMax];
  Numeric<double> back;
  ASSERT_TRUE(back.decode({buffer, numeric.encode(buffer)}));
  EXPECT_EQ(back.count(), kCountSaturated);
  back.merge(numeric);
  EXPECT_EQ(back.count(), kCountSaturated);
}

TEST(Numeric, TheFloatBuildGivesTheSameBytes) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 300; ++round) {
    Numeric<float> narrow;
    Numeric<double> wide;
    for (size_t i = 0, count = 1 + random() % 40; i < count; ++i) {
      float value = std::bit_cast<float>(static_cast<uint32_t>(random()));
      if (round % 2 == 0) value = static_cast<float>(static_cast<int>(random() % 2000)) / 10 - 50;
      if (!std::isfinite(value)) continue;
      int64_t time_ns = static_cast<int64_t>(random() % 20);
      narrow.add(time_ns, value);
      wide.add(time_ns, static_cast<double>(value));
    }
    uint8_t a[kNumericBytesMax], b[kNumericBytesMax];
    size_t size = narrow.encode(a);
    ASSERT_EQ(size, wide.encode(b));
    ASSERT_EQ(std::memcmp(a, b, size), 0);
    Numeric<float> back;
    ASSERT_TRUE(back.decode({a, size}));
    EXPECT_EQ(answer_text(back.stddev()), answer_text(wide.stddev()));
  }
  uint8_t buffer[kNumericBytesMax];
  Numeric<float> narrow;
  EXPECT_FALSE(narrow.decode({buffer, numeric_of({0.1}).encode(buffer)}));  // no float
}

}  // namespace
}  // namespace tributary::stats
