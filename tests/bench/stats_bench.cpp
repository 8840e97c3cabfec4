// SPDX-License-Identifier: Apache-2.0
// LINK: tributary_stats
// What exactness costs: one update of numeric and distribution beside one step of Welford's recurrence, in the same
// run.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "common/stats/summary.h"

namespace {

using tributary::stats::Summary;

constexpr int kRounds = 15;
constexpr int kPasses = 16;
constexpr size_t kReadings = 1 << 16;

struct Welford {
  double count = 0, mean = 0, m2 = 0;
};

// Both loops get the whole state by reference and may keep it in registers; the baseline does.
[[gnu::noinline]] void run_welford(Welford& state, const std::vector<double>& values) {
  Welford w = state;
  for (double value : values) {
    w.count += 1;
    double delta = value - w.mean;
    w.mean += delta / w.count;
    w.m2 += delta * (value - w.mean);
  }
  state = w;
}

[[gnu::noinline]] void run_summary(Summary& summary, const std::vector<double>& values, int64_t time_ns) {
  for (double value : values) summary.add(time_ns += 1'000'000'000, value);
}

[[gnu::noinline]] void run_merge(Summary& row, const std::vector<std::vector<uint8_t>>& partials) {
  for (const auto& bytes : partials) {
    if (!row.merge_encoded(bytes)) std::abort();
  }
}

template <class Run>
double nanoseconds(size_t count, Run run) {
  auto begin = std::chrono::steady_clock::now();
  run();
  auto end = std::chrono::steady_clock::now();
  return std::chrono::duration<double, std::nano>(end - begin).count() / static_cast<double>(count);
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// A thermometer: a random walk with noise, in tenths or hundredths of a degree, through zero now and then.
std::vector<double> sensor_data(std::mt19937_64& random) {
  std::vector<double> values;
  std::normal_distribution<double> noise(0, 0.15);
  double level = 21.5;
  for (size_t i = 0; i < kReadings; ++i) {
    level += 0.02 * noise(random);
    double daily = 6 * std::sin(static_cast<double>(i) * 6.283185307 / 8640);
    values.push_back(std::round((level + daily + noise(random)) * 100) / 100);
  }
  return values;
}

// Any double, both signs: as many buckets as there can be, and every limb in use.
std::vector<double> wide_data(std::mt19937_64& random) {
  std::vector<double> values;
  while (values.size() < kReadings) {
    double value = std::bit_cast<double>(random());
    if (tributary::stats::is_acceptable(value)) values.push_back(value);
  }
  return values;
}

void measure(const char* name, const std::vector<double>& values) {
  auto summary = std::make_unique<Summary>();
  Welford welford;
  std::vector<double> updates, steps, ratios;
  for (int round = -1; round < kRounds; ++round) {
    double step = nanoseconds(kReadings * kPasses, [&] {
      for (int i = 0; i < kPasses; ++i) run_welford(welford, values);
    });
    double update = nanoseconds(kReadings * kPasses, [&] {
      for (int i = 0; i < kPasses; ++i) {
        int64_t pass = (round + 1) * kPasses + i;
        run_summary(*summary, values, pass * static_cast<int64_t>(kReadings) * 1'000'000'000);
      }
    });
    if (round < 0) continue;  // warms the caches and the clock up
    updates.push_back(update);
    steps.push_back(step);
    ratios.push_back(update / step);
  }
  if (welford.m2 == 0.5 || summary->empty()) std::abort();  // so that nothing is optimised away
  const double ratio = median(ratios);
  std::printf("BENCH %s ratio=%.3f ns=%.2f baseline_ns=%.2f\n", name, ratio, median(updates), median(steps));
}

// Not part of the limit: the aggregator's side, partials of `per_partial` readings merged into one row.
void measure_merge(const char* name, const std::vector<double>& values, size_t per_partial) {
  std::vector<std::vector<uint8_t>> partials;
  auto summary = std::make_unique<Summary>();
  uint8_t buffer[tributary::stats::kSummaryBytesMax];
  size_t bytes = 0;
  for (size_t i = 0; i + per_partial <= 8192; i += per_partial) {
    summary->clear();
    for (size_t j = 0; j < per_partial; ++j) summary->add(static_cast<int64_t>(i + j) * 1'000'000'000, values[i + j]);
    size_t size = summary->encode(buffer);
    partials.emplace_back(buffer, buffer + size);
    bytes += size;
  }
  summary->clear();
  std::vector<double> times, encodes;
  for (int round = 0; round < kRounds; ++round) {
    times.push_back(nanoseconds(partials.size(), [&] { run_merge(*summary, partials); }));
    encodes.push_back(nanoseconds(1000, [&] {
      for (int i = 0; i < 1000; ++i) {
        if (summary->encode(buffer) == 0) std::abort();
      }
    }));
  }
  std::printf("BENCH %s ns=%.1f bytes=%.1f row_encode_ns=%.1f row_bytes=%zu\n", name, median(times),
              static_cast<double>(bytes) / static_cast<double>(partials.size()), median(encodes),
              summary->encode(buffer));
}

}  // namespace

int main() {
  std::mt19937_64 random(1);
  std::vector<double> sensor = sensor_data(random), wide = wide_data(random);
  measure("stats_update_vs_welford", sensor);
  measure("stats_update_vs_welford_wide", wide);
  measure_merge("stats_merge_of_1", sensor, 1);
  measure_merge("stats_merge_of_10", sensor, 10);
  measure_merge("stats_merge_of_1000", sensor, 1000);
  return 0;
}
