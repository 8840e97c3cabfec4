// SPDX-License-Identifier: Apache-2.0
// Out and In: growing output and bounded input for wire.cpp. In never reads past the end, and after the first thing
// that does not fit it stays not ok.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/appender.h"
#include "common/base/bytes.h"

namespace tributary::cluster {

class OutBytes {
 protected:
  std::string bytes_;
};
// Owns the text that grows; fixed32 and not u32, since In::u32 reads a varint.
class Out : private OutBytes, public Appender<std::string> {
 public:
  Out() : Appender<std::string>(bytes_) {}
  Out(const Out&) = delete;
  Out& operator=(const Out&) = delete;
  Out& fixed32(uint32_t value) {
    u32(value);
    return *this;
  }
  std::string take() { return std::move(bytes_); }
};

class In {
 public:
  explicit In(Bytes bytes) : reader_(bytes) {}
  bool ok() const { return reader_.ok(); }
  bool done() const { return reader_.done(); }
  size_t remaining() const { return reader_.remaining(); }
  uint8_t u8() { return reader_.u8(); }
  uint32_t fixed32() { return reader_.u32(); }
  uint64_t varint() { return reader_.varint(); }
  int64_t zigzag() { return reader_.zigzag(); }
  uint32_t u32() {
    const uint64_t value = reader_.varint();
    if (value > std::numeric_limits<uint32_t>::max()) reader_.fail();
    return static_cast<uint32_t>(value);
  }
  // False: not 0 or 1.
  bool flag(bool& value) {
    const uint8_t byte = reader_.u8();
    value = byte != 0;
    return reader_.ok() && byte <= 1;
  }
  // False: longer than bytes_max, or than what is left.
  bool text(std::string& text, size_t bytes_max) {
    const uint64_t size = reader_.varint();
    if (!reader_.ok() || size > bytes_max || size > reader_.remaining()) return false;
    text = as_text(reader_.bytes(static_cast<size_t>(size)));
    return true;
  }

 private:
  ByteReader reader_;
};

}  // namespace tributary::cluster
