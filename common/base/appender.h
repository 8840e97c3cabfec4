// SPDX-License-Identifier: Apache-2.0
// Appender: the growing counterpart of ByteWriter (bytes.h): the same numbers at the end of a std::string or a
// std::vector of bytes, which grows with them. Freestanding as far as its buffer is.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace tributary {

// Calls can be chained. The buffer must outlive the appender; what stands in it stays.
template <class Buffer>
class Appender {
 public:
  explicit Appender(Buffer& out) : out_(out) {}

  Appender& u8(uint8_t value) {
    out_.push_back(static_cast<typename Buffer::value_type>(value));
    return *this;
  }
  Appender& u32(uint32_t value) { return little(value, 4); }
  Appender& u64(uint64_t value) { return little(value, 8); }
  Appender& i64(int64_t value) { return little(static_cast<uint64_t>(value), 8); }
  Appender& f64(double value) { return little(std::bit_cast<uint64_t>(value), 8); }
  // Base-128, least significant group first, as in Protocol Buffers; always the shortest form.
  Appender& varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) u8(static_cast<uint8_t>(value) | 0x80);
    return u8(static_cast<uint8_t>(value));
  }
  Appender& zigzag(int64_t value) {
    return varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  Appender& bytes(std::string_view value) {
    out_.insert(out_.end(), value.begin(), value.end());
    return *this;
  }
  // With its length before it, as a varint.
  Appender& text(std::string_view value) { return varint(value.size()).bytes(value); }

 private:
  Appender& little(uint64_t value, int size) {
    typename Buffer::value_type bytes[8];
    for (int i = 0; i < size; ++i) bytes[i] = static_cast<typename Buffer::value_type>(value >> (8 * i));
    out_.insert(out_.end(), bytes, bytes + size);
    return *this;
  }
  Buffer& out_;
};

}  // namespace tributary
