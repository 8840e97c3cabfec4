// SPDX-License-Identifier: Apache-2.0
// LINK: tributary_reading
// Fuzz target: any bytes as JSON payload, plain payload and timestamp. Every value told must be finite, every metric a
// valid name, every timestamp must read back.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "common/reading/payload.h"
#include "common/series/series.h"

namespace {

using namespace tributary;

struct Checking final : reading::ReadingSink {
  bool accept(const reading::Reading& reading, Instant) override {
    CHECK(std::isfinite(reading.value.number));
    CHECK(check_series({.device = "d", .metric = std::string(reading.metric)}).ok());
    return true;
  }
  void reject(reading::Reject, std::string_view found, std::string_view, uint64_t) override {
    CHECK(found.size() <= 80);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static reading::PayloadParser parser;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Checking sink;
  parser.parse_json(text, "", {}, sink);
  parser.parse_json(text, "device", {}, sink);
  parser.parse_plain(text, "device", "metric", {}, sink);
  if (const auto time_ns = reading::parse_timestamp(text)) {
    CHECK(reading::parse_timestamp(reading::format_timestamp(*time_ns)) == *time_ns);
  }
  return 0;
}
