// SPDX-License-Identifier: Apache-2.0
// A distribution in the forms of others, see buckets.h.
#include "cloud/render/buckets.h"

#include <algorithm>
#include <cmath>

namespace tributary::api {
namespace {

struct Counted {
  int32_t index = 0;
  uint64_t count = 0;
};

// One side's buckets by ascending index, shift scales coarser.
std::vector<Counted> side_of(const stats::Distribution& distribution, bool negative, int shift) {
  std::vector<Counted> side;
  const int total = distribution.bucket_count();
  for (int i = 0; i < total; ++i) {
    // The negative side stands from the greatest index down.
    const stats::Bucket bucket = distribution.bucket(negative ? total - 1 - i : i);
    if (bucket.negative != negative) continue;
    const int32_t index = bucket.index >> shift;
    if (!side.empty() && side.back().index == index) {
      side.back().count += bucket.count;
    } else {
      side.push_back({index, bucket.count});
    }
  }
  return side;
}

NativeSide native_side(const std::vector<Counted>& side) {
  NativeSide native;
  int32_t next = 0;  // the index behind the last run
  uint64_t before = 0;
  for (const Counted& bucket : side) {
    const int32_t index = bucket.index + 1;
    if (native.spans.empty() || index != next) {
      native.spans.emplace_back(index - next, 1);
    } else {
      ++native.spans.back().second;
    }
    next = index + 1;
    native.deltas.push_back(static_cast<int64_t>(bucket.count - before));
    before = bucket.count;
  }
  return native;
}

// How many buckets lie from the first to the last.
int64_t breadth(const std::vector<Counted>& side) {
  return side.empty() ? 0 : int64_t{side.back().index} - side.front().index + 1;
}

DenseSide dense_side(const std::vector<Counted>& side) {
  DenseSide dense;
  if (side.empty()) return dense;
  dense.offset = side.front().index;
  dense.counts.resize(static_cast<size_t>(breadth(side)));
  for (const Counted& bucket : side) dense.counts[static_cast<size_t>(bucket.index - dense.offset)] = bucket.count;
  return dense;
}

int32_t index_of(int scale, double value) { return stats::bucket_index(value) >> (stats::kScaleMax - scale); }

// Bounds are rounded to doubles: one that was rounded out of its bucket is moved back in.
double greatest_of(int scale, int32_t index) {
  const double bound = stats::bucket_upper(scale, index);
  return index_of(scale, bound) > index ? std::nextafter(bound, 0.0) : bound;
}
double least_of(int scale, int32_t index) {
  const double bound = stats::bucket_lower(scale, index);
  return bound == 0 || index_of(scale, bound) < index ? std::nextafter(bound, HUGE_VAL) : bound;
}

}  // namespace

NativeHistogram native_histogram(const stats::Distribution& distribution) {
  return {.schema = distribution.scale(),
          .zero_count = distribution.zero_count(),
          .positive = native_side(side_of(distribution, false, 0)),
          .negative = native_side(side_of(distribution, true, 0))};
}

DenseHistogram dense_histogram(const stats::Distribution& distribution) {
  for (int shift = 0;; ++shift) {
    const auto positive = side_of(distribution, false, shift), negative = side_of(distribution, true, shift);
    if (breadth(positive) > kDenseBucketsMax || breadth(negative) > kDenseBucketsMax) continue;
    return {.scale = distribution.scale() - shift,
            .zero_count = distribution.zero_count(),
            .positive = dense_side(positive),
            .negative = dense_side(negative)};
  }
}

std::vector<ClassicBucket> classic_buckets(const stats::Distribution& distribution, int max) {
  std::vector<ClassicBucket> buckets;
  if (max <= 0) return buckets;
  int shift = 0;
  auto positive = side_of(distribution, false, 0), negative = side_of(distribution, true, 0);
  // However coarse, each sign keeps a bucket below 1 and one above.
  while (positive.size() + negative.size() > static_cast<size_t>(std::max(max, 4))) {
    ++shift;
    positive = side_of(distribution, false, shift);
    negative = side_of(distribution, true, shift);
  }
  const int scale = distribution.scale() - shift;
  uint64_t count = 0;
  for (auto bucket = negative.rbegin(); bucket != negative.rend(); ++bucket) {
    count += bucket->count;
    buckets.push_back({-least_of(scale, bucket->index), count});
  }
  if (distribution.zero_count() > 0) {
    count += distribution.zero_count();
    buckets.push_back({0.0, count});
  }
  for (const Counted& bucket : positive) {
    count += bucket.count;
    buckets.push_back({greatest_of(scale, bucket.index), count});
  }
  return buckets;
}

}  // namespace tributary::api
