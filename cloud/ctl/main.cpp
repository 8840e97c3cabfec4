// SPDX-License-Identifier: Apache-2.0
// tributaryctl: keys of tenants, a look into the log, and dead letters.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "cloud/api/auth.h"
#include "cloud/ctl/dead_letters.h"
#include "cloud/log/log.h"
#include "common/reading/payload.h"
#include "common/runtime/program.h"

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
  if (content.session_secret.empty()) content.session_secret = api::random_hex(kSecretBytes);
  const std::string key = api::make_key();
  content.keys.push_back({tenant, api::sha256_hex(key), name,
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

int log_info(const std::string& url) {
  log::LogConfig config;
  config.url = url;
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

const char* kind_name(log::RecordKind kind) {
  switch (kind) {
    case log::RecordKind::kMessage:
      return "message";
    case log::RecordKind::kRejected:
      return "rejected";
    case log::RecordKind::kStatus:
      return "status";
    case log::RecordKind::kIngest:
      return "ingest";
  }
  return "?";
}

// One line a record: offset, time, kind, tenant/gateway, bytes, reason.
int log_dump(const std::string& url, uint32_t partition, uint64_t from, uint64_t count) {
  log::LogConfig config;
  config.url = url;
  auto reader = log::open_reader(config);
  if (!reader) return fail(reader.error().message);
  const auto bounds = (*reader)->bounds(partition);
  if (!bounds) return fail(bounds.error().message);
  constexpr size_t kRecordsMax = 256, kBytesMax = 1 << 20;
  for (uint64_t at = std::max(from, bounds.value().begin); count > 0 && at < bounds.value().end;) {
    const auto records = (*reader)->read(partition, at, std::min<uint64_t>(count, kRecordsMax), kBytesMax, 0);
    if (!records) return fail(records.error().message);
    if (records.value().empty()) break;
    for (const auto& [offset, record] : records.value()) {
      std::printf("%llu %s %s %s/%s %zu bytes %s\n", static_cast<unsigned long long>(offset),
                  reading::format_timestamp(record.append_ns).c_str(), kind_name(record.kind), record.tenant.c_str(),
                  record.gateway.c_str(), record.payload.size(), record.reason.c_str());
      at = offset + 1;
      --count;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Keys of tenants, a look into the log, and dead letters.", "tributaryctl");
  app.set_version_flag("--version", std::string("tributaryctl ") + runtime::kVersion);
  app.require_subcommand(1);
  std::string keys = "keys.json", tenant, name, id, url;
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
  info->callback([&] { status = log_info(url); });
  auto* dump = logs->add_subcommand("dump", "One line a record");
  dump->add_option("--partition", partition, "The partition")->capture_default_str();
  dump->add_option("--from", from, "The first offset")->capture_default_str();
  dump->add_option("--count", count, "At most so many records")->capture_default_str();
  dump->callback([&] { status = log_dump(url, partition, from, count); });
  for (auto* command : {info, dump}) command->add_option("--url", url, "lmdb:///path")->required();

  auto* letters = app.add_subcommand("deadletter", "What could not be merged")->require_subcommand(1);
  ctl::DeadLetterChoice choice;
  bool all = false;
  auto* show = letters->add_subcommand("list", "Show each with its reason, and whether it can be merged now");
  show->add_flag("--json", choice.json, "One JSON object a line");
  show->callback([&] { status = ctl::list_dead_letters(choice); });
  auto* replay = letters->add_subcommand(
      "replay", "Append what can be merged now to the log once more; however often, it is counted once");
  replay->add_flag("--all", all, "Everything that can be merged now");
  replay->callback([&] {
    if (!all && choice.ids.empty() && choice.tenant.empty() && choice.gateway.empty() && choice.reason.empty()) {
      status = fail("found nothing that says what to replay, expected --id, --tenant, --gateway, --reason or --all");
      return;
    }
    status = ctl::replay_dead_letters(choice);
  });
  for (auto* command : {show, replay}) {
    command->add_option("--url", choice.log.url, "lmdb:///path or kafka://host:port")->required();
    command->add_option("--state", choice.state_dir, "The aggregator's state folder (it may be running)");
    command->add_option("--id", choice.ids, "Only these (the first column of list); may be repeated");
    command->add_option("--tenant", choice.tenant, "Only of this tenant");
    command->add_option("--gateway", choice.gateway, "Only of this gateway");
    command->add_option("--reason", choice.reason, "Only with this reason");
    command->add_option("--partition", choice.partition, "Only of this partition");
    command->add_option("--max-future", choice.max_future_s, "Seconds ahead that the aggregator accepts")
        ->capture_default_str();
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : runtime::kExitConfiguration;
  }
  return status;
}
