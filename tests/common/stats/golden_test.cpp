// SPDX-License-Identifier: Apache-2.0
// Summaries encoded once are kept in tests/data/summary and decode for ever: what they said then, they say now. With
// TRIBUTARY_WRITE_GOLDEN set, files that are missing are written.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "common/stats/summary.h"

namespace tributary::stats {
namespace {

struct Sample {
  const char* name;
  std::vector<uint8_t> bytes;
  uint64_t count, buckets;  // of numeric, of distribution
  int scale;
};

std::vector<uint8_t> encoded(const Summary& summary) {
  std::vector<uint8_t> bytes(kSummaryBytesMax);
  bytes.resize(summary.encode(bytes));
  return bytes;
}

// The part alone, behind the form's byte.
template <class Part>
std::vector<uint8_t> alone(uint8_t form, const Part& part) {
  std::vector<uint8_t> bytes(kSummaryBytesMax, form);
  bytes.resize(1 + part.encode(std::span(bytes).subspan(1)));
  return bytes;
}

// Every form, and each branch of the two parts: signs, zeros, subnormals, a collapsed scale, both ends of double.
std::vector<Sample> samples() {
  const auto made = [](int n, auto value) {
    auto summary = std::make_unique<Summary>();
    for (int i = 0; i < n; ++i) summary->add(1'700'000'000'000'000'000 + i * 1'000'000'000LL, value(i));
    return summary;
  };
  const auto ten = made(10, [](int i) { return 20.5 + i % 3; });
  std::vector<Sample> out;
  out.push_back({"empty", encoded(*made(0, [](int) { return 0.0; })), 0, 0, 8});
  out.push_back({"one", encoded(*made(1, [](int) { return -3.25; })), 1, 1, 8});
  out.push_back({"ten", encoded(*ten), 10, 3, 8});
  out.push_back({"signs", encoded(*made(7, [](int i) { return i - 3.0; })), 7, 6, 8});
  out.push_back(
      {"collapsed", encoded(*made(4000, [](int i) { return (i % 2 == 0 ? 1 : -1) * (1.0 + i * i); })), 4000, 0, 0});
  out.push_back({"ends",
                 encoded(*made(6,
                               [](int i) {
                                 const double ends[] = {
                                     1.7976931348623157e308, -1.7976931348623157e308, 5e-324, -5e-324, 0,
                                     2.2250738585072014e-308};
                                 return ends[i];
                               })),
                 6, 5, 8});
  out.push_back({"numeric_alone", alone(0x81, ten->numeric()), 10, 0, 8});
  out.push_back({"distribution_alone", alone(0x82, ten->distribution()), 0, 3, 8});
  return out;
}

TEST(GoldenSummary, Version1DecodesForEverAndIsWrittenTheSame) {
  const std::filesystem::path folder = std::filesystem::path(TRIBUTARY_TEST_DATA) / "summary" / "v1";
  for (const Sample& sample : samples()) {
    SCOPED_TRACE(sample.name);
    const std::filesystem::path path = folder / (std::string(sample.name) + ".bin");
    if (!std::filesystem::exists(path) && std::getenv("TRIBUTARY_WRITE_GOLDEN") != nullptr) {
      std::filesystem::create_directories(folder);
      std::ofstream(path, std::ios::binary)
          .write(reinterpret_cast<const char*>(sample.bytes.data()), static_cast<std::streamsize>(sample.bytes.size()));
    }
    std::ifstream file(path, std::ios::binary);
    ASSERT_TRUE(file) << path;
    const std::vector<uint8_t> kept{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(sample.bytes, kept);
    const auto read = std::make_unique<Summary>();
    ASSERT_TRUE(read->decode(kept));
    EXPECT_EQ(read->numeric().count(), sample.count);
    if (sample.buckets > 0) {
      EXPECT_EQ(read->distribution().bucket_count(), static_cast<int>(sample.buckets));
      EXPECT_EQ(read->distribution().scale(), sample.scale);
    }
    EXPECT_EQ(encoded(*read), kept);
  }
}

}  // namespace
}  // namespace tributary::stats
