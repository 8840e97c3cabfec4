// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any text as a timestamp. What is one reads back the same from its RFC 3339 form.
#include "common/base/check.h"
#include "common/reading/payload.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tributary;
  if (const auto time_ns = reading::parse_timestamp({reinterpret_cast<const char*>(data), size})) {
    CHECK(reading::parse_timestamp(reading::format_timestamp(*time_ns)) == *time_ns);
  }
  return 0;
}
