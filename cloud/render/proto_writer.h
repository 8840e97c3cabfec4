// SPDX-License-Identifier: Apache-2.0
// ProtoWriter: appends the fields of a Protocol Buffers message to a text. For the two foreign formats this project
// writes and never reads (Prometheus' exposition, OTLP): their lists have no bounds, so nothing of fixed size fits
// them.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/appender.h"

namespace tributary::api {

class ProtoWriter {
 public:
  // Default values are written too: in both formats a value that is there differs from one that is not.
  ProtoWriter& uint(uint32_t field, uint64_t value) {
    tag(field, 0).varint(value);
    return *this;
  }
  ProtoWriter& sint(uint32_t field, int64_t value) {
    tag(field, 0).zigzag(value);
    return *this;
  }
  ProtoWriter& fixed(uint32_t field, uint64_t value) {
    tag(field, 1).u64(value);
    return *this;
  }
  ProtoWriter& number(uint32_t field, double value) { return fixed(field, std::bit_cast<uint64_t>(value)); }
  // A text, or a message that is written already.
  ProtoWriter& bytes(uint32_t field, std::string_view value) {
    tag(field, 2).text(value);
    return *this;
  }
  ProtoWriter& message(uint32_t field, const ProtoWriter& one) { return bytes(field, one.out_); }
  // Packed lists; nothing if empty.
  template <class List>
  ProtoWriter& sints(uint32_t field, const List& values) {
    std::string packed;
    for (const int64_t value : values) Appender(packed).zigzag(value);
    return packed.empty() ? *this : bytes(field, packed);
  }
  template <class List>
  ProtoWriter& uints(uint32_t field, const List& values) {
    std::string packed;
    for (const uint64_t value : values) Appender(packed).varint(value);
    return packed.empty() ? *this : bytes(field, packed);
  }

  const std::string& text() const { return out_; }
  size_t size() const { return out_.size(); }
  std::string take() { return std::move(out_); }

 private:
  Appender<std::string> out() { return Appender(out_); }
  Appender<std::string> tag(uint32_t field, uint32_t type) { return out().varint((uint64_t{field} << 3) | type); }

  std::string out_;
};

}  // namespace tributary::api
