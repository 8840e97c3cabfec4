// SPDX-License-Identifier: Apache-2.0
// Oracle: keeps every reading by brute force, and knows for each one that is missing from an answer which excuses it
// may have. Nothing here uses the product's ledger, outbox or rows; sums are integers.
//
// The readings of a series have the values u, 2u, 4u, 8u … (u: the series' unit): a sum names the very readings that
// are in it, and one that is counted twice, dropped, or put into another row shows as another number.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/series/series.h"
#include "common/stats/summary.h"

namespace tributary::faults {

// What a schedule found to be wrong.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[noreturn]] void fail(const std::string& what);
inline void require(bool ok, const char* what) {
  if (!ok) [[unlikely]]
    fail(what);
}

// Why a reading may be missing. Each must be named in the answers if it is.
enum Excuse : uint32_t {
  kExcuseCrash = 1,      // not in a committed transaction when the gateway died: a gap with bounds
  kExcuseReplaced = 2,   // the outbox was damaged: a gap "outbox_replaced", or a loss with cause "gateway"
  kExcuseParked = 4,     // may have been counted under another identity: parked
  kExcuseRejected = 8,   // its message came damaged, or lay too far ahead: a reason is counted
  kExcuseLogGap = 16,    // the log was trimmed before it was merged: a log gap
  kExcuseWiped = 32,     // the gateway lost its outbox: a gap "wiped"
  kExcuseUnknown = 64,   // the same, but the cloud had never heard of the gateway: nobody can know
  kExcuseNoAnswer = 128  // an HTTP request that was never answered 202
};
std::string to_string_excuses(uint32_t excuses);

inline constexpr int kOverHttp = -1;
inline constexpr uint32_t kBitsMax = 46;

// Where a reading of a boot without a clock stands by one copy of its outbox.
struct Place {
  uint32_t generation = 0;
  int64_t time_ns = 0;
  bool estimated = false;
};

struct Reading {
  uint32_t series = 0, bit = 0;
  int gateway = kOverHttp;
  int64_t time_ns = 0;  // of several places: the one where it counts
  double value = 0;
  int64_t arrival_ns = 0;  // wall clock of the gateway, or what it would be if it were set
  int64_t mono_ns = 0;     // since the gateway's boot, where its clock was not set
  bool own_time = false;   // said by the sensor
  bool estimated = false;  // of a boot whose clock never was set
  int64_t true_ns = 0;     // by the simulator's clock
  std::vector<Place> places;
  uint32_t edge = 0;  // which of the edges accepted it
  uint64_t accepted_order = 0;
  bool durable = false;     // the gateway, or the 202, said so
  int64_t answered_ns = 0;  // when the 202 said so
  bool refused = false;     // must never count
  bool logged = false;      // a message with it is in the log
  bool logged_born = false;
  uint32_t excuses = 0;
};

struct OracleSeries {
  std::string tenant;
  Series name;
  std::string id;
  double unit = 1;                 // value of bit 0: m × 2^scale, or negative
  int64_t multiplier = 1;          // m
  std::vector<uint32_t> readings;  // by bit
};

using Mask = uint64_t;  // bit i: the i-th reading of a series

class Oracle {
 public:
  uint32_t add_series(const std::string& tenant, const Series& name, uint64_t random);
  bool has_room(uint32_t series) const { return series_.at(series).readings.size() < kBitsMax; }
  // The next reading of the series, not accepted yet: its index.
  uint32_t add_reading(uint32_t series, int gateway, int64_t time_ns, int64_t arrival_ns);

  std::vector<OracleSeries>& series() { return series_; }
  const std::vector<OracleSeries>& series() const { return series_; }
  std::vector<Reading>& readings() { return readings_; }
  const std::vector<Reading>& readings() const { return readings_; }
  std::optional<uint32_t> find(const std::string& tenant, const std::string& series_id) const;

  // Which readings a summary of the series holds; fails unless count, sum, variance, minimum, maximum, first, last and
  // histogram are those of exactly this set. where: for the message.
  Mask check(uint32_t series, const stats::Summary& summary, const std::string& where) const;
  // The same from an encoded summary on the wire, without the statistics being looked at.
  Mask mask_of(uint32_t series, Bytes encoded) const;
  Mask mask_of(uint32_t series, const stats::Summary& summary, const std::string& where) const {
    return summary.empty() ? 0 : decode_sum(series_.at(series), summary, where);
  }
  std::vector<uint32_t> readings_in(uint32_t series, Mask mask) const;
  std::string describe(const Reading& reading) const;

 private:
  Mask decode_sum(const OracleSeries& series, const stats::Summary& summary, const std::string& where) const;

  std::vector<OracleSeries> series_;
  std::map<std::pair<std::string, std::string>, uint32_t> index_;
  std::vector<Reading> readings_;
};

std::string encoded(const stats::Summary& summary);

}  // namespace tributary::faults
