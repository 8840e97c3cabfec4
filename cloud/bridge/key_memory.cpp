// SPDX-License-Identifier: Apache-2.0
// Keys and what came under them: see key_memory.h.
#include "cloud/bridge/key_memory.h"

#include <openssl/sha.h>

#include <array>

#include "common/base/hex.h"

namespace tributary::bridge {
namespace {

std::string name_of(std::string_view tenant, std::string_view key) {
  std::string name(tenant);
  name.push_back('\0');
  return name.append(key);
}

}  // namespace

std::string body_digest(std::string_view body) {
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const uint8_t*>(body.data()), body.size(), digest.data());
  return to_hex(digest);
}

bool KeyMemory::is_reused(std::string_view tenant, std::string_view key, std::string_view digest) const {
  const std::lock_guard lock(mutex_);
  const auto found = digests_.find(name_of(tenant, key));
  return found != digests_.end() && found->second != digest;
}

void KeyMemory::remember(std::string_view tenant, std::string_view key, std::string_view digest) {
  const std::lock_guard lock(mutex_);
  const auto [known, fresh] = digests_.emplace(name_of(tenant, key), digest);
  if (!fresh) return;
  order_.push_back(known->first);
  if (order_.size() <= keys_max_) return;
  digests_.erase(order_.front());
  order_.pop_front();
}

}  // namespace tributary::bridge
