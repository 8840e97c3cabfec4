// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as an encoded summary. What is accepted encodes to the same bytes, and merging it encoded is
// the same as merging it decoded.
#include <memory>
#include <vector>

#include "common/base/check.h"
#include "common/stats/summary.h"

namespace {

using namespace tributary;

std::vector<uint8_t> encoded(const stats::Summary& summary) {
  std::vector<uint8_t> bytes(stats::kSummaryBytesMax);
  size_t size = summary.encode(bytes);
  CHECK(size > 0);
  bytes.resize(size);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto read = std::make_unique<stats::Summary>();
  static const auto merged = std::make_unique<stats::Summary>();
  static const auto merged_encoded = std::make_unique<stats::Summary>();
  Bytes bytes(data, size);
  bool accepted = read->decode(bytes);
  CHECK(accepted || read->empty());
  for (auto* target : {merged.get(), merged_encoded.get()}) {
    target->clear();
    target->add(5, -1.5);
    target->add(7, 1e300);
  }
  std::vector<uint8_t> before = encoded(*merged);
  CHECK(merged_encoded->merge_encoded(bytes) == accepted);
  if (!accepted) {
    CHECK(encoded(*merged_encoded) == before);
    return 0;
  }
  CHECK(encoded(*read) == std::vector<uint8_t>(bytes.begin(), bytes.end()));
  merged->merge(*read);
  CHECK(encoded(*merged) == encoded(*merged_encoded));
  // The answers exist for whatever set this is.
  read->numeric().sum();
  read->numeric().mean();
  read->numeric().variance();
  read->numeric().stddev();
  if (read->numeric().count() > 0 && read->distribution().count() > 0) {
    auto quantile = read->distribution().quantile(1, 2, read->numeric().min(), read->numeric().max());
    (void)quantile;
  }
  return 0;
}
