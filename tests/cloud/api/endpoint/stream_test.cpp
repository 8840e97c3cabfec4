// SPDX-License-Identifier: Apache-2.0
// The stream of changes: nothing is missed, nothing is told twice.
#include "cloud/api/endpoint/stream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

TEST(EventIds, ReadBackTheSame) {
  EXPECT_EQ(event_id({{0xfedcba9876543210, 42}}), "fedcba9876543210-42");
  for (const query::Place& place : {query::Place{{0xfedcba9876543210, 42}}, query::Place{{1, 0}, {0, 0}, {3, ~0ull}}}) {
    const auto id = parse_event_id(event_id(place));
    ASSERT_TRUE(id.has_value());
    EXPECT_EQ(*id, place);
  }
  for (const char* wrong : {"", "-", "0000000000000000-", "0000000000000000", "000000000000000g-1",
                            "0000000000000000-1x", "0000000000000000-99999999999999999999", "0000000000000000-1.",
                            ".0000000000000000-1", "0000000000000000-1.1"}) {
    EXPECT_FALSE(parse_event_id(wrong).has_value()) << wrong;
  }
}

TEST_F(ApiTest, TheStreamTellsChangesOnceAndResumes) {
  RawClient client(server_->port());
  open_stream(client, "?metric=temperature");
  const std::string begin = event_id(query_.place());
  EXPECT_NE(client.seen().find("id: " + begin), std::string::npos);
  tell("a", "temperature", 99);
  ASSERT_TRUE(await(client, "event: windows"));
  ASSERT_TRUE(await(client, "\"max\":99"));
  EXPECT_NE(client.seen().find("id: " + event_id(query_.place()) + "\n"), std::string::npos);
  tell("a", "humidity", 50);  // filtered
  tell("b", "temperature", 98);
  ASSERT_TRUE(await(client, "\"max\":98"));
  EXPECT_EQ(client.seen().find("humidity"), std::string::npos);
  EXPECT_EQ(client.seen().find("secret"), std::string::npos);
  // Another client that saw only the beginning gets all of it, in one event.
  for (const bool header : {true, false}) {
    RawClient again(server_->port());
    open_stream(again, "?metric=temperature" + (header ? "" : "&since=" + begin),
                header ? "Last-Event-ID: " + begin + "\r\n" : "");
    ASSERT_TRUE(await(again, "\"max\":98"));
    EXPECT_NE(again.seen().find("\"max\":99"), std::string::npos);
    EXPECT_EQ(again.seen().find("event: reset"), std::string::npos);
  }
}

TEST_F(ApiTest, TheStreamFiltersDevicesAndFleet) {
  RawClient device(server_->port()), fleet(server_->port());
  open_stream(device, "?device=b");
  open_stream(fleet, "?fleet=1&metric=temperature");
  tell("a", "temperature", 77);
  tell("b", "temperature", 78);
  ASSERT_TRUE(await(device, "\"device\":\"b\""));
  EXPECT_EQ(device.seen().find("\"device\":\"a\""), std::string::npos);
  ASSERT_TRUE(await(fleet, "\"max\":78"));
  EXPECT_EQ(fleet.seen().find("\"device\""), std::string::npos);
}

TEST_F(ApiTest, WhatCannotBeResumedIsReset) {
  query_.forget_changes_before(50);
  const std::string now = event_id(query_.place());
  for (const std::string& since : {event_id({{query_.place().front().state_id, 10}}), event_id({{99, 60}}),
                                   event_id({{query_.place().front().state_id, 1'000'000}}), std::string("nonsense"),
                                   std::string("0000000000000000-1")}) {
    RawClient client(server_->port());
    open_stream(client, "", "Last-Event-ID: " + since + "\r\n");
    ASSERT_TRUE(await(client, "event: reset\nid: " + now)) << since;
    EXPECT_EQ(client.seen().find("event: windows"), std::string::npos);
  }
}

TEST_F(ApiTest, AQuietStreamSaysThatItIsThere) {
  RawClient client(server_->port());
  open_stream(client, "");
  EXPECT_TRUE(await(client, "\n: "));
  EXPECT_TRUE(await(client, "event: time\ndata: {\"time\":\"2023-11-14T22:13:20Z\"}\n\n"));
}

TEST_F(ApiTest, AStreamDoesNotOutliveItsKey) {
  RawClient client(server_->port());
  open_stream(client, "");
  keys_.keys.erase(keys_.keys.begin());
  ASSERT_TRUE(write_keys_file((dir_ / "keys.json").string(), keys_).ok());
  client.read_to_end(5000);
  EXPECT_TRUE(client.closed());
}

TEST_F(ApiTest, AHundredStreamsAllSeeEveryChange) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<RawClient>(server_->port()));
    open_stream(*clients.back(), i % 2 == 0 ? "" : "?metric=temperature");
  }
  for (int i = 0; i < 50; ++i) tell("a", "temperature", 1000 + i);
  for (auto& client : clients) {
    ASSERT_TRUE(await(*client, "\"max\":1049"));
    EXPECT_NE(client->seen().find("\"count\":5"), std::string::npos);
  }
}

TEST_F(ApiTest, ABusyStreamDoesNotOutliveItsKeyEither) {
  RawClient client(server_->port());
  open_stream(client, "");
  keys_.keys.erase(keys_.keys.begin());
  ASSERT_TRUE(write_keys_file((dir_ / "keys.json").string(), keys_).ok());
  // Told all the time, so that it is never quiet.
  std::atomic<bool> over{false};
  std::thread busy([&] {
    for (int i = 0; !over; ++i) {
      tell("a", "temperature", i);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  client.read_to_end(2500);
  over = true;
  busy.join();
  EXPECT_TRUE(client.closed());
}

}  // namespace
}  // namespace tributary::api
