// SPDX-License-Identifier: Apache-2.0
// Keys of tenants and the sessions of browsers. The keys file holds SHA-256 hashes only; a key has 256 random bits, so
// a plain hash is enough. Sessions are signed, not stored: they survive a restart and end when their key is removed;
// those that were signed out of are noted until they would have expired. Thread-safe.
//
// The file: {"keys":[{"tenant":"demo","sha256":"hex","name":"…","created":"…"}],"session_secret":"hex",
// "removed":["tenant"]}
#pragma once

#include <cstdint>
#include <map>
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
  // Tenants whose last key was removed, ascending: their readings are still there, so their names are not given again
  // unnoticed.
  std::vector<std::string> removed;
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

  // The file may be missing or broken at first: then nobody is let in and trouble() says why. signed_out: the file that
  // notes ended sessions, so that they stay ended across a restart; empty: in memory only.
  explicit Auth(std::string path, std::string signed_out = "");

  std::optional<Identity> identity_of(std::string_view key);
  std::optional<std::string> tenant_of(std::string_view key);

  // False: the keys as last read well have none of this tenant. True as well while none could be read at all, and after
  // the file was removed: whoever asks must not drop what everybody sends for a file that is in trouble.
  bool knows_tenant(std::string_view tenant);

  // A session for a key's owner; nullopt without a session secret.
  std::optional<std::string> make_session(const Identity& identity, int64_t now_s);
  std::optional<Identity> identity_of_session(std::string_view cookie, int64_t now_s);
  // From now on it is none any more. Anything but a session is ignored.
  void end_session(std::string_view cookie, int64_t now_s);

  // Empty when well; otherwise one sentence. After a broken change the keys read before stay in force.
  std::string trouble();

 private:
  struct Loaded {
    std::vector<KeyEntry> keys;
    std::string secret;
  };
  struct Session {
    Identity identity;
    int64_t expiry_s = 0;
  };
  std::shared_ptr<const Loaded> current();
  std::optional<Session> session_of(const Loaded& keys, std::string_view cookie, int64_t now_s);
  void read_signed_out();
  void write_signed_out();

  const std::string path_;
  std::mutex mutex_;
  std::shared_ptr<const Loaded> loaded_;
  std::shared_ptr<const Loaded> last_good_;  // nothing until a file was read well
  const std::string signed_out_path_;
  std::mutex signed_out_mutex_;
  std::map<std::string, int64_t> signed_out_;  // hash of the cookie → when it expires
  std::string trouble_;
  // Of the file as it was read: a change of any is a new file.
  int64_t modified_ns_ = -1;
  uint64_t inode_ = 0, size_ = 0;
};

}  // namespace tributary::api
