// SPDX-License-Identifier: Apache-2.0
// Keys of tenants and the sessions of browsers. The keys file holds SHA-256 hashes only; a key has 256 random bits, so
// a plain hash is enough. Sessions are signed, not stored: they survive a restart and end when their key is removed.
// Thread-safe.
//
// The file: {"keys":[{"tenant":"demo","sha256":"hex","name":"…","created":"…"}],"session_secret":"hex"}
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/runtime/result.h"

namespace tributary::api {

struct KeyEntry {
  std::string tenant, sha256, name, created;  // sha256: 64 hex digits
};

struct KeysFile {
  std::vector<KeyEntry> keys;
  std::string session_secret;  // hex, at least 32 bytes
};

// kNotFound: no such file; kInvalid: says what was found. Never quotes a hash or the secret.
Result<KeysFile> read_keys_file(const std::string& path);
// Replaces the file atomically, mode 0600.
Status write_keys_file(const std::string& path, const KeysFile& content);

// A new key: "trib_" and 64 hex digits.
std::string make_key();

struct Identity {
  std::string tenant;
  std::string key_id;  // the first 16 digits of the key's hash: names the key without telling it
};

class Auth {
 public:
  static constexpr int64_t kSessionSeconds = 30 * 24 * 3600;

  // The file may be missing or broken at first: then nobody is let in and trouble() says why.
  explicit Auth(std::string path);

  std::optional<Identity> identity_of(std::string_view key);
  std::optional<std::string> tenant_of(std::string_view key);

  // A session for a key's owner; nullopt without a session secret.
  std::optional<std::string> make_session(const Identity& identity, int64_t now_s);
  std::optional<Identity> identity_of_session(std::string_view cookie, int64_t now_s);

  // Empty when well; otherwise one sentence. After a broken change the keys read before stay in force.
  std::string trouble();

 private:
  struct Loaded {
    std::vector<KeyEntry> keys;
    std::string secret;
  };
  std::shared_ptr<const Loaded> current();

  const std::string path_;
  std::mutex mutex_;
  std::shared_ptr<const Loaded> loaded_;
  std::string trouble_;
  // Of the file as it was read: a change of any is a new file.
  int64_t modified_ns_ = -1;
  uint64_t inode_ = 0, size_ = 0;
};

}  // namespace tributary::api
