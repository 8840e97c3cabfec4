// SPDX-License-Identifier: Apache-2.0
// Claims about keys for repeating: which body came under which, and that the memory is bounded.
#include "cloud/bridge/key_memory.h"

#include <gtest/gtest.h>

namespace tributary::bridge {
namespace {

TEST(KeyMemory, AnotherBodyUnderAKeyIsKnownAndTheSameOneIsARepeat) {
  KeyMemory memory;
  EXPECT_FALSE(memory.is_reused("t", "k", body_digest("a")));
  memory.remember("t", "k", body_digest("a"));
  memory.remember("t", "k", body_digest("b"));
  EXPECT_FALSE(memory.is_reused("t", "k", body_digest("a")));
  EXPECT_TRUE(memory.is_reused("t", "k", body_digest("b")));
  EXPECT_FALSE(memory.is_reused("u", "k", body_digest("b"))) << "another tenant's key is another";
  EXPECT_FALSE(memory.is_reused("t", "l", body_digest("b")));
}

TEST(KeyMemory, TheOldestKeyIsForgotten) {
  KeyMemory memory(2);
  for (const char* key : {"1", "2", "3"}) memory.remember("t", key, "x");
  EXPECT_FALSE(memory.is_reused("t", "1", "y"));
  EXPECT_TRUE(memory.is_reused("t", "2", "y"));
  EXPECT_TRUE(memory.is_reused("t", "3", "y"));
}

TEST(KeyMemory, TheDigestIsSha256) {
  EXPECT_EQ(body_digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace tributary::bridge
