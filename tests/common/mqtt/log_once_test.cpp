// SPDX-License-Identifier: Apache-2.0
// Claims about what is said of a connection that is away.
#include "common/mqtt/log_once.h"

#include <gtest/gtest.h>

namespace tributary::mqtt {
namespace {

TEST(LogOnce, TheSameLossIsSaidAgainOnceTheConnectionWasThere) {
  LogOnce said;
  EXPECT_TRUE(said.lost("connection lost"));
  EXPECT_FALSE(said.lost("connection lost"));
  EXPECT_TRUE(said.lost("refused"));
  EXPECT_TRUE(said.lost("connection lost"));
  said.connected();
  EXPECT_TRUE(said.lost("connection lost"));
  EXPECT_FALSE(said.lost("connection lost"));
}

}  // namespace
}  // namespace tributary::mqtt
