// SPDX-License-Identifier: Apache-2.0
// The embedded log: one LMDB environment that several processes share. Layout: FORMAT.md beside this file.
//
// LMDB allows one environment a file in a process (closing a second one would drop the first one's file locks), so
// every writer and reader of a process works on the same one: Embedded is a counted handle to it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/log/log.h"
#include "common/store/env.h"

namespace tributary::log {

inline constexpr uint32_t kPartitionsMax = 256;

class Embedded {
 public:
  enum class Missing { kMake, kRefuse };

  // Opens the log in a folder, or makes it. kNotFound (kRefuse only), kMismatch, kUnsupported, kCorrupt, kIo, kFull.
  static Result<std::unique_ptr<Embedded>> open(const std::string& path, const LogConfig& config, Missing missing);
  ~Embedded();
  Embedded(const Embedded&) = delete;
  Embedded& operator=(const Embedded&) = delete;

  store::Env& env() const;
  store::Table table(uint32_t partition) const;
  const LogSettings& settings() const;
  const std::string& path() const;

  struct Shared;

 private:
  Embedded() = default;
  std::shared_ptr<Shared> shared_;
};

std::string offset_key(Offset offset);
// REQUIRES: a key of a partition's table.
Offset offset_of(std::string_view key);
Bounds bounds_of(const store::Txn& txn, store::Table table);

Result<std::unique_ptr<Writer>> open_embedded_writer(const std::string& path, const LogConfig& config);
Result<std::unique_ptr<Reader>> open_embedded_reader(const std::string& path, const LogConfig& config);

}  // namespace tributary::log
