// SPDX-License-Identifier: Apache-2.0
// Claims about hexadecimal text.
#include "common/base/hex.h"

#include <gtest/gtest.h>

#include <string>

namespace tributary {
namespace {

TEST(Hex, EveryByteComesBack) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  const std::string text = to_hex(as_bytes(bytes));
  EXPECT_EQ(text.substr(0, 8), "00010203");
  EXPECT_EQ(text.substr(504), "fcfdfeff");
  EXPECT_EQ(from_hex(text), bytes);
  EXPECT_EQ(from_hex(""), "");
}

TEST(Hex, OnlyWholeBytesOfLowerCaseDigitsAreRead) {
  for (const char* wrong : {"a", "abc", "AB", "0g", "0x", " 0", "\xff\xff"}) EXPECT_FALSE(from_hex(wrong)) << wrong;
}

TEST(Hex, NumbersHaveSixteenDigits) {
  EXPECT_EQ(hex16(0), "0000000000000000");
  EXPECT_EQ(hex16(0x0123456789abcdef), "0123456789abcdef");
  EXPECT_EQ(hex16(~uint64_t{0}), "ffffffffffffffff");
}

}  // namespace
}  // namespace tributary
