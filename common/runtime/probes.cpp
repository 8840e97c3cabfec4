// SPDX-License-Identifier: Apache-2.0
// Bodies of probes, see probes.h.
#include "common/runtime/probes.h"

namespace tributary::runtime {

Probe ready_probe(std::string_view trouble, const std::function<void(JsonWriter&)>& fields) {
  Probe probe;
  JsonWriter json;
  if (trouble.empty()) {
    json.begin_object().field("status", "ready");
  } else {
    probe.status = 503;
    probe.content_type = kProblemType;
    begin_problem(json, probe.status, "Service Unavailable", trouble);
  }
  if (fields) fields(json);
  json.end_object();
  probe.body = json.take();
  return probe;
}

void begin_problem(JsonWriter& json, int status, std::string_view title, std::string_view detail) {
  json.begin_object().field("type", "about:blank").field("title", title).field("status", status);
  if (!detail.empty()) json.field("detail", detail);
}

}  // namespace tributary::runtime
