// SPDX-License-Identifier: Apache-2.0
// The definitions of SummaryOf, instantiated once for each input type (summary.cpp, float.cpp).
#pragma once

#include "common/stats/numeric_inl.h"
#include "common/stats/summary.h"

namespace tributary::stats {

// The first byte of the encoded form.
inline constexpr uint8_t kFormEmpty = 0x00;
inline constexpr uint8_t kFormOneReading = 0x01;
inline constexpr uint8_t kFormParts = 0x80;  // with the bit of each part that follows
inline constexpr size_t kOneReadingBytes = 17;

template <class Number>
bool read_one(Bytes bytes, TimedValue& reading) {
  if (bytes.size() != kOneReadingBytes) return false;
  std::memcpy(&reading.time_ns, bytes.data() + 1, 8);
  std::memcpy(&reading.value, bytes.data() + 9, 8);
  return is_storable<Number>(reading.value);
}

template <class Part>
void encode_part(const Part& part, ByteWriter& writer) {
  if (!part.empty()) part.encode(writer);
}

// A part's view, if the part is there. Not cleared before: a view may be kilobytes.
template <class Part>
struct ParsedPart {
  bool there = false;
  typename Part::View view;

  bool parse(uint8_t form, ByteReader& reader) {
    there = (form & Part::kBit) != 0;
    return !there || (Part::parse(reader, view) && !view.empty());
  }
  void merge_into(Part& part) const {
    if (there) part.merge(view);
  }
};

template <class NumericPart, class... Others>
void SummaryOf<Parts<NumericPart, Others...>>::merge(const SummaryOf& other) {
  NumericPart::merge(other.numeric());
  (Others::merge(other.template part<Others>()), ...);
}

template <class NumericPart, class... Others>
void SummaryOf<Parts<NumericPart, Others...>>::clear() {
  NumericPart::clear();
  (Others::clear(), ...);
}

template <class NumericPart, class... Others>
void SummaryOf<Parts<NumericPart, Others...>>::shift_time(int64_t delta_ns) {
  const auto shift = [delta_ns](auto& part) {
    if constexpr (requires { part.shift_time(delta_ns); }) part.shift_time(delta_ns);
  };
  shift(static_cast<NumericPart&>(*this));
  (shift(static_cast<Others&>(*this)), ...);
}

// One reading, in numeric and distribution both and in nothing else.
template <class NumericPart, class... Others>
bool SummaryOf<Parts<NumericPart, Others...>>::is_one_reading() const {
  return numeric().count() == 1 && distribution().is_only(numeric().min()) &&
         ((std::is_same_v<Others, Distribution> || Others::empty()) && ...);
}

template <class NumericPart, class... Others>
size_t SummaryOf<Parts<NumericPart, Others...>>::encode(std::span<uint8_t> out) const {
  ByteWriter writer(out);
  if (empty()) {
    writer.u8(kFormEmpty);
  } else if (is_one_reading()) {
    writer.u8(kFormOneReading);
    writer.i64(numeric().first().time_ns);
    writer.f64(numeric().min());
  } else {
    const auto bit = [](const auto& part) { return part.empty() ? uint8_t{0} : part.kBit; };
    writer.u8(static_cast<uint8_t>(((kFormParts | bit(numeric())) | ... | bit(part<Others>()))));
    if (!NumericPart::empty()) NumericPart::encode(writer);
    (encode_part(part<Others>(), writer), ...);
  }
  return writer.ok() ? writer.size() : 0;
}

template <class NumericPart, class... Others>
bool SummaryOf<Parts<NumericPart, Others...>>::decode(Bytes bytes) {
  clear();
  return merge_encoded(bytes);
}

// A checked encoded form: nothing, one reading, or views of parts that still lie in their bytes.
template <class NumericPart, class... Others>
struct SummaryOf<Parts<NumericPart, Others...>>::Parsed : ParsedPart<NumericPart>, ParsedPart<Others>... {
  bool one_reading = false;
  TimedValue reading;

  const ParsedPart<NumericPart>& numeric() const { return *this; }
  const ParsedPart<Distribution>& distribution() const { return *this; }
};

template <class NumericPart, class... Others>
bool SummaryOf<Parts<NumericPart, Others...>>::parse(Bytes bytes, Parsed& parsed) {
  ByteReader reader(bytes);
  uint8_t form = reader.u8();
  if (!reader.ok()) return false;
  if (form == kFormOneReading) {
    parsed.one_reading = true;
    return read_one<Number>(bytes, parsed.reading);
  }
  if (form == kFormEmpty) return reader.done();
  if ((form & ~kAllBits) != kFormParts || form == kFormParts) return false;
  if (!parsed.ParsedPart<NumericPart>::parse(form, reader)) return false;
  if (!(parsed.ParsedPart<Others>::parse(form, reader) && ...) || !reader.done()) return false;
  // What has the form of one reading must be told as one.
  return !(form == (kFormParts | NumericPart::kBit | Distribution::kBit) && parsed.numeric().view.count == 1 &&
           Distribution::is_only(parsed.distribution().view, parsed.numeric().view.min));
}

template <class NumericPart, class... Others>
bool SummaryOf<Parts<NumericPart, Others...>>::merge_encoded(Bytes bytes) {
  if (!bytes.empty() && bytes[0] == kFormOneReading) {
    TimedValue reading;
    if (!read_one<Number>(bytes, reading)) return false;
    NumericPart::take(reading.time_ns, static_cast<Number>(reading.value));
    Distribution::take(reading.time_ns, reading.value);
    return true;
  }
  Parsed parsed;
  if (!parse(bytes, parsed)) return false;
  parsed.ParsedPart<NumericPart>::merge_into(*this);
  (parsed.ParsedPart<Others>::merge_into(*this), ...);
  return true;
}

template <class NumericPart, class... Others>
bool SummaryOf<Parts<NumericPart, Others...>>::inspect(Bytes bytes, Facts& facts) {
  Parsed parsed;
  if (!parse(bytes, parsed)) return false;
  if (parsed.one_reading) {
    facts = {.empty = false, .count = 1, .first = parsed.reading, .last = parsed.reading};
    return true;
  }
  const auto& numeric = parsed.numeric();
  facts.empty = !(numeric.there || (parsed.ParsedPart<Others>::there || ...));
  facts.count = numeric.there ? numeric.view.count : 0;
  facts.first = numeric.view.first;
  facts.last = numeric.view.last;
  return true;
}

}  // namespace tributary::stats
