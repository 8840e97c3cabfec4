// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as the id of a series, and any text as a sender's field name.
#include "common/base/check.h"
#include "common/series/series.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tributary;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto series = series_from_id(text); series.ok()) CHECK(series->id() == text);
  std::string metric = metric_name(text);
  bool fits = is_plain_text(metric, kMetricBytesMax);
  CHECK(check_series({.device = "d", .metric = metric}).ok() == fits);
  return 0;
}
