// SPDX-License-Identifier: Apache-2.0
// ProtoWriter: appends the fields of a Protocol Buffers message to a text. For the two foreign formats this project
// writes and never reads (Prometheus' exposition, OTLP): their lists have no bounds, so nothing of fixed size fits
// them.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace tributary::api {

class ProtoWriter {
 public:
  // Default values are written too: in both formats a value that is there differs from one that is not.
  ProtoWriter& uint(uint32_t field, uint64_t value) {
    tag(field, 0);
    append_varint(out_, value);
    return *this;
  }
  ProtoWriter& sint(uint32_t field, int64_t value) { return uint(field, zigzag(value)); }
  ProtoWriter& fixed(uint32_t field, uint64_t value) {
    tag(field, 1);
    append_fixed(out_, value);
    return *this;
  }
  ProtoWriter& number(uint32_t field, double value) { return fixed(field, std::bit_cast<uint64_t>(value)); }
  // A text, or a message that is written already.
  ProtoWriter& bytes(uint32_t field, std::string_view value) {
    tag(field, 2);
    append_varint(out_, value.size());
    out_ += value;
    return *this;
  }
  ProtoWriter& message(uint32_t field, const ProtoWriter& one) { return bytes(field, one.out_); }
  // Packed lists; nothing if empty.
  template <class List>
  ProtoWriter& sints(uint32_t field, const List& values) {
    std::string packed;
    for (const int64_t value : values) append_varint(packed, zigzag(value));
    return packed.empty() ? *this : bytes(field, packed);
  }
  template <class List>
  ProtoWriter& uints(uint32_t field, const List& values) {
    std::string packed;
    for (const uint64_t value : values) append_varint(packed, value);
    return packed.empty() ? *this : bytes(field, packed);
  }

  const std::string& text() const { return out_; }
  size_t size() const { return out_.size(); }
  std::string take() { return std::move(out_); }

  static void append_varint(std::string& out, uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
  }

 private:
  static uint64_t zigzag(int64_t value) {
    return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  }
  static void append_fixed(std::string& out, uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(value >> shift);
  }
  void tag(uint32_t field, uint32_t type) { append_varint(out_, (uint64_t{field} << 3) | type); }

  std::string out_;
};

}  // namespace tributary::api
