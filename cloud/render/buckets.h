// SPDX-License-Identifier: Apache-2.0
// A distribution in the forms of others. Ours: bucket i of scale s holds base^i < |value| <= base^(i + 1), base =
// 2^(2^-s), both signs alike, zeros apart (common/stats/distribution.h). All three conversions keep every count; the
// native form keeps every bucket too.
//   Prometheus native  bucket i holds base^(i - 1) < |value| <= base^i, schema = scale: our index plus one
//   OTLP exponential   our indices, but dense: from the least to the greatest, with zeros between
//   classic            counts of values <= a bound; a bound is the greatest double of a bucket, so it is exact
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "common/stats/distribution.h"

namespace tributary::api {

struct NativeSide {
  // Runs of neighbouring buckets: {gap to the run before, or index of the first bucket; length}.
  std::vector<std::pair<int32_t, uint32_t>> spans;
  std::vector<int64_t> deltas;  // of each bucket's count to the one before
};
struct NativeHistogram {
  int schema = 0;
  uint64_t zero_count = 0;  // of zero itself: the zero bucket has no breadth
  NativeSide positive, negative;
};
NativeHistogram native_histogram(const stats::Distribution& distribution);

// OpenTelemetry's default of so many buckets a sign.
inline constexpr int kDenseBucketsMax = 160;
struct DenseSide {
  int32_t offset = 0;  // index of the first bucket
  std::vector<uint64_t> counts;
};
struct DenseHistogram {
  int scale = 0;
  uint64_t zero_count = 0;
  DenseSide positive, negative;
};
// The greatest scale, at most the distribution's, at which neither sign spans more than kDenseBucketsMax buckets.
DenseHistogram dense_histogram(const stats::Distribution& distribution);

struct ClassicBucket {
  double bound = 0;    // the greatest value it may hold
  uint64_t count = 0;  // of all values up to it
};
// Ascending, the last one below +Inf; the greatest scale at which there are at most max buckets besides zero's. A
// coarser scale's bounds are among the finer one's. max: 0 for none, less than 4 counts as 4.
std::vector<ClassicBucket> classic_buckets(const stats::Distribution& distribution, int max);

}  // namespace tributary::api
