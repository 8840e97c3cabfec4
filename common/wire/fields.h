// SPDX-License-Identifier: Apache-2.0
// The fields of an encoded Protocol Buffers message, one after another, over its bytes: what nanopb's streams do,
// without a call for every byte. A message holds hundreds of partials, and reading them is a good part of merging them.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/bytes.h"

namespace tributary::wire {

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

class Fields {
 public:
  explicit Fields(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  // The next field's number and type; its value must be read or skipped then. False at the end and at bytes that are no
  // message, where failed() tells them apart.
  bool next(uint32_t& tag, WireType& type) {
    uint64_t key = 0;
    if (failed_ || at_ == end_ || !varint(key)) return false;
    tag = static_cast<uint32_t>(key >> 3);
    auto found = static_cast<uint8_t>(key & 7);
    type = static_cast<WireType>(found);
    // Groups (3, 4) are of an older syntax.
    if (key > UINT32_MAX || tag == 0 || (found > 2 && found != 5)) return fail();
    return true;
  }
  bool failed() const { return failed_; }

  bool u32(WireType type, uint32_t& value) {
    uint64_t wide = 0;
    if (type != WireType::kVarint || !varint(wide) || wide > UINT32_MAX) return fail();
    value = static_cast<uint32_t>(wide);
    return true;
  }
  bool boolean(WireType type, bool& value) {
    uint64_t wide = 0;
    if (type != WireType::kVarint || !varint(wide)) return fail();
    value = wide != 0;
    return true;
  }
  bool sint64(WireType type, int64_t& value) {
    uint64_t wide = 0;
    if (type != WireType::kVarint || !varint(wide)) return fail();
    value = static_cast<int64_t>((wide >> 1) ^ (~(wide & 1) + 1));
    return true;
  }
  // A view of the message's own bytes.
  bool bytes(WireType type, Bytes& value) {
    uint64_t size = 0;
    if (type != WireType::kBytes || !varint(size) || size > static_cast<uint64_t>(end_ - at_)) return fail();
    value = {at_, static_cast<size_t>(size)};
    at_ += size;
    return true;
  }
  bool text(WireType type, std::string_view& value) {
    Bytes view;
    if (!bytes(type, view)) return false;
    value = as_text(view);
    return true;
  }
  bool skip(WireType type) {
    uint64_t ignored = 0;
    Bytes view;
    switch (type) {
      case WireType::kVarint:
        return varint(ignored);
      case WireType::kBytes:
        return bytes(type, view);
      case WireType::kFixed64:
        return skip_bytes(8);
      case WireType::kFixed32:
        return skip_bytes(4);
    }
    return fail();
  }

 private:
  bool fail() {
    failed_ = true;
    return false;
  }
  bool skip_bytes(ptrdiff_t count) {
    if (end_ - at_ < count) return fail();
    at_ += count;
    return true;
  }
  // Longer forms than the shortest are numbers too, here as in every reader of this encoding.
  bool varint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) return fail();
      uint8_t byte = *at_++;
      if (shift == 63 && byte > 1) return fail();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return fail();
  }

  const uint8_t* at_;
  const uint8_t* end_;
  bool failed_ = false;
};

}  // namespace tributary::wire
