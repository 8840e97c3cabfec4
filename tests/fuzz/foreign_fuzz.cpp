// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as what a collector answers to an export, and any text as what a scraper accepts.
#include "cloud/render/otlp.h"
#include "cloud/render/prometheus.h"
#include "common/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tributary::api;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto answer = parse_otlp_answer(text)) CHECK(answer->message.size() <= size);
  // What comes after everything else cannot make it less preferred than text is.
  const std::string wanted =
      "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
  CHECK(prefers_protobuf(std::string(text) + "," + wanted));
  prefers_protobuf(text);
  return 0;
}
