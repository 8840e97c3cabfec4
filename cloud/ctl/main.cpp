// SPDX-License-Identifier: Apache-2.0
// tributaryctl: keys of tenants, a look into the log, dead letters, the digest of a state.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cloud/ctl/dead_letters.h"
#include "cloud/log/log.h"
#include "cloud/state/state.h"
#include "cloud/tenants/keys.h"
#include "common/reading/payload.h"
#include "common/runtime/faults.h"
#include "common/runtime/program.h"
#include "common/runtime/sha256.h"

namespace {

using namespace tributary;

constexpr int kExitFailure = 1;
constexpr size_t kSecretBytes = 32;

int fail(const std::string& message) {
  std::fprintf(stderr, "tributaryctl: %s\n", message.c_str());
  return kExitFailure;
}

// Held while the keys file is read, changed and replaced, so that two commands at once lose nothing.
class KeysLock {
 public:
  explicit KeysLock(const std::string& keys)
      : fd_(::open((keys + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    held_ = fd_ >= 0 && ::flock(fd_, LOCK_EX) == 0;
  }
  ~KeysLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  KeysLock(const KeysLock&) = delete;
  KeysLock& operator=(const KeysLock&) = delete;
  bool held() const { return held_; }

 private:
  int fd_;
  bool held_ = false;
};

int tenant_add(const std::string& file, const std::string& tenant, const std::string& name) {
  if (!api::is_tenant_name(tenant))
    return fail("found tenant name \"" + tenant + "\", expected [a-z0-9][a-z0-9_-]{0,62}");
  const KeysLock lock(file);
  if (!lock.held()) return fail(file + ".lock: " + std::strerror(errno));
  auto keys = api::read_keys_file(file);
  if (!keys && keys.error().code != ErrorCode::kNotFound) return fail(keys.error().message);
  api::KeysFile content = keys ? std::move(keys).value() : api::KeysFile{};
  if (content.session_secret.empty()) content.session_secret = runtime::random_hex(kSecretBytes);
  const std::string key = api::make_key();
  content.keys.push_back({tenant, runtime::sha256_hex(key), name,
                          reading::format_timestamp(to_seconds_floor(runtime::now().wall_ns) * kNanosPerSecond)});
  if (Status written = api::write_keys_file(file, content); !written) return fail(written.error().message);
  std::printf("%s\n", key.c_str());
  std::fprintf(stderr, "This is the key of tenant %s. It is shown this once; only its hash is kept in %s.\n",
               tenant.c_str(), file.c_str());
  return 0;
}

int tenant_list(const std::string& file) {
  auto keys = api::read_keys_file(file);
  if (!keys) return fail(keys.error().message);
  for (const auto& key : keys->keys) {
    std::printf("%-24s %s  %s  %s\n", key.tenant.c_str(), key.sha256.substr(0, 16).c_str(), key.created.c_str(),
                key.name.c_str());
  }
  return 0;
}

// All keys of the tenant, or the one whose hash begins with id. Its readings stay.
int tenant_remove(const std::string& file, const std::string& tenant, const std::string& id) {
  const KeysLock lock(file);
  if (!lock.held()) return fail(file + ".lock: " + std::strerror(errno));
  auto keys = api::read_keys_file(file);
  if (!keys) return fail(keys.error().message);
  const size_t removed = std::erase_if(
      keys->keys, [&](const api::KeyEntry& key) { return key.tenant == tenant && key.sha256.starts_with(id); });
  if (removed == 0) return fail("found no such key of tenant " + tenant + " in " + file);
  if (Status written = api::write_keys_file(file, *keys); !written) return fail(written.error().message);
  std::printf("removed %zu keys of tenant %s\n", removed, tenant.c_str());
  return 0;
}

int log_info(const log::LogConfig& config) {
  auto reader = log::open_reader(config);
  if (!reader) return fail(reader.error().message);
  const auto& settings = (*reader)->settings();
  std::printf("log %016llx, %u partitions, durability %s\n", static_cast<unsigned long long>(settings.log_id),
              settings.partitions, settings.durability.c_str());
  for (uint32_t partition = 0; partition < settings.partitions; ++partition) {
    const auto bounds = (*reader)->bounds(partition);
    if (!bounds) return fail(bounds.error().message);
    std::printf("partition %u: records %llu to %llu\n", partition,
                static_cast<unsigned long long>(bounds.value().begin),
                static_cast<unsigned long long>(bounds.value().end));
  }
  return 0;
}

log::LogConfig log_config(const std::string& url, const std::map<std::string, std::string>& properties) {
  log::LogConfig config;
  config.url = url;
  config.kafka = properties;
  return config;
}

// Every record of one log into another, new one, of as many partitions, in order, with its time: the state merged from
// either is the same. Only the log id in the records is that of the new log.
int log_copy(const std::string& from, const std::string& to, const std::map<std::string, std::string>& properties) {
  auto reader = log::open_reader(log_config(from, properties));
  if (!reader) return fail(reader.error().message);
  const uint32_t partitions = (*reader)->settings().partitions;
  log::LogConfig config = log_config(to, properties);
  config.partitions = partitions;
  constexpr int64_t kForEverMs = 100LL * 365 * 86400 * 1000;
  config.retention_ms = kForEverMs;  // old records must not be trimmed while they are copied
  auto writer = log::open_writer(config);
  if (!writer) return fail(writer.error().message);
  if (const std::string trouble = (*writer)->trouble(); !trouble.empty()) return fail(trouble);
  auto target = log::open_reader(config);
  if (!target) return fail(target.error().message);
  uint64_t copied = 0, holes = 0;
  std::mutex mutex;
  std::string failure;
  for (uint32_t partition = 0; partition < partitions; ++partition) {
    const auto there = (*target)->bounds(partition);
    if (!there) return fail(there.error().message);
    if (there->end > 0) return fail(to + " holds records already, expected a new log");
    const auto bounds = (*reader)->bounds(partition);
    if (!bounds) return fail(bounds.error().message);
    if (bounds->begin > 0) {
      std::fprintf(stderr, "tributaryctl: partition %u begins at record %llu; in the copy it is record 0\n", partition,
                   static_cast<unsigned long long>(bounds->begin));
    }
    constexpr size_t kRecordsMax = 1000, kBytesMax = 4 << 20;
    for (uint64_t at = bounds->begin; at < bounds->end;) {
      auto records = (*reader)->read(partition, at, kRecordsMax, kBytesMax, 0);
      if (!records) return fail(records.error().message);
      if (records->empty()) break;
      for (auto& [offset, record, hole, hole_end] : *records) {
        at = hole.empty() ? offset + 1 : hole_end;
        if (!hole.empty()) {
          holes += hole_end - offset;
          continue;
        }
        const auto done = [&mutex, &failure](const Status& status) {
          std::lock_guard lock(mutex);
          if (!status) failure = status.error().message;
        };
        Status taken = (*writer)->append(record, done);
        while (!taken && taken.error().code == ErrorCode::kBusy && (*writer)->trouble().empty()) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
          taken = (*writer)->append(record, done);
        }
        if (!taken) return fail(taken.error().message);
        ++copied;
      }
    }
  }
  (*writer)->flush();
  if (const std::string trouble = (*writer)->trouble(); !trouble.empty()) return fail(trouble);
  writer->reset();
  if (!failure.empty()) return fail(failure);
  std::printf("copied %llu records of %u partitions\n", static_cast<unsigned long long>(copied), partitions);
  if (holes > 0) return fail(std::to_string(holes) + " offsets held no record and are not in the copy");
  return 0;
}

// The digest of a partition's state: equal where everything merged is equal, byte for byte.
int state_digest(const std::string& folder, uint32_t partition) {
  state::StateConfig config;
  config.path = folder + "/partition-" + std::to_string(partition);
  config.partition = partition;
  if (!std::filesystem::exists(config.path)) return fail("found no state in " + config.path);
  auto state = state::State::open(config);
  if (!state) return fail(state.error().message);
  std::printf("%s position %llu\n", (*state)->digest().c_str(), static_cast<unsigned long long>((*state)->position()));
  return 0;
}

// One line a record: offset, time, kind, tenant/gateway, bytes, reason.
int log_dump(const log::LogConfig& config, uint32_t partition, uint64_t from, uint64_t count) {
  auto reader = log::open_reader(config);
  if (!reader) return fail(reader.error().message);
  const auto bounds = (*reader)->bounds(partition);
  if (!bounds) return fail(bounds.error().message);
  constexpr size_t kRecordsMax = 256, kBytesMax = 1 << 20;
  for (uint64_t at = std::max(from, bounds.value().begin); count > 0 && at < bounds.value().end;) {
    const auto records = (*reader)->read(partition, at, std::min<uint64_t>(count, kRecordsMax), kBytesMax, 0);
    if (!records) return fail(records.error().message);
    if (records.value().empty()) break;
    for (const auto& [offset, record, hole, hole_end] : records.value()) {
      if (!hole.empty()) {
        std::printf("%llu to %llu: no record of this log (%s)\n", static_cast<unsigned long long>(offset),
                    static_cast<unsigned long long>(hole_end - 1), hole.c_str());
        at = hole_end;
        continue;
      }
      std::printf("%llu %s %s %s/%s %zu bytes %s\n", static_cast<unsigned long long>(offset),
                  reading::format_timestamp(record.append_ns).c_str(), log::row_of(record.kind).name.data(),
                  record.tenant.c_str(), record.gateway.c_str(), record.payload.size(), record.reason.c_str());
      at = offset + 1;
      --count;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  runtime::explain_file_faults("tributaryctl");
  CLI::App app("Keys of tenants, a look into the log, dead letters, the digest of a state.", "tributaryctl");
  app.set_version_flag("--version", std::string("tributaryctl ") + runtime::kVersion);
  app.require_subcommand(1);
  std::string keys = "keys.json", tenant, name, id, url, source, target, folder;
  std::vector<std::string> settings;
  std::map<std::string, std::string> properties;
  uint32_t partition = 0;
  uint64_t from = 0, count = 100;
  int status = 0;

  auto* tenants = app.add_subcommand("tenant", "Tenants and their keys")->require_subcommand(1);
  auto* add = tenants->add_subcommand("add", "Make a key for a tenant and print it, once");
  add->add_option("tenant", tenant, "The tenant's name")->required();
  add->add_option("--name", name, "What the key is for");
  add->callback([&] { status = tenant_add(keys, tenant, name); });
  auto* list =
      tenants->add_subcommand("list", "Show tenants, the beginnings of their keys' hashes, and when they were made");
  list->callback([&] { status = tenant_list(keys); });
  auto* remove =
      tenants->add_subcommand("remove", "Remove a tenant's keys; its sessions end with them, its readings stay");
  remove->add_option("tenant", tenant, "The tenant's name")->required();
  remove->add_option("--key", id, "Only the key whose hash begins so (see list)");
  remove->callback([&] { status = tenant_remove(keys, tenant, id); });
  for (auto* command : {add, list, remove}) command->add_option("--keys", keys, "The keys file")->capture_default_str();

  auto* logs = app.add_subcommand("log", "The log between bridge and aggregator")->require_subcommand(1);
  auto* info = logs->add_subcommand("info", "Its settings and bounds");
  info->callback([&] { status = log_info(log_config(url, properties)); });
  auto* dump = logs->add_subcommand("dump", "One line a record");
  dump->add_option("--partition", partition, "The partition")->capture_default_str();
  dump->add_option("--from", from, "The first offset")->capture_default_str();
  dump->add_option("--count", count, "At most so many records")->capture_default_str();
  dump->callback([&] { status = log_dump(log_config(url, properties), partition, from, count); });
  for (auto* command : {info, dump}) {
    command->add_option("--url", url, "lmdb:///path or kafka://host:port")->required();
  }
  auto* copy = logs->add_subcommand("copy", "Copy every record of one log into another, new one");
  copy->add_option("from", source, "lmdb:///path or kafka://host:port[/prefix]")->required();
  copy->add_option("to", target, "The same; it must be empty")->required();
  copy->callback([&] { status = log_copy(source, target, properties); });
  auto* states = app.add_subcommand("state", "The aggregator's state, while it is stopped")->require_subcommand(1);
  auto* digest = states->add_subcommand("digest", "A hash of everything merged, and the position in the log");
  digest->add_option("--dir", folder, "[state] dir of the aggregator")->required();
  digest->add_option("--partition", partition, "The partition")->capture_default_str();
  digest->callback([&] { status = state_digest(folder, partition); });

  auto* letters = app.add_subcommand("deadletter", "What could not be merged")->require_subcommand(1);
  ctl::DeadLetterChoice choice;
  bool all = false;
  auto* show = letters->add_subcommand("list", "Show each with its reason, and whether it can be merged now");
  show->add_flag("--json", choice.json, "One JSON object a line");
  show->callback([&] {
    choice.log = log_config(url, properties);
    status = ctl::list_dead_letters(choice);
  });
  auto* replay = letters->add_subcommand(
      "replay", "Append what can be merged now to the log once more; however often, it is counted once");
  replay->add_flag("--all", all, "Everything that can be merged now");
  replay->callback([&] {
    if (!all && choice.ids.empty() && choice.tenant.empty() && choice.gateway.empty() && choice.reason.empty()) {
      status = fail("found nothing that says what to replay, expected --id, --tenant, --gateway, --reason or --all");
      return;
    }
    choice.log = log_config(url, properties);
    status = ctl::replay_dead_letters(choice);
  });
  for (auto* command : {show, replay}) {
    command->add_option("--url", url, "lmdb:///path or kafka://host:port")->required();
    command->add_option("--state", choice.state_dir, "The aggregator's state folder (it may be running)");
    command->add_option("--id", choice.ids, "Only these (the first column of list); may be repeated");
    command->add_option("--tenant", choice.tenant, "Only of this tenant");
    command->add_option("--gateway", choice.gateway, "Only of this gateway");
    command->add_option("--reason", choice.reason, "Only with this reason");
    command->add_option("--partition", choice.partition, "Only of this partition");
    command->add_option("--max-future", choice.max_future_s, "Seconds ahead that the aggregator accepts")
        ->capture_default_str();
  }
  for (auto* command : {info, dump, copy, show, replay}) {
    command->add_option("--kafka", settings, "A property of librdkafka, NAME=VALUE; may be repeated")
        ->each([&](const std::string& one) {
          const size_t equals = std::min(one.find('='), one.size());
          properties[one.substr(0, equals)] = one.substr(std::min(equals + 1, one.size()));
        });
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : runtime::kExitConfiguration;
  }
  return status;
}
