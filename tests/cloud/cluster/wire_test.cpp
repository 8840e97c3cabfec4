// SPDX-License-Identifier: Apache-2.0
// Questions and answers read back the same, and nothing else is read.
#include "cloud/cluster/wire.h"

#include <gtest/gtest.h>

#include "cloud/cluster/peers.h"
#include "cloud/cluster/scatter.h"
#include "tests/cloud/merge/support/support.h"

namespace tributary::testing {
namespace {

using namespace cluster;  // NOLINT: its names are what is tested

// Every prefix is refused, and so is anything behind; every flipped byte is refused or read, and never breaks anything.
template <class Body>
void check(const Body& body) {
  const AnswerHead head{3, 16, 2};
  const std::string bytes = encode_answer(head, body);
  AnswerHead read_head;
  std::optional<Error> error;
  Body read;
  ASSERT_TRUE(decode_answer(as_bytes(bytes), read_head, error, read));
  EXPECT_FALSE(error.has_value());
  EXPECT_EQ(read_head.replicas, 3u);
  EXPECT_EQ(read_head.partitions, 16u);
  EXPECT_EQ(read_head.ordinal, 2u);
  EXPECT_EQ(encode_answer(head, read), bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(decode_answer(as_bytes(std::string_view(bytes).substr(0, size)), read_head, error, read)) << size;
  }
  EXPECT_FALSE(decode_answer(as_bytes(bytes + "x"), read_head, error, read));
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string wrong = bytes;
      wrong[at] = static_cast<char>(wrong[at] ^ flip);
      if (decode_answer(as_bytes(wrong), read_head, error, read) && !error) {
        EXPECT_EQ(encode_answer(read_head, read).size(), wrong.size());
      }
    }
  }
}

TEST(WireTest, EveryAnswerReadsBackTheSameAndOnlyWhole) {
  Random random(1);
  const std::string summary = encoded_summary(random_summary(random, 1'700'000'000, 10));
  const Series series = make_series("d1", "temperature", {{"unit", "°C"}});
  check(HeadBody{99, {{1, 2}, {~0ull, ~0ull}}});
  check(
      MetricsBody{{{.name = "a", .kind = MetricKind::kCounter, .last_seen_ns = -5, .series = 3, .units = {"", "C"}}}});
  check(DevicesBody{{{"d", {{"site", "roof"}}, {"g"}, {"a", "b"}, 77}}});
  query::GatewayInfo gateway{.gateway = "g", .state = "late", .version = "1", .frontier_ns = 1, .status_json = "{}"};
  gateway.gaps = {{"g", 1, 2, "crash"}};
  gateway.lost = {{"g", 5, 1, 2, "x"}};
  gateway.rejected = {{"future", 3}};
  gateway.alarms = {"restored"};
  check(GatewaysBody{{gateway, gateway}});
  check(KnownBody{true});
  check(SummaryBody{0, summary});
  SeriesBody rows;
  rows.facts.rows = 3;
  rows.rows = {{"a", {10, 10}, summary}, {"a", {20, 10}, summary}, {"b", {10, 0}, ""}};
  check(rows);
  check(NewestBody{{true, 10, query::Row{20, 60}, std::nullopt}});
  query::GatewayNote note{.gateway = "g", .frontier_ns = -1, .retired = true, .absence = "silent", .parked = 4};
  note.gaps = gateway.gaps;
  note.estimated = {{"g", -7, 8}};
  note.lost = gateway.lost;
  note.rejected = gateway.rejected;
  check(CompletenessBody{{{note, note}, {{4, 5, 6, "trimmed"}}, 5}});
  check(ChangesBody{{{1, 2}}, {{7, series, {10, 10}}, {8, series.fleet(), {0, kAllTime}}}});
  check(RowsBody{{{0, summary}, {5, summary}}});
  SystemPart part{.readings = 12, .since_ns = -3, .minutes = {{60, 1, 2, 3, {{4, 5}, {9, 1}}}, {120, 0, 0, 1, {}}}};
  check(SystemBody{part});
  part.service = ServiceInfo{.service = "aggregator 2", .version = "1", .trouble = "no", .partitions = {{2, 5, 9}}};
  check(SystemBody{part});
  part.service->recovery = runtime::LastRecovery{"restart", 7, 0.25, {{"records", 3}}};
  check(SystemBody{part});
  check(LastBody{{{series, -5, 1e-300, {{-60, 60}, {0, 0}}}, {make_series("d2", "humidity"), INT64_MAX, -0.5, {}}}});
}

TEST(WireTest, WhatNoAggregatorWouldSayIsRefused) {
  Random random(2);
  const std::string summary = encoded_summary(random_summary(random, 1'700'000'000, 10));
  const AnswerHead head;
  AnswerHead read_head;
  std::optional<Error> error;
  auto reads = [&](const auto& body) {
    auto read = body;
    return decode_answer(as_bytes(encode_answer(head, body)), read_head, error, read);
  };
  EXPECT_TRUE(reads(SummaryBody{0, summary}));
  EXPECT_FALSE(reads(SummaryBody{0, ""}));
  EXPECT_FALSE(reads(SummaryBody{0, summary + "x"}));
  EXPECT_FALSE(reads(RowsBody{{{5, summary}, {5, summary}}}));
  EXPECT_FALSE(reads(SeriesBody{{0, 0}, {{"a", {10, 10}, summary}}}));  // more rows than it says there are
  EXPECT_FALSE(reads(SeriesBody{{0, 1}, {{"a", {INT64_MAX / 10, 10}, summary}}}));
  EXPECT_FALSE(reads(NewestBody{{true, INT64_MIN, std::nullopt, std::nullopt}}));
  EXPECT_FALSE(reads(DevicesBody{{{std::string(5'000, 'd'), {}, {}, {}, 0}}}));
  EXPECT_FALSE(reads(LastBody{{{make_series("d", "m"), 0, std::numeric_limits<double>::infinity(), {}}}}));
  SystemPart part{.minutes = {{60, 1, 2, 3, {{4, 5}, {9, 1}}}}, .service = ServiceInfo{.partitions = {{2, 5, 9}}}};
  EXPECT_TRUE(reads(SystemBody{part}));
  part.minutes[0].delays[1].first = 4;  // a bucket twice
  EXPECT_FALSE(reads(SystemBody{part}));
  part.minutes = {{INT64_MAX, 1, 2, 3, {}}};
  EXPECT_FALSE(reads(SystemBody{part}));
  part.minutes.assign(1'000, {60, 1, 2, 3, {}});
  EXPECT_FALSE(reads(SystemBody{part}));
  part.minutes.clear();
  part.service->partitions[0].end = 4;  // the log ends before the position
  EXPECT_FALSE(reads(SystemBody{part}));
  part.service->partitions.clear();
  part.service->recovery = runtime::LastRecovery{"restart", 7, std::numeric_limits<double>::infinity(), {}};
  EXPECT_FALSE(reads(SystemBody{part}));
  // An error is an answer without a body.
  SummaryBody body;
  EXPECT_TRUE(decode_answer(as_bytes(encode_error(head, {ErrorCode::kFull, "full"})), read_head, error, body));
  EXPECT_EQ(error->code, ErrorCode::kFull);
  EXPECT_EQ(error->message, "full");
}

TEST(WireTest, QuestionsReadBackTheSame) {
  Question question{.replicas = 3, .partitions = 16, .ordinal = 2, .op = Op::kRows, .wait_ms = 5};
  question.selection = {"demo", "temperature", {"d1", "d2"}, {{"site", "roof"}}};
  question.range = {-5, INT64_MAX};
  question.now_ns = INT64_MIN;
  question.width_s = 900;
  question.by = "site";
  question.max = 20'000;
  question.choice = {{60, 60}, true};
  question.place = {{1, 2}};
  question.keys = {{make_series("d1", "temperature"), {10, 10}}};
  const std::string bytes = encode(question);
  Question read;
  ASSERT_TRUE(decode(as_bytes(bytes), read));
  EXPECT_EQ(encode(read), bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(decode(as_bytes(std::string_view(bytes).substr(0, size)), read)) << size;
  }
  EXPECT_FALSE(decode(as_bytes(bytes + "x"), read));
}

TEST(HttpTest, HeadsAreReadWholeOrRefused) {
  bool broken = false;
  const std::string good = "HTTP/1.1 200 OK\r\ncontent-LENGTH:  12 \r\nConnection: close\r\n\r\n";
  const auto head = parse_response_head(good + "body", &broken);
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->head_bytes, good.size());
  EXPECT_EQ(head->body_bytes, 12u);
  EXPECT_FALSE(head->keeps);
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(parse_response_head(good.substr(0, size), &broken).has_value());
    EXPECT_FALSE(broken);
  }
  for (const char* wrong :
       {"HTTP/1.1 2000 OK\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n", "HTTP/1.1 200 OK\r\nNo colon\r\nContent-Length: 1\r\n\r\n",
        "\r\n\r\n", "HTTP/1.1 \r\n\r\n"}) {
    EXPECT_FALSE(parse_response_head(wrong, &broken).has_value()) << wrong;
    EXPECT_TRUE(broken) << wrong;
  }
}

TEST(HttpTest, UrlsOfPeers) {
  EXPECT_EQ(parse_peer_url("http://agg-0:8090")->host, "agg-0");
  EXPECT_EQ(parse_peer_url("http://[::1]:8090/")->host, "::1");
  for (const char* wrong : {"", "agg-0:8090", "http://agg-0", "http://:80", "http://a:0", "http://a:99999",
                            "http://a:80/x", "https://a:80", "http://a b:80", "http://u@a:80"}) {
    EXPECT_FALSE(parse_peer_url(wrong).has_value()) << wrong;
  }
}

}  // namespace
}  // namespace tributary::testing
