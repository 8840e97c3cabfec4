// SPDX-License-Identifier: Apache-2.0
// Chooses the log's implementation by URL, and the partition of a key.
#include "cloud/log/log.h"

#include "cloud/log/embedded.h"
#include "cloud/log/kafka.h"
#include "common/base/bytes.h"
#include "common/base/murmur2.h"

namespace tributary::log {
namespace {

constexpr std::string_view kEmbeddedScheme = "lmdb://";
constexpr std::string_view kKafkaScheme = "kafka://";

// The folder of an embedded log's URL.
Result<std::string> embedded_path(const std::string& url) {
  if (!url.starts_with(kEmbeddedScheme) || url.size() < kEmbeddedScheme.size() + 2 ||
      url[kEmbeddedScheme.size()] != '/') {
    return Error{ErrorCode::kInvalid, "found log url \"" + url + "\", expected lmdb:///path or kafka://host:port"};
  }
  return url.substr(kEmbeddedScheme.size());
}

}  // namespace

uint32_t partition_of(std::string_view tenant, std::string_view gateway_or_device, uint32_t partitions) {
  CHECK(partitions > 0);
  std::string key;
  key.reserve(tenant.size() + 1 + gateway_or_device.size());
  key.append(tenant).append("/").append(gateway_or_device);
  return (murmur2(as_bytes(key)) & 0x7fffffff) % partitions;
}

Result<std::unique_ptr<Writer>> open_writer(const LogConfig& config) {
  if (config.url.starts_with(kKafkaScheme)) return open_kafka_writer(config);
  auto path = embedded_path(config.url);
  if (!path) return path.error();
  return open_embedded_writer(*path, config);
}

Result<std::unique_ptr<Reader>> open_reader(const LogConfig& config) {
  if (config.url.starts_with(kKafkaScheme)) return open_kafka_reader(config);
  auto path = embedded_path(config.url);
  if (!path) return path.error();
  return open_embedded_reader(*path, config);
}

}  // namespace tributary::log
