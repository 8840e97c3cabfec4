// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any body of POST /api/v1/data. Every record that comes of it is a message that the bridge itself would
// accept from a gateway.
#include <string>

#include "cloud/bridge/ingest.h"
#include "cloud/bridge/inspect.h"
#include "common/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tributary;
  constexpr int64_t kNowNs = 1767225600000000000;
  static const bridge::IngestConfig config;
  static bridge::Inspector inspector(config.max_future_s);
  bridge::IngestRequest request{
      .tenant = "t", .body = std::string(reinterpret_cast<const char*>(data), size), .idempotency_key = ""};
  bridge::IngestResult result = bridge::make_records(config, request, 3, {.wall_ns = kNowNs, .mono_ns = 0});
  CHECK(result.records.empty() == (result.accepted == 0));
  for (const log::Record& record : result.records) {
    CHECK(inspector.inspect(as_bytes(record.payload), kNowNs).fate == bridge::Fate::kMessage);
  }
  bridge::is_idempotency_key(request.body);
  return 0;
}
