// SPDX-License-Identifier: Apache-2.0
// Opening, making and sharing of the embedded log: see embedded.h.
#include "cloud/log/embedded.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>

#include "common/base/bytes.h"
#include "common/runtime/program.h"

namespace tributary::log {

struct Embedded::Shared {
  std::string path;
  std::unique_ptr<store::Env> env;
  std::vector<store::Table> tables;
  LogSettings settings;
};

namespace {

constexpr uint32_t kFormat = 1;
constexpr uint64_t kMapBytesAtFirst = 64ULL << 20;

// The environments this process has open, by canonical path. This is the one place that keeps a table for the whole
// process, since the rule it enforces (LMDB's: one environment a file) is about the whole process.
struct Registry {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Embedded::Shared>> open;
};

Registry& registry() {
  static Registry instance;
  return instance;
}

template <class Unsigned>
std::string little_endian(Unsigned value) {
  std::string out(sizeof value, '\0');
  for (size_t i = 0; i < sizeof value; ++i) out[i] = static_cast<char>(value >> (8 * i));
  return out;
}

template <class Unsigned>
std::optional<Unsigned> from_little_endian(std::optional<std::string_view> bytes) {
  if (!bytes || bytes->size() != sizeof(Unsigned)) return std::nullopt;
  Unsigned value = 0;
  for (size_t i = 0; i < sizeof value; ++i) {
    value |= static_cast<Unsigned>(static_cast<uint8_t>((*bytes)[i])) << (8 * i);
  }
  return value;
}

uint64_t new_log_id() {
  for (;;) {
    if (const uint64_t id = runtime::random_bits(); id != 0) return id;
  }
}

struct Stored {
  std::optional<uint32_t> format;
  std::optional<uint64_t> log_id;
  std::optional<uint32_t> partitions;
};

Stored read_meta(const store::Txn& txn, store::Table meta) {
  return {from_little_endian<uint32_t>(txn.get(meta, "format")), from_little_endian<uint64_t>(txn.get(meta, "log_id")),
          from_little_endian<uint32_t>(txn.get(meta, "partitions"))};
}

// Offsets have no holes: a key that is not what was written shows in their number.
Status check_offsets(const Embedded::Shared& log, const std::string& path) {
  auto txn = log.env->read();
  if (!txn) return txn.error();
  for (size_t partition = 0; partition < log.tables.size(); ++partition) {
    store::Cursor cursor(*txn, log.tables[partition]);
    if (!cursor.first()) continue;
    const std::string first(cursor.key());
    cursor.last();
    const bool keys = first.size() == sizeof(Offset) && cursor.key().size() == sizeof(Offset);
    const uint64_t stored = txn->count(log.tables[partition]);
    if (keys && offset_of(cursor.key()) - offset_of(first) + 1 == stored) continue;
    return Error{ErrorCode::kCorrupt, "lmdb://" + path + ": " + path + "/data.mdb is damaged: partition " +
                                          std::to_string(partition) + " holds " + std::to_string(stored) +
                                          " records, " +
                                          (keys ? "expected those from " + std::to_string(offset_of(first)) + " to " +
                                                      std::to_string(offset_of(cursor.key()))
                                                : "and their offsets are none") +
                                          ". Nothing was changed: put a copy of the file back, or begin a new log"};
  }
  return {};
}

Result<std::shared_ptr<Embedded::Shared>> open_environment(const std::string& path, const LogConfig& config,
                                                           Embedded::Missing missing) {
  const std::string url = "lmdb://" + path;
  std::error_code ignored;
  if (missing == Embedded::Missing::kRefuse && !std::filesystem::exists(path + "/data.mdb", ignored)) {
    return Error{ErrorCode::kNotFound, "there is no log at " + url};
  }
  const uint32_t wanted = config.partitions.value_or(1);
  if (wanted == 0 || wanted > kPartitionsMax) {
    return Error{ErrorCode::kInvalid, url + ": found partitions = " + std::to_string(wanted) + ", expected 1 to " +
                                          std::to_string(kPartitionsMax)};
  }
  store::EnvConfig env_config;
  env_config.path = path;
  env_config.map_bytes = std::min(kMapBytesAtFirst, config.map_bytes_max);
  env_config.map_bytes_max = config.map_bytes_max;
  env_config.tables_max = kPartitionsMax + 1;
  env_config.sync = config.sync;
  auto env = store::Env::open(env_config);
  if (!env) return Error{env.error().code, url + ": " + env.error().message};

  const auto checked = (*env)->check(config.check_ms_max);
  if (!checked) {
    const bool damaged = checked.error().code == ErrorCode::kCorrupt;
    return Error{checked.error().code,
                 url + ": " + checked.error().message +
                     (damaged ? ". Nothing was changed: put a copy of the file back, or begin a new log" : "")};
  }
  if (!checked->complete) {
    runtime::log_warn(url + ": " + std::to_string(checked->bytes >> 20) + " MiB of the file were checked in " +
                      std::to_string(config.check_ms_max / 1000) + " s and are sound; the rest was not looked at");
  }

  auto shared = std::make_shared<Embedded::Shared>();
  shared->path = path;
  shared->env = std::move(*env);
  auto meta = shared->env->table("meta");
  if (!meta) return Error{meta.error().code, url + ": " + meta.error().message};

  Stored stored;
  {
    auto txn = shared->env->read();
    if (!txn) return Error{txn.error().code, url + ": " + txn.error().message};
    stored = read_meta(*txn, *meta);
  }
  if (!stored.log_id) {
    if (missing == Embedded::Missing::kRefuse) return Error{ErrorCode::kNotFound, "there is no log at " + url};
    // Another process may make it at the same moment: whoever gets the write lock first decides.
    const uint64_t fresh = new_log_id();
    Status made = shared->env->write([&](store::Txn& txn) {
      if (!read_meta(txn, *meta).log_id) {
        txn.put(*meta, "format", little_endian(kFormat));
        txn.put(*meta, "log_id", little_endian(fresh));
        txn.put(*meta, "partitions", little_endian(wanted));
      }
      stored = read_meta(txn, *meta);
      return true;
    });
    if (!made) return Error{made.error().code, url + ": " + made.error().message};
  }
  if (!stored.format || !stored.log_id || !stored.partitions || *stored.log_id == 0 || *stored.partitions == 0 ||
      *stored.partitions > kPartitionsMax) {
    return Error{ErrorCode::kCorrupt, url + ": its settings are not those of a log"};
  }
  if (*stored.format != kFormat) {
    return Error{ErrorCode::kUnsupported,
                 url + ": found format " + std::to_string(*stored.format) + ", expected " + std::to_string(kFormat)};
  }
  for (uint32_t partition = 0; partition < *stored.partitions; ++partition) {
    auto table = shared->env->table("p" + std::to_string(partition));
    if (!table) return Error{table.error().code, url + ": " + table.error().message};
    shared->tables.push_back(*table);
  }
  if (Status whole = check_offsets(*shared, path); !whole) return whole.error();
  shared->settings.log_id = *stored.log_id;
  shared->settings.partitions = *stored.partitions;
  shared->settings.durability = config.sync ? "power" : "process";
  return shared;
}

}  // namespace

Result<std::unique_ptr<Embedded>> Embedded::open(const std::string& path, const LogConfig& config, Missing missing) {
  std::error_code ignored;
  std::string canonical = std::filesystem::weakly_canonical(path, ignored).string();
  if (canonical.empty()) canonical = path;

  std::lock_guard lock(registry().mutex);
  auto found = registry().open.find(canonical);
  std::shared_ptr<Shared> shared;
  if (found != registry().open.end()) {
    shared = found->second;
  } else {
    auto opened = open_environment(canonical, config, missing);
    if (!opened) return opened.error();
    shared = *opened;
  }
  if (config.partitions && *config.partitions != shared->settings.partitions) {
    return Error{ErrorCode::kMismatch, config.url + ": found " + std::to_string(shared->settings.partitions) +
                                           " partitions in the log, expected " + std::to_string(*config.partitions) +
                                           " (the count is fixed for a log's life)"};
  }
  registry().open.emplace(canonical, shared);
  auto handle = std::unique_ptr<Embedded>(new Embedded());
  handle->shared_ = std::move(shared);
  return handle;
}

Embedded::~Embedded() {
  if (!shared_) return;
  // Closed under the registry's lock, so that no second environment of this file opens meanwhile.
  std::lock_guard lock(registry().mutex);
  const std::string path = shared_->path;
  shared_.reset();
  auto found = registry().open.find(path);
  if (found != registry().open.end() && found->second.use_count() == 1) registry().open.erase(found);
}

store::Env& Embedded::env() const { return *shared_->env; }
store::Table Embedded::table(uint32_t partition) const { return shared_->tables.at(partition); }
const LogSettings& Embedded::settings() const { return shared_->settings; }
const std::string& Embedded::path() const { return shared_->path; }

std::string offset_key(Offset offset) {
  std::string key(sizeof offset, '\0');
  for (size_t i = 0; i < sizeof offset; ++i) key[i] = static_cast<char>(offset >> (56 - 8 * i));
  return key;
}

Offset offset_of(std::string_view key) {
  CHECK(key.size() == sizeof(Offset));
  Offset offset = 0;
  for (const char byte : key) offset = offset << 8 | static_cast<uint8_t>(byte);
  return offset;
}

Bounds bounds_of(const store::Txn& txn, store::Table table) {
  Bounds bounds;
  store::Cursor cursor(txn, table);
  if (!cursor.first()) return bounds;
  bounds.begin = offset_of(cursor.key());
  cursor.last();
  bounds.end = offset_of(cursor.key()) + 1;
  return bounds;
}

}  // namespace tributary::log
