// SPDX-License-Identifier: Apache-2.0
// Control records as JSON, see control.h.
#include "cloud/log/control.h"

#include <nlohmann/json.hpp>

#include "common/base/hex.h"

namespace tributary::log {
namespace {

constexpr size_t kPayloadBytesMax = 4096;
constexpr size_t kRequestDigits = 32;

}  // namespace

Record retire_record(const std::string& tenant, const std::string& gateway, const RetireControl& control,
                     int64_t append_ns) {
  CHECK(control.request.size() == kRequestDigits && is_hex(control.request));
  Record record;
  record.kind = RecordKind::kControl;
  record.tenant = tenant;
  record.gateway = gateway;
  record.append_ns = append_ns;
  record.payload = "{\"control\":\"retire\",\"request\":\"" + control.request +
                   "\",\"retired\":" + (control.retired ? "true" : "false") + "}";
  return record;
}

std::optional<RetireControl> parse_retire(std::string_view payload) {
  if (payload.size() > kPayloadBytesMax) return std::nullopt;
  const auto json = nlohmann::json::parse(payload, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto control = json.find("control"), request = json.find("request"), retired = json.find("retired");
  if (control == json.end() || *control != "retire") return std::nullopt;
  if (request == json.end() || !request->is_string() || retired == json.end() || !retired->is_boolean()) {
    return std::nullopt;
  }
  RetireControl out{retired->get<bool>(), request->get<std::string>()};
  if (out.request.size() != kRequestDigits || !is_hex(out.request)) return std::nullopt;
  return out;
}

}  // namespace tributary::log
