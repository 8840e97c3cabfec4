// SPDX-License-Identifier: Apache-2.0
// Reading and writing of bounded byte ranges: little-endian numbers, varints, zigzag. Never past the end. Freestanding.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace tributary {

using Bytes = std::span<const uint8_t>;

inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline Bytes as_bytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

// Appends to a caller's buffer; after the first write that does not fit, ok() is false and nothing more is written.
class ByteWriter {
 public:
  explicit ByteWriter(std::span<uint8_t> buffer) : buffer_(buffer) {}
  bool ok() const { return ok_; }
  size_t size() const { return size_; }
  Bytes written() const { return buffer_.first(size_); }

  void u8(uint8_t value) { fixed(value, 1); }
  void u16(uint16_t value) { fixed(value, 2); }
  void u32(uint32_t value) { fixed(value, 4); }
  void u64(uint64_t value) { fixed(value, 8); }
  void i64(int64_t value) { fixed(static_cast<uint64_t>(value), 8); }
  void f64(double value) { fixed(std::bit_cast<uint64_t>(value), 8); }
  // Base-128, least significant group first, as in Protocol Buffers; always the shortest form.
  void varint(uint64_t value) {
    while (value >= 0x80) {
      u8(static_cast<uint8_t>(value) | 0x80);
      value >>= 7;
    }
    u8(static_cast<uint8_t>(value));
  }
  void zigzag(int64_t value) { varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63)); }
  void bytes(Bytes data) {
    if (!ok_ || buffer_.size() - size_ < data.size()) {
      ok_ = false;
      return;
    }
    if (!data.empty()) std::memcpy(buffer_.data() + size_, data.data(), data.size());
    size_ += data.size();
  }

 private:
  void fixed(uint64_t value, size_t size) {
    if (!ok_ || buffer_.size() - size_ < size) {
      ok_ = false;
      return;
    }
    for (size_t i = 0; i < size; ++i) buffer_[size_++] = static_cast<uint8_t>(value >> (8 * i));
  }
  std::span<uint8_t> buffer_;
  size_t size_ = 0;
  bool ok_ = true;
};

// Reads from a caller's range; after the first read past the end (or a varint that is too long or not the shortest),
// ok() is false and every read returns 0 or an empty range.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  size_t remaining() const { return ok_ ? bytes_.size() - at_ : 0; }
  bool done() const { return ok_ && at_ == bytes_.size(); }
  void fail() { ok_ = false; }

  uint8_t u8() { return static_cast<uint8_t>(fixed(1)); }
  uint16_t u16() { return static_cast<uint16_t>(fixed(2)); }
  uint32_t u32() { return static_cast<uint32_t>(fixed(4)); }
  uint64_t u64() { return fixed(8); }
  int64_t i64() { return static_cast<int64_t>(fixed(8)); }
  double f64() { return std::bit_cast<double>(fixed(8)); }
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      uint8_t byte = u8();
      if (!ok_) return 0;
      if (shift == 63 && byte > 1) break;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) {
        if (byte == 0 && shift > 0) break;  // not the shortest form
        return value;
      }
    }
    ok_ = false;
    return 0;
  }
  int64_t zigzag() {
    uint64_t value = varint();
    return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
  }
  Bytes bytes(size_t count) {
    if (!ok_ || bytes_.size() - at_ < count) {
      ok_ = false;
      return {};
    }
    Bytes out = bytes_.subspan(at_, count);
    at_ += count;
    return out;
  }

 private:
  uint64_t fixed(size_t size) {
    if (!ok_ || bytes_.size() - at_ < size) {
      ok_ = false;
      return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value |= static_cast<uint64_t>(bytes_[at_ + i]) << (8 * i);
    at_ += size;
    return value;
  }
  Bytes bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace tributary
