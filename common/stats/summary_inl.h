// SPDX-License-Identifier: Apache-2.0
// The definitions of BasicSummary, instantiated once for each input type (summary.cpp, float.cpp).
#pragma once

#include "common/stats/numeric_inl.h"
#include "common/stats/summary.h"

namespace tributary::stats {
namespace {

// The first byte of the encoded form.
constexpr uint8_t kFormEmpty = 0x00;
constexpr uint8_t kFormOneReading = 0x01;
constexpr uint8_t kFormParts = 0x80;  // with one bit for each part that follows
constexpr uint8_t kPartNumeric = 0x01;
constexpr uint8_t kPartDistribution = 0x02;
constexpr size_t kOneReadingBytes = 17;

template <class Input>
bool read_one(Bytes bytes, TimedValue& reading) {
  if (bytes.size() != kOneReadingBytes) return false;
  std::memcpy(&reading.time_ns, bytes.data() + 1, 8);
  std::memcpy(&reading.value, bytes.data() + 9, 8);
  return is_storable<Input>(reading.value);
}

}  // namespace

template <class Input>
void BasicSummary<Input>::merge(const BasicSummary& other) {
  numeric_.merge(other.numeric_);
  distribution_.merge(other.distribution_);
}

template <class Input>
void BasicSummary<Input>::clear() {
  numeric_.clear();
  distribution_.clear();
}

template <class Input>
size_t BasicSummary<Input>::encode(std::span<uint8_t> out) const {
  ByteWriter writer(out);
  if (empty()) {
    writer.u8(kFormEmpty);
  } else if (numeric_.count() == 1 && distribution_.is_only(numeric_.min())) {
    writer.u8(kFormOneReading);
    writer.i64(numeric_.first().time_ns);
    writer.f64(numeric_.min());
  } else {
    uint8_t parts = kFormParts;
    if (numeric_.count() != 0) parts |= kPartNumeric;
    if (!distribution_.empty()) parts |= kPartDistribution;
    writer.u8(parts);
    if (numeric_.count() != 0) numeric_.encode(writer);
    if (!distribution_.empty()) distribution_.encode(writer);
  }
  return writer.ok() ? writer.size() : 0;
}

template <class Input>
bool BasicSummary<Input>::decode(Bytes bytes) {
  clear();
  return merge_encoded(bytes);
}

// A checked encoded form: nothing, one reading, or views of parts that still lie in their bytes.
template <class Input>
struct BasicSummary<Input>::Parsed {
  bool one_reading = false, has_numeric = false, has_distribution = false;
  TimedValue reading;
  typename BasicNumeric<Input>::View numeric;
  Distribution::View distribution;
};

template <class Input>
bool BasicSummary<Input>::parse(Bytes bytes, Parsed& parsed) {
  ByteReader reader(bytes);
  uint8_t form = reader.u8();
  if (!reader.ok()) return false;
  if (form == kFormOneReading) {
    parsed.one_reading = true;
    return read_one<Input>(bytes, parsed.reading);
  }
  if (form == kFormEmpty) return reader.done();
  if ((form & kFormParts) == 0 || (form & ~(kFormParts | kPartNumeric | kPartDistribution)) != 0) return false;
  parsed.has_numeric = (form & kPartNumeric) != 0;
  parsed.has_distribution = (form & kPartDistribution) != 0;
  if (!parsed.has_numeric && !parsed.has_distribution) return false;
  typename BasicNumeric<Input>::View& numeric = parsed.numeric;
  Distribution::View& distribution = parsed.distribution;
  if (parsed.has_numeric && (!BasicNumeric<Input>::parse(reader, numeric) || numeric.count == 0)) return false;
  if (parsed.has_distribution &&
      (!Distribution::parse(reader, distribution) || (distribution.size == 0 && distribution.zero_count == 0))) {
    return false;
  }
  if (!reader.done()) return false;
  // What has the form of one reading must be told as one.
  return !(parsed.has_numeric && parsed.has_distribution && numeric.count == 1 &&
           Distribution::is_only(distribution, numeric.min));
}

template <class Input>
bool BasicSummary<Input>::merge_encoded(Bytes bytes) {
  if (!bytes.empty() && bytes[0] == kFormOneReading) {
    TimedValue reading;
    if (!read_one<Input>(bytes, reading)) return false;
    add(reading.time_ns, static_cast<Input>(reading.value));
    return true;
  }
  Parsed parsed;
  if (!parse(bytes, parsed)) return false;
  if (parsed.has_numeric) numeric_.merge(parsed.numeric);
  if (parsed.has_distribution) distribution_.merge(parsed.distribution);
  return true;
}

template <class Input>
bool BasicSummary<Input>::inspect(Bytes bytes, Facts& facts) {
  Parsed parsed;
  if (!parse(bytes, parsed)) return false;
  facts.empty = !parsed.one_reading && !parsed.has_numeric && !parsed.has_distribution;
  if (parsed.one_reading) {
    facts.count = 1;
    facts.first = facts.last = parsed.reading;
  } else {
    facts.count = parsed.has_numeric ? parsed.numeric.count : 0;
    facts.first = parsed.numeric.first;
    facts.last = parsed.numeric.last;
  }
  return true;
}

}  // namespace tributary::stats
