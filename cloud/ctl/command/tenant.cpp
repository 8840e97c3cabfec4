// SPDX-License-Identifier: Apache-2.0
// tributaryctl tenant, see tenant.h.
#include "cloud/ctl/command/tenant.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cloud/tenants/keys.h"
#include "common/reading/payload.h"
#include "common/runtime/program.h"
#include "common/runtime/sha256.h"
#include "common/series/names.h"

namespace tributary::ctl {
namespace {

constexpr size_t kSecretBytes = 32;

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

int tenant_add(const Arguments& arguments) {
  const std::string file = arguments.text("--keys"), tenant = arguments.text("tenant");
  if (!is_topic_name(tenant)) return fail("found tenant name \"" + tenant + "\", expected " + kTopicNameGrammar);
  const KeysLock lock(file);
  if (!lock.held()) return fail(file + ".lock: " + std::strerror(errno));
  auto keys = api::read_keys_file(file);
  if (!keys && keys.error().code != ErrorCode::kNotFound) return fail(keys.error().message);
  api::KeysFile content = keys ? std::move(keys).value() : api::KeysFile{};
  const auto removed = std::find(content.removed.begin(), content.removed.end(), tenant);
  if (removed != content.removed.end()) {
    if (!arguments.has("--again")) {
      return fail("tenant " + tenant +
                  " was removed; its readings are still there, and whoever gets the name now reads them. Expected "
                  "another name, or --again");
    }
    content.removed.erase(removed);
  }
  if (content.session_secret.empty()) content.session_secret = runtime::random_hex(kSecretBytes);
  const std::string key = api::make_key();
  content.keys.push_back({tenant, runtime::sha256_hex(key), arguments.text("--name"),
                          reading::format_timestamp(to_seconds_floor(runtime::now().wall_ns) * kNanosPerSecond)});
  if (Status written = api::write_keys_file(file, content); !written) return fail(written.error().message);
  std::printf("%s\n", key.c_str());
  std::fprintf(stderr, "This is the key of tenant %s. It is shown this once; only its hash is kept in %s.\n",
               tenant.c_str(), file.c_str());
  return 0;
}

int tenant_list(const Arguments& arguments) {
  auto keys = api::read_keys_file(arguments.text("--keys"));
  if (!keys) return fail(keys.error().message);
  for (const auto& key : keys->keys) {
    std::printf("%-24s %s  %s  %s\n", key.tenant.c_str(), key.sha256.substr(0, 16).c_str(), key.created.c_str(),
                key.name.c_str());
  }
  return 0;
}

// All keys of the tenant, or the one whose hash begins with id. Its readings stay.
int tenant_remove(const Arguments& arguments) {
  const std::string file = arguments.text("--keys"), tenant = arguments.text("tenant"), id = arguments.text("--key");
  const KeysLock lock(file);
  if (!lock.held()) return fail(file + ".lock: " + std::strerror(errno));
  auto keys = api::read_keys_file(file);
  if (!keys) return fail(keys.error().message);
  const size_t removed = std::erase_if(
      keys->keys, [&](const api::KeyEntry& key) { return key.tenant == tenant && key.sha256.starts_with(id); });
  if (removed == 0) return fail("found no such key of tenant " + tenant + " in " + file);
  const bool has_more =
      std::any_of(keys->keys.begin(), keys->keys.end(), [&](const api::KeyEntry& key) { return key.tenant == tenant; });
  if (!has_more) {
    keys->removed.insert(std::lower_bound(keys->removed.begin(), keys->removed.end(), tenant), tenant);
  }
  if (Status written = api::write_keys_file(file, *keys); !written) return fail(written.error().message);
  std::printf("removed %zu %s of tenant %s\n", removed, removed == 1 ? "key" : "keys", tenant.c_str());
  return 0;
}

constexpr Option kTenantOption = {"tenant", "The tenant's name", Option::Takes::kText, true};
constexpr Option kKeysOption = {"--keys", "The keys file", Option::Takes::kText, false, "keys.json"};
constexpr Option kAddOptions[] = {
    kTenantOption,
    {"--name", "What the key is for"},
    {"--again", "Also if the tenant was removed: the key reads what it had stored", Option::Takes::kFlag},
    kKeysOption};
constexpr Option kTenantListOptions[] = {kKeysOption};
constexpr Option kRemoveOptions[] = {
    kTenantOption, {"--key", "Only the key whose hash begins so (see list)"}, kKeysOption};

}  // namespace

constexpr Command kTenantAdd = {"tenant", "add", "Make a key for a tenant and print it, once", kAddOptions, tenant_add};
constexpr Command kTenantList = {"tenant", "list",
                                 "Show tenants, the beginnings of their keys' hashes, and when they were made",
                                 kTenantListOptions, tenant_list};
constexpr Command kTenantRemove = {"tenant", "remove",
                                   "Remove a tenant's keys; its sessions end with them, its readings stay",
                                   kRemoveOptions, tenant_remove};

}  // namespace tributary::ctl
