// SPDX-License-Identifier: Apache-2.0
// histogram: the buckets of the part distribution, {scale, zero, positive: {offset, counts}, negative: {offset,
// counts}}.
#include <algorithm>
#include <vector>

#include "cloud/render/stat/statistic.h"

namespace tributary::api {
namespace {

bool write_histogram(JsonWriter& json, const Subject& subject, const Stat&) {
  const stats::Distribution& distribution = subject.summary.distribution();
  json.begin_object().field("scale", distribution.scale()).field("zero", distribution.zero_count());
  const int total = distribution.bucket_count();
  for (const bool negative : {false, true}) {
    std::vector<stats::Bucket> buckets;
    for (int i = 0; i < total; ++i) {
      const stats::Bucket bucket = distribution.bucket(i);
      if (bucket.negative == negative) buckets.push_back(bucket);
    }
    // The negative side comes by value, so from the greatest index down; both sides are told by index.
    if (negative) std::reverse(buckets.begin(), buckets.end());
    json.key(negative ? "negative" : "positive").begin_object().key("offset").begin_array();
    for (const auto& bucket : buckets) json.value(bucket.index);
    json.end_array().key("counts").begin_array();
    for (const auto& bucket : buckets) json.value(bucket.count);
    json.end_array().end_object();
  }
  json.end_object();
  return true;
}

}  // namespace

constinit const Statistic kHistogram = {.name = "histogram", .write = write_histogram};

}  // namespace tributary::api
