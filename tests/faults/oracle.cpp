// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/oracle.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>

#include "common/reading/payload.h"

namespace tributary::faults {
namespace {

using Wide = __int128;

// numerator / denominator, rounded once to the nearest double, ties to even. REQUIRES: both positive.
double divide(Wide numerator, Wide denominator) {
  // 54 significant bits of the quotient and one that says whether anything is left.
  int shift = 0;
  while (numerator / denominator < (Wide{1} << 55)) {
    if (numerator >= (Wide{1} << 125)) {
      // No room above: the remainder is divided on, bit by bit.
      break;
    }
    numerator <<= 1;
    ++shift;
  }
  Wide quotient = numerator / denominator;
  Wide rest = numerator % denominator;
  while (quotient < (Wide{1} << 55)) {
    rest <<= 1;
    quotient = (quotient << 1) | (rest >= denominator ? 1 : 0);
    if (rest >= denominator) rest -= denominator;
    ++shift;
  }
  bool sticky = rest != 0;
  while (quotient >= (Wide{1} << 56)) {
    sticky = sticky || (quotient & 1) != 0;
    quotient >>= 1;
    --shift;
  }
  // quotient has 56 bits: 53 stay.
  const auto bits = static_cast<uint64_t>(quotient);
  uint64_t kept = bits >> 3;
  const uint64_t cut = bits & 7;
  if (cut > 4 || (cut == 4 && (sticky || (kept & 1) != 0))) ++kept;
  return std::ldexp(static_cast<double>(kept), 3 - shift);
}

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

}  // namespace

void fail(const std::string& what) { throw Failure(what); }

std::string to_string_excuses(uint32_t excuses) {
  static const char* const kNames[] = {"crash",   "replaced", "parked",  "rejected",
                                       "log_gap", "wiped",    "unknown", "http"};
  std::string out;
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if ((excuses >> i & 1) != 0) out += std::string(out.empty() ? "" : "|") + kNames[i];
  }
  return out.empty() ? "none" : out;
}

std::string encoded(const stats::Summary& summary) {
  std::string bytes(stats::kSummaryBytesMax, '\0');
  bytes.resize(summary.encode(std::span(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size())));
  return bytes;
}

uint32_t Oracle::add_series(const std::string& tenant, const Series& name, uint64_t random) {
  OracleSeries series;
  series.tenant = tenant;
  series.name = name;
  series.id = name.id();
  series.multiplier = static_cast<int64_t>(1 + 2 * (random % 4));
  series.unit = std::ldexp(static_cast<double>(series.multiplier), -static_cast<int>(random / 4 % 24));
  if (random / 128 % 3 == 0) series.unit = -series.unit;
  const auto index = static_cast<uint32_t>(series_.size());
  index_[{tenant, series.id}] = index;
  series_.push_back(std::move(series));
  return index;
}

uint32_t Oracle::add_reading(uint32_t series, int gateway, int64_t time_ns, int64_t arrival_ns) {
  OracleSeries& of = series_.at(series);
  Reading reading;
  reading.series = series;
  reading.bit = static_cast<uint32_t>(of.readings.size());
  reading.gateway = gateway;
  reading.time_ns = time_ns;
  reading.arrival_ns = arrival_ns;
  reading.value = std::ldexp(of.unit, static_cast<int>(reading.bit));
  const auto index = static_cast<uint32_t>(readings_.size());
  of.readings.push_back(index);
  readings_.push_back(reading);
  return index;
}

std::optional<uint32_t> Oracle::find(const std::string& tenant, const std::string& series_id) const {
  const auto found = index_.find({tenant, series_id});
  return found == index_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<uint32_t> Oracle::readings_in(uint32_t series, Mask mask) const {
  std::vector<uint32_t> out;
  const OracleSeries& of = series_.at(series);
  for (size_t bit = 0; bit < of.readings.size(); ++bit) {
    if ((mask >> bit & 1) != 0) out.push_back(of.readings[bit]);
  }
  return out;
}

std::string Oracle::describe(const Reading& reading) const {
  const OracleSeries& of = series_.at(reading.series);
  return "reading " + std::to_string(reading.bit) + " of " + of.tenant + "/" + of.name.device + "/" + of.name.metric +
         " (time " + reading::format_timestamp(reading.time_ns) + ", " +
         (reading.gateway == kOverHttp ? std::string("over HTTP") : "gateway " + std::to_string(reading.gateway)) +
         " at " + reading::format_timestamp(reading.arrival_ns) + (reading.durable ? ", durable" : "") +
         (reading.logged ? ", in the log" : "") + ", excuses " + to_string_excuses(reading.excuses) + ")";
}

Mask Oracle::decode_sum(const OracleSeries& series, const stats::Summary& summary, const std::string& where) const {
  const double scaled = summary.numeric().sum().value / series.unit;  // exact: a power of two times an odd number
  if (!(scaled >= 0) || scaled >= std::ldexp(1.0, kBitsMax) || scaled != std::floor(scaled)) {
    fail(where + ": a sum of " + number(summary.numeric().sum().value) + " is that of no set of readings of " +
         series.name.device);
  }
  const auto mask = static_cast<Mask>(scaled);
  if (series.readings.size() < 64 && (mask >> series.readings.size()) != 0) {
    fail(where + ": the sum holds readings of " + series.name.device + " that never were");
  }
  return mask;
}

Mask Oracle::mask_of(uint32_t series, Bytes bytes) const {
  auto summary = std::make_unique<stats::Summary>();
  if (!summary->decode(bytes)) fail("a summary on the wire that is none");
  return decode_sum(series_.at(series), *summary, "on the wire");
}

Mask Oracle::check(uint32_t index, const stats::Summary& summary, const std::string& where) const {
  const OracleSeries& series = series_.at(index);
  const std::string here = where + ", " + series.tenant + "/" + series.name.device + "/" + series.name.metric;
  if (summary.empty()) return 0;
  const Mask mask = decode_sum(series, summary, here);
  const auto count = static_cast<uint64_t>(std::popcount(mask));
  if (summary.numeric().count() != count) {
    fail(here + ": count " + std::to_string(summary.numeric().count()) + ", the sum is that of " +
         std::to_string(count) + " readings");
  }
  if (count == 0) return 0;
  // By hand: in units of 2^scale, magnitudes.
  Wide sum = 0, squares = 0;
  double least = 0, greatest = 0;
  auto dumb = std::make_unique<stats::Summary>();
  bool first = true;
  stats::TimedValue earliest, latest;
  const auto readings = readings_in(index, mask);
  for (auto at = readings.rbegin(); at != readings.rend(); ++at) {
    const Reading& reading = readings_[*at];
    const Wide value = Wide{series.multiplier} << reading.bit;
    sum += value;
    squares += value * value;
    const auto later = [](const stats::TimedValue& a, const stats::TimedValue& b) {
      return a.time_ns != b.time_ns ? a.time_ns > b.time_ns : a.value > b.value;
    };
    const stats::TimedValue timed{reading.time_ns, reading.value};
    if (first || later(earliest, timed)) earliest = timed;
    if (first || later(timed, latest)) latest = timed;
    least = first ? reading.value : std::min(least, reading.value);
    greatest = first ? reading.value : std::max(greatest, reading.value);
    first = false;
    dumb->add(reading.time_ns, reading.value);
  }
  const auto& numeric = summary.numeric();
  if (numeric.min() != least || numeric.max() != greatest) fail(here + ": minimum or maximum is wrong");
  if (!(numeric.first() == earliest) || !(numeric.last() == latest)) fail(here + ": first or last is wrong");
  if (count >= 2) {
    const auto n = static_cast<Wide>(count);
    const double unit = std::fabs(series.unit) / static_cast<double>(series.multiplier);
    const double expected = divide(n * squares - sum * sum, n * (n - 1)) * unit * unit;
    if (numeric.variance().value != expected) {
      fail(here + ": variance " + number(numeric.variance().value) + ", by hand " + number(expected));
    }
  }
  if (encoded(*dumb) != encoded(summary)) fail(here + ": histogram or sums differ from those of the readings");
  return mask;
}

}  // namespace tributary::faults
