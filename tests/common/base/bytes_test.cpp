// SPDX-License-Identifier: Apache-2.0
// What grows and what is bounded write the same bytes, and the reader reads them back.
#include "common/base/bytes.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "common/base/appender.h"

namespace tributary {
namespace {

template <class Writer>
void write_all(Writer& out) {
  out.u8(0xfe);
  out.u32(0x01020304);
  out.u64(0x0102030405060708);
  out.i64(-2);
  out.f64(-0.1);
  for (const uint64_t value : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 35, ~uint64_t{0}}) {
    out.varint(value);
  }
  for (const int64_t value : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min(), int64_t{1} << 40}) {
    out.zigzag(value);
  }
}

TEST(Bytes, AnAppenderWritesWhatTheBoundedWriterWrites) {
  std::vector<uint8_t> buffer(256);
  ByteWriter bounded(buffer);
  write_all(bounded);
  ASSERT_TRUE(bounded.ok());

  std::string text = "kept";
  Appender to_text(text);
  write_all(to_text);
  EXPECT_EQ(text, "kept" + std::string(as_text(bounded.written())));

  std::vector<uint8_t> bytes;
  Appender to_bytes(bytes);
  write_all(to_bytes);
  EXPECT_EQ(as_text(bytes), as_text(bounded.written()));
}

TEST(Bytes, TextStandsBehindItsLength) {
  std::string out;
  Appender(out).text("").text("ab").text(std::string(300, 'x'));
  EXPECT_EQ(out, std::string("\0\2ab\xac\2", 6) + std::string(300, 'x'));
}

TEST(Bytes, AppendedNumbersReadBack) {
  std::string out;
  Appender(out).u8(7).u32(8).u64(9).i64(-10).f64(0.5).varint(1'000'000).zigzag(-1'000'000).bytes("end");
  ByteReader in(as_bytes(out));
  EXPECT_EQ(in.u8(), 7);
  EXPECT_EQ(in.u32(), 8u);
  EXPECT_EQ(in.u64(), 9u);
  EXPECT_EQ(in.i64(), -10);
  EXPECT_EQ(in.f64(), 0.5);
  EXPECT_EQ(in.varint(), 1'000'000u);
  EXPECT_EQ(in.zigzag(), -1'000'000);
  EXPECT_EQ(as_text(in.bytes(3)), "end");
  EXPECT_TRUE(in.done());
}

}  // namespace
}  // namespace tributary
