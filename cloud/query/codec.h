// SPDX-License-Identifier: Apache-2.0
// What aggregators say to each other, as bytes: Out and In, growing output and bounded input (In never reads past the
// end, and after the first thing that does not fit it stays not ok), and what many questions carry: put() writes it,
// get() is false for anything that put() would not have written so far as it matters.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/query/types.h"
#include "common/base/appender.h"
#include "common/base/bytes.h"
#include "common/runtime/result.h"
#include "common/stats/summary.h"

namespace tributary::query {

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

// Bounds of what aggregators say to each other.
inline constexpr size_t kQuestionBytesMax = 4 << 20;
inline constexpr size_t kAnswerBytesMax = 64 << 20;
inline constexpr uint64_t kRowsMax = 1'000'000;  // of one answer, keys without summaries included
inline constexpr uint32_t kPartitionsMax = 1'024;
inline constexpr size_t kTextBytesMax = 512;  // gateways, devices, groups: each has a stricter limit where it is made
inline constexpr size_t kListMax = 16'384;    // devices of a selection
inline constexpr size_t kNoteBytesMax = 32'768;

// Half of a question cannot be answered in so many bytes.
Error too_large();
// The one encoded form of a summary.
std::string encoded_summary(const stats::Summary& summary);
// False: no such form.
bool get_summary(In& in, std::string& summary);

void put(Out& out, const std::string& value);
bool get(In& in, std::string& value);
void put(Out& out, double value);
bool get(In& in, double& value);  // false: not a number, or infinite
void put(Out& out, const std::optional<int64_t>& value);
bool get(In& in, std::optional<int64_t>& value);
void put(Out& out, const std::pair<uint32_t, uint64_t>& value);
bool get(In& in, std::pair<uint32_t, uint64_t>& value);
void put(Out& out, const std::pair<std::string, uint64_t>& value);
bool get(In& in, std::pair<std::string, uint64_t>& value);
void put(Out& out, const std::map<std::string, uint64_t>& counts);
bool get(In& in, std::map<std::string, uint64_t>& counts);
void put(Out& out, const Label& label);
bool get(In& in, Label& label);
void put(Out& out, const Series& series);
bool get(In& in, Series& series);
void put(Out& out, const Row& row);
bool get(In& in, Row& row);  // both ends of every row have nanoseconds
void put(Out& out, const std::optional<Row>& row);
bool get(In& in, std::optional<Row>& row);
void put(Out& out, const RowKey& key);
bool get(In& in, RowKey& key);
void put(Out& out, const Selection& selection);
bool get(In& in, Selection& selection);
void put(Out& out, const Range& range);
bool get(In& in, Range& range);
void put(Out& out, const NamePage& page);
bool get(In& in, NamePage& page);
void put(Out& out, const PartitionPlace& place);
bool get(In& in, PartitionPlace& place);
void put(Out& out, const GapNote& note);
bool get(In& in, GapNote& note);
void put(Out& out, const EstimatedNote& note);
bool get(In& in, EstimatedNote& note);
void put(Out& out, const LostNote& note);
bool get(In& in, LostNote& note);
inline void put(Out& out, uint32_t value) { out.varint(value); }
inline bool get(In& in, uint32_t& value) {
  value = in.u32();
  return in.ok();
}

template <class T>
void put(Out& out, const std::vector<T>& list) {
  out.varint(list.size());
  for (const T& one : list) put(out, one);
}
// Every element has at least a byte, so a count can claim no more memory than was sent.
template <class T>
bool get(In& in, std::vector<T>& list, uint64_t count_max = std::numeric_limits<uint64_t>::max()) {
  const uint64_t count = in.varint();
  list.clear();
  if (!in.ok() || count > count_max || count > in.remaining()) return false;
  for (uint64_t i = 0; i < count; ++i) {
    if (!get(in, list.emplace_back())) return false;
  }
  return true;
}

}  // namespace tributary::query
