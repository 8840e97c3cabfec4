// SPDX-License-Identifier: Apache-2.0
// Texts of answers.
#include "cloud/render/text.h"

#include <gtest/gtest.h>

namespace tributary::api {
namespace {

TEST(Csv, QuotesWhatNeedsIt) {
  std::string out;
  append_csv_text(out, "a,\"b\"\n");
  EXPECT_EQ(out, "\"a,\"\"b\"\"\n\"");
}

}  // namespace
}  // namespace tributary::api
