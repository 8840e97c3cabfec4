// SPDX-License-Identifier: Apache-2.0
// Auth, see keys.h.
#include "cloud/tenants/keys.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "common/base/hex.h"
#include "common/runtime/sha256.h"
#include "common/series/names.h"

namespace tributary::api {
namespace {

constexpr size_t kHashHexSize = 64;
constexpr size_t kKeyIdSize = 16;
constexpr size_t kSecretBytesMin = 32;
constexpr size_t kKeyBytesMax = 256;
constexpr size_t kNonceBytes = 8;
constexpr size_t kSignedOutMax = 10'000;

std::string hmac_hex(std::string_view secret, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return to_hex(Bytes(digest, size));
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Error invalid(const std::string& path, const std::string& what) {
  return Error{ErrorCode::kInvalid, "keys file " + path + ": " + what};
}

}  // namespace

Result<KeysFile> read_keys_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    const int reason = errno;
    const ErrorCode code = reason == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
    return Error{code, "keys file " + path + ": " + std::strerror(reason)};
  }
  std::ostringstream text;
  text << in.rdbuf();
  const auto json = nlohmann::json::parse(text.str(), nullptr, false);
  if (json.is_discarded() || !json.is_object())
    return invalid(path, "found no JSON object, expected {\"keys\":[…],\"session_secret\":\"…\"}");
  auto text_of = [](const nlohmann::json& object, const char* name) {
    const auto it = object.find(name);
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  KeysFile file;
  file.session_secret = text_of(json, "session_secret");
  if (!file.session_secret.empty() &&
      (file.session_secret.size() < 2 * kSecretBytesMin || !is_hex(file.session_secret))) {
    return invalid(path, "session_secret is broken, expected at least 64 hex digits");
  }
  const auto keys = json.find("keys");
  if (keys == json.end() || !keys->is_array()) return invalid(path, "found no array \"keys\"");
  for (const auto& item : *keys) {
    const std::string place = "key " + std::to_string(file.keys.size() + 1);
    if (!item.is_object()) return invalid(path, place + " is no object");
    KeyEntry entry{text_of(item, "tenant"), text_of(item, "sha256"), text_of(item, "name"), text_of(item, "created")};
    if (!is_topic_name(entry.tenant)) {
      return invalid(path, place + ": tenant is broken, expected " + kTopicNameGrammar);
    }
    if (entry.sha256.size() != kHashHexSize || !is_hex(entry.sha256))
      return invalid(path, place + ": sha256 is broken, expected 64 hex digits");
    file.keys.push_back(std::move(entry));
  }
  if (const auto removed = json.find("removed"); removed != json.end() && removed->is_array()) {
    for (const auto& name : *removed) {
      if (name.is_string()) file.removed.push_back(name.get<std::string>());
    }
  }
  return file;
}

Status write_keys_file(const std::string& path, const KeysFile& content) {
  nlohmann::ordered_json json;
  json["keys"] = nlohmann::ordered_json::array();
  for (const auto& entry : content.keys) {
    json["keys"].push_back(
        {{"tenant", entry.tenant}, {"sha256", entry.sha256}, {"name", entry.name}, {"created", entry.created}});
  }
  json["session_secret"] = content.session_secret;
  if (!content.removed.empty()) json["removed"] = content.removed;
  const std::string text = json.dump(2) + "\n";
  const std::string next = path + ".next";
  auto failed = [&](const char* step) {
    const Error error{ErrorCode::kIo, "keys file " + path + ": cannot " + step + ": " + std::strerror(errno)};
    ::unlink(next.c_str());
    return error;
  };
  ::unlink(next.c_str());
  const int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed("write");
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  // The owner of a file that is there stays its owner, so that root's tributaryctl does not lock a service out.
  struct stat old {};
  if (::stat(path.c_str(), &old) == 0 && ::geteuid() == 0) {
    [[maybe_unused]] const int ignored = ::fchown(fd, old.st_uid, old.st_gid);
  }
  ::close(fd);
  if (!written) return failed("write");
  if (::rename(next.c_str(), path.c_str()) != 0) return failed("replace");
  return {};
}

std::string make_key() { return "trib_" + runtime::random_hex(32); }

Auth::Auth(std::string path, std::string signed_out) : path_(std::move(path)), signed_out_path_(std::move(signed_out)) {
  read_signed_out();
  current();
}

std::shared_ptr<const Auth::Loaded> Auth::current() {
  std::lock_guard lock(mutex_);
  struct stat info {};
  if (::stat(path_.c_str(), &info) != 0) {
    trouble_ = "keys file " + path_ + ": " + std::strerror(errno);
    modified_ns_ = -1;
    // A removed file means no keys; one that cannot be looked at (permissions) changes nothing.
    if (errno == ENOENT || !loaded_) loaded_ = std::make_shared<Loaded>();
    return loaded_;
  }
  const int64_t modified_ns = static_cast<int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
  if (loaded_ && modified_ns == modified_ns_ && info.st_ino == inode_ && static_cast<uint64_t>(info.st_size) == size_)
    return loaded_;
  modified_ns_ = modified_ns;
  inode_ = info.st_ino;
  size_ = static_cast<uint64_t>(info.st_size);
  Result<KeysFile> file = read_keys_file(path_);
  if (file) {
    loaded_ = std::make_shared<Loaded>(Loaded{std::move(file->keys), std::move(file->session_secret)});
    last_good_ = loaded_;
    trouble_.clear();
  } else {
    trouble_ = file.error().message;
    if (!loaded_) loaded_ = std::make_shared<Loaded>();
  }
  return loaded_;
}

std::optional<Identity> Auth::identity_of(std::string_view key) {
  if (key.empty() || key.size() > kKeyBytesMax) return std::nullopt;
  const auto keys = current();
  const std::string hash = runtime::sha256_hex(key);
  // Every entry is compared, in full: the time tells nothing about which one it was.
  const KeyEntry* found = nullptr;
  for (const auto& entry : keys->keys) {
    if (equal_in_constant_time(entry.sha256, hash)) found = &entry;
  }
  if (found == nullptr) return std::nullopt;
  return Identity{found->tenant, hash.substr(0, kKeyIdSize)};
}

std::optional<std::string> Auth::tenant_of(std::string_view key) {
  auto identity = identity_of(key);
  if (!identity) return std::nullopt;
  return std::move(identity->tenant);
}

bool Auth::knows_tenant(std::string_view tenant) {
  const auto keys = current();
  std::shared_ptr<const Loaded> good;
  {
    std::lock_guard lock(mutex_);
    good = last_good_;
  }
  return good == nullptr || std::any_of(good->keys.begin(), good->keys.end(),
                                        [&](const KeyEntry& entry) { return entry.tenant == tenant; });
}

// A session is "2.TENANT.KEYID.NONCE.EXPIRY.HMAC", before "1.TENANT.KEYID.EXPIRY.HMAC". Only the tenant may hold dots,
// so the parts are taken from both ends. The nonce makes each one of its own: ending it ends no other.
std::optional<std::string> Auth::make_session(const Identity& identity, int64_t now_s) {
  const auto keys = current();
  if (keys->secret.empty()) return std::nullopt;
  const std::string content = "2." + identity.tenant + "." + identity.key_id + "." + runtime::random_hex(kNonceBytes) +
                              "." + std::to_string(now_s + kSessionSeconds);
  return content + "." + hmac_hex(keys->secret, content);
}

std::optional<Identity> Auth::identity_of_session(std::string_view cookie, int64_t now_s) {
  const auto keys = current();
  auto session = session_of(*keys, cookie, now_s);
  if (!session) return std::nullopt;
  std::lock_guard lock(signed_out_mutex_);
  if (signed_out_.contains(runtime::sha256_hex(cookie))) return std::nullopt;
  return std::move(session->identity);
}

void Auth::end_session(std::string_view cookie, int64_t now_s) {
  const auto keys = current();
  const auto session = session_of(*keys, cookie, now_s);
  if (!session) return;
  std::lock_guard lock(signed_out_mutex_);
  std::erase_if(signed_out_, [&](const auto& one) { return one.second <= now_s; });
  if (signed_out_.size() >= kSignedOutMax) {
    // Whoever makes so many has the key itself.
    signed_out_.erase(std::min_element(signed_out_.begin(), signed_out_.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
  signed_out_[runtime::sha256_hex(cookie)] = session->expiry_s;
  write_signed_out();
}

void Auth::read_signed_out() {
  std::ifstream in(signed_out_path_);
  std::string hash;
  int64_t expiry_s = 0;
  while (signed_out_.size() < kSignedOutMax && in >> hash >> expiry_s) {
    if (hash.size() == kHashHexSize && is_hex(hash)) signed_out_[hash] = expiry_s;
  }
}

// What cannot be written holds until the next start.
void Auth::write_signed_out() {
  if (signed_out_path_.empty()) return;
  const std::string next = signed_out_path_ + ".next";
  {
    std::ofstream out(next, std::ios::trunc);
    for (const auto& [hash, expiry_s] : signed_out_) out << hash << ' ' << expiry_s << '\n';
    if (!out.flush()) return;
  }
  [[maybe_unused]] const int ignored = std::rename(next.c_str(), signed_out_path_.c_str());
}

std::optional<Auth::Session> Auth::session_of(const Loaded& loaded, std::string_view cookie, int64_t now_s) {
  const Loaded* keys = &loaded;
  const size_t last = cookie.rfind('.');
  if (keys->secret.empty() || cookie.size() > 512 || last == std::string_view::npos) return std::nullopt;
  const std::string_view content = cookie.substr(0, last);
  if (!equal_in_constant_time(cookie.substr(last + 1), hmac_hex(keys->secret, content))) return std::nullopt;
  // From here on the content is what make_session wrote.
  constexpr std::string_view kVersion = "2.", kFormer = "1.";
  const size_t expiry_at = content.rfind('.');
  const bool has_nonce = content.starts_with(kVersion);
  if (!(has_nonce || content.starts_with(kFormer)) || expiry_at == 0) return std::nullopt;
  const size_t key_end = has_nonce ? content.rfind('.', expiry_at - 1) : expiry_at;
  if (key_end == std::string_view::npos || key_end == 0) return std::nullopt;
  const size_t key_at = content.rfind('.', key_end - 1);
  if (key_at == std::string_view::npos || key_at < kVersion.size()) return std::nullopt;
  const std::string_view tenant = content.substr(kVersion.size(), key_at - kVersion.size());
  const std::string_view key_id = content.substr(key_at + 1, key_end - key_at - 1);
  const std::string_view expiry = content.substr(expiry_at + 1);
  int64_t expiry_s = 0;
  const auto parsed = std::from_chars(expiry.data(), expiry.data() + expiry.size(), expiry_s);
  if (parsed.ec != std::errc() || expiry_s <= now_s) return std::nullopt;
  for (const auto& entry : keys->keys) {
    if (entry.tenant == tenant && std::string_view(entry.sha256).substr(0, kKeyIdSize) == key_id) {
      return Session{{entry.tenant, std::string(key_id)}, expiry_s};
    }
  }
  return std::nullopt;
}

std::string Auth::trouble() {
  current();
  std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace tributary::api
