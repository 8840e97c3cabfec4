// SPDX-License-Identifier: Apache-2.0
// KeyMemory: which body came under which Idempotency-Key lately, as far as this bridge has seen. It spares a client
// that uses a key twice the belief that its second body counts; what it does not know, the aggregator tells apart.
// Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tributary::bridge {

// The SHA-256 of a body as 64 hexadecimal digits.
std::string body_digest(std::string_view body);

class KeyMemory {
 public:
  // keys_max: beyond it the oldest is forgotten.
  explicit KeyMemory(size_t keys_max = 20'000) : keys_max_(keys_max) {}
  // True if another body was stored under the tenant's key.
  bool is_reused(std::string_view tenant, std::string_view key, std::string_view digest) const;
  // A body was stored under the key; the first one stays.
  void remember(std::string_view tenant, std::string_view key, std::string_view digest);

 private:
  const size_t keys_max_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::string> digests_;
  std::deque<std::string> order_;
};

}  // namespace tributary::bridge
