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

TEST(Csv, WhatASpreadsheetWouldRunIsAText) {
  for (const std::string text : {"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx"}) {
    std::string out;
    append_csv_text(out, text);
    EXPECT_EQ(out, "'" + text);
  }
  std::string out;
  append_csv_text(out, "=HYPERLINK(\"http://x\",1)");
  EXPECT_EQ(out, "\"'=HYPERLINK(\"\"http://x\"\",1)\"");
  out.clear();
  append_csv_text(out, "a-b");
  EXPECT_EQ(out, "a-b");
}

}  // namespace
}  // namespace tributary::api
