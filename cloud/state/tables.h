// SPDX-License-Identifier: Apache-2.0
// The tables of a state, their keys, and the head: the few numbers that change with every batch. Formats: FORMAT.md.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "cloud/state/levels.h"
#include "common/base/check.h"
#include "common/runtime/result.h"
#include "common/store/env.h"

namespace tributary::state {

inline constexpr uint32_t kStateFormat = 1;
inline constexpr size_t kNameBytesMax = 200;  // of a tenant or gateway, so that every key fits LMDB's 511 bytes

struct Tables {
  store::Table meta{}, tenants{}, gateway_names{}, gateways{}, status{}, retired{}, ledgers{};
  store::Table series{}, series_info{}, seen{}, by_metric{}, contributors{};
  store::Table fresh{}, rows{}, direct{};
  store::Table changes{}, idem{}, idem_time{}, deadletter{}, log_gaps{};
};

// One row a table, and the only list of them: opening and digest are made from it.
struct TableRow {
  const char* name;
  store::Table Tables::*table;
  const char* not_hashed;  // why replicas may differ in it; null: the digest covers it whole
};
// In the order in which the digest takes them.
inline constexpr TableRow kTables[] = {
    {"meta", &Tables::meta, "the format and the head are hashed alone; the rest is this copy's own"},
    {"tenants", &Tables::tenants, nullptr},
    {"gateway_names", &Tables::gateway_names, nullptr},
    {"gateways", &Tables::gateways, nullptr},
    {"status", &Tables::status, nullptr},
    {"retired", &Tables::retired, "by control records of the log; before, an operator's setting of one copy"},
    {"ledgers", &Tables::ledgers, nullptr},
    {"series", &Tables::series, nullptr},
    {"series_info", &Tables::series_info, nullptr},
    {"seen", &Tables::seen, nullptr},
    {"by_metric", &Tables::by_metric, nullptr},
    {"contributors", &Tables::contributors, nullptr},
    {"fresh", &Tables::fresh, nullptr},
    {"rows", &Tables::rows, nullptr},
    {"direct", &Tables::direct, nullptr},
    {"changes", &Tables::changes, nullptr},
    {"idem", &Tables::idem, nullptr},
    {"idem_time", &Tables::idem_time, nullptr},
    {"deadletter", &Tables::deadletter, nullptr},
    {"log_gaps", &Tables::log_gaps, "holes that an operator let this copy skip, noted by its own clock"},
};
static_assert(sizeof(Tables) == std::size(kTables) * sizeof(store::Table), "a table is missing in kTables");

Result<Tables> open_tables(store::Env& env);

// A key under construction: numbers are big-endian, so that byte order is number order.
class Key {
 public:
  Key& u8(uint8_t value) { return fixed(value, 1); }
  Key& u32(uint32_t value) { return fixed(value, 4); }
  Key& u64(uint64_t value) { return fixed(value, 8); }
  // Times, in order across 1970: the sign bit is flipped.
  Key& time(int64_t value) { return fixed(static_cast<uint64_t>(value) ^ (1ULL << 63), 8); }
  Key& text(std::string_view value) {
    CHECK(value.size() <= bytes_.size() - size_);
    std::memcpy(bytes_.data() + size_, value.data(), value.size());
    size_ += value.size();
    return *this;
  }
  std::string_view view() const { return {bytes_.data(), size_}; }
  operator std::string_view() const { return view(); }  // NOLINT: implicit by design

 private:
  Key& fixed(uint64_t value, size_t size) {
    CHECK(size <= bytes_.size() - size_);
    for (size_t i = 0; i < size; ++i) bytes_[size_ + i] = static_cast<char>(value >> (8 * (size - 1 - i)));
    size_ += size;
    return *this;
  }
  std::array<char, 511> bytes_;
  size_t size_ = 0;
};

// Reads a key's parts back. REQUIRES: the key is as long as its parts.
class KeyReader {
 public:
  explicit KeyReader(std::string_view key) : key_(key) {}
  uint8_t u8() { return static_cast<uint8_t>(fixed(1)); }
  uint32_t u32() { return static_cast<uint32_t>(fixed(4)); }
  uint64_t u64() { return fixed(8); }
  int64_t time() { return static_cast<int64_t>(fixed(8) ^ (1ULL << 63)); }
  std::string_view rest() const { return key_; }

 private:
  uint64_t fixed(size_t size) {
    CHECK(key_.size() >= size);
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(key_[i]);
    key_.remove_prefix(size);
    return value;
  }
  std::string_view key_;
};

inline Key fresh_key(int64_t start_s, WidthS width_s, uint32_t no) { return Key().time(start_s).u32(width_s).u32(no); }
inline Key chunk_key(int level, uint32_t no, int64_t chunk_start_s) {
  return Key().u8(static_cast<uint8_t>(level)).u32(no).time(chunk_start_s);
}
inline Key series_key(uint32_t tenant_no, bool fleet, std::string_view id) {
  return Key().u32(tenant_no).u8(fleet ? 1 : 0).text(id);
}
inline Key number_key(uint32_t no) { return Key().u32(no); }
// In meta: when the tenant was first heard of.
inline Key tenant_seen_key(uint32_t tenant_no) { return Key().text("seen").u32(tenant_no); }

// What a batch moves on, stored as one value under meta "head".
struct Head {
  uint64_t position = 0;          // next log offset = revision
  int64_t clock_ns = kBeforeAll;  // greatest append time seen
  int64_t rolled_s = kBeforeAll;  // R: rows that start before it are materialised
  // Rows of levels 0 to 3 that start before these are dropped.
  std::array<int64_t, 4> cutoff_s = {kBeforeAll, kBeforeAll, kBeforeAll, kBeforeAll};
  uint64_t changes_low = 0;      // changes of revisions up to here are trimmed
  uint64_t changes_entries = 0;  // rows named in the change table
  uint32_t next_tenant = 1, next_gateway = 1, next_series = 1;

  // Levels 4 and 5 are for ever.
  int64_t cutoff(int level) const { return level < 4 ? cutoff_s[static_cast<size_t>(level)] : kBeforeAll; }
  // Direct rows serve answers from finer levels; they go when the finer level's rows of their chunk are gone.
  bool keeps_direct(int level, int64_t start_s) const {
    if (level == kAllTimeLevel) return true;
    return chunk_start(level, start_s) + kChunkSpan[static_cast<size_t>(level)] > cutoff(level - 1);
  }
};
std::string encode_head(const Head& head);
Result<Head> read_head(const store::Txn& txn, const Tables& tables);

}  // namespace tributary::state
