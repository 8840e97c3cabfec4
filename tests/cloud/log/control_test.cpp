// SPDX-License-Identifier: Apache-2.0
// Control records: what is written is read, and nothing else is an order.
#include "cloud/log/control.h"

#include <gtest/gtest.h>

#include "cloud/log/record.h"

namespace tributary::log {
namespace {

const std::string kRequest(32, 'a');

TEST(ControlTest, WhatIsWrittenIsRead) {
  for (const bool retired : {true, false}) {
    const Record record = retire_record("demo", "attic", {retired, kRequest}, 5);
    EXPECT_EQ(record.kind, RecordKind::kControl);
    const auto stored = decode_record(encode_record(record));
    ASSERT_TRUE(stored.ok());
    EXPECT_EQ(stored->gateway, "attic");
    const auto control = parse_retire(stored->payload);
    ASSERT_TRUE(control);
    EXPECT_EQ(control->retired, retired);
    EXPECT_EQ(control->request, kRequest);
  }
}

TEST(ControlTest, TheFormIsKept) {
  EXPECT_EQ(retire_record("demo", "attic", {true, kRequest}, 5).payload,
            "{\"control\":\"retire\",\"request\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"retired\":true}");
}

TEST(ControlTest, NothingElseIsAnOrder) {
  const std::string request = "\"request\":\"" + kRequest + "\"";
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[1]"), std::string("{\"control\":\"retire\"}"),
        "{\"control\":\"rule\"," + request + ",\"retired\":true}",
        "{\"control\":\"retire\"," + request + ",\"retired\":1}",
        std::string("{\"control\":\"retire\",\"request\":\"x\",\"retired\":true}"),
        std::string("{\"control\":5,\"request\":5,\"retired\":5}"), std::string(100'000, '['),
        std::string("\xff\xfe")}) {
    EXPECT_FALSE(parse_retire(text)) << text.substr(0, 60);
  }
}

}  // namespace
}  // namespace tributary::log
