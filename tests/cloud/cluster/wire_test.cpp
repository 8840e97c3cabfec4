// SPDX-License-Identifier: Apache-2.0
// Questions and answers read back the same, and nothing else is read.
#include "cloud/cluster/wire.h"

#include <gtest/gtest.h>

#include "cloud/cluster/peers.h"
#include "cloud/query/questions.h"
#include "tests/cloud/merge/support/support.h"

namespace tributary::testing {
namespace {

using namespace cluster;  // NOLINT: its names are what is tested
using namespace query;    // NOLINT

// Every prefix is refused, and so is anything behind; every flipped byte is refused or read, and never breaks anything.
template <class Part>
void check(const Part& body) {
  const AnswerHead head{3, 16, 2};
  const std::string bytes = encode_answer(head, body);
  AnswerHead read_head;
  std::optional<Error> error;
  Part read;
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
  const stats::Summary sum = random_summary(random, 1'700'000'000, 10);
  const std::string summary = encoded_summary(sum);
  const Series series = make_series("d1", "temperature", {{"unit", "°C"}});
  check(AskHead::Part{99, {{1, 2}, {~0ull, ~0ull}}});
  check(AskMetrics::Part{
      {.name = "a", .kind = MetricKind::kCounter, .last_seen_ns = -5, .series = 3, .units = {"", "C"}}});
  check(AskDevices::Part{{"d", {{"site", "roof"}}, {"g"}, {"a", "b"}, 77}});
  GatewayInfo gateway{.gateway = "g", .state = "late", .version = "1", .frontier_ns = 1, .status_json = "{}"};
  gateway.gaps = {{"g", 1, 2, "crash"}};
  gateway.lost = {{"g", 5, 1, 2, "x"}};
  gateway.rejected = {{"future", 3}};
  gateway.alarms = {"restored"};
  check(AskGateways::Part{gateway, gateway});
  check(AskKnown::Part{true});
  check(AskSummary::Part{sum});
  check(AskSeries::Part{0, 3, {{"a", {10, 10}, summary}, {"a", {20, 10}, summary}, {"b", {10, 0}, ""}}});
  check(AskNewest::Part{true, 10, Row{20, 60}, std::nullopt});
  check(AskNewestSum::Part{7, sum});
  GatewayNote note{.gateway = "g", .frontier_ns = -1, .retired = true, .absence = "silent", .parked = 4};
  note.gaps = gateway.gaps;
  note.estimated = {{"g", -7, 8}};
  note.lost = gateway.lost;
  note.rejected = gateway.rejected;
  note.allowance_ns = 9;
  note.contributes = false;
  check(AskCompleteness::Part{{note, note}, {{4, 5, 6, "trimmed", 7}}, {{{60, 60}, -1, 2, 3}}, -4, 5, 6, 10});
  check(AskNames::Part{{"a", "b"}, {{1, "c"}}});
  check(AskChanges::Part{{2}, {{1, 2}}, {{7, series, {10, 10}}, {8, series.fleet(), {0, kAllTime}}}});
  check(AskRows::Part{{0, summary}, {5, summary}});
  SystemPart part{.readings = 12, .since_ns = -3, .minutes = {{60, 1, 2, 3, {{4, 5}, {9, 1}}}, {120, 0, 0, 1, {}}}};
  check(AskSystem::Part{part});
  part.service = ServiceInfo{.service = "aggregator 2", .version = "1", .trouble = "no", .partitions = {{2, 5, 9}}};
  check(AskSystem::Part{part});
  part.service->recovery = runtime::LastRecovery{"restart", 7, 0.25, {{"records", 3}}};
  check(AskSystem::Part{part});
  AskLast::Part last;
  for (const LastReading& one : {LastReading{series, -5, 1e-300, {{-60, 60}, {0, 0}}},
                                 LastReading{make_series("d2", "humidity"), INT64_MAX, -0.5, {}}}) {
    last.emplace(one.series.id(), one);
  }
  check(last);
}

TEST(WireTest, WhatItCostReadsBackTheSame) {
  AnswerHead head{3, 16, 2, Trace{{{2, {5, 600}}, {5, {~0ull, 0}}}, 1, 2, 3, 4}};
  AnswerHead read;
  std::optional<Error> error;
  AskKnown::Part part;
  const std::string bytes = encode_answer(head, AskKnown::Part{true});
  ASSERT_TRUE(decode_answer(as_bytes(bytes), read, error, part));
  ASSERT_TRUE(read.trace.has_value());
  EXPECT_EQ(encode_answer(read, part), bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(decode_answer(as_bytes(std::string_view(bytes).substr(0, size)), read, error, part)) << size;
  }
  for (const int64_t wrong : {int64_t{-1}, INT64_MAX}) {
    head.trace->merge_ns = wrong;
    EXPECT_FALSE(decode_answer(as_bytes(encode_answer(head, part)), read, error, part)) << wrong;
  }
}

TEST(WireTest, WhatNoAggregatorWouldSayIsRefused) {
  Random random(2);
  const std::string summary = encoded_summary(random_summary(random, 1'700'000'000, 10));
  const AnswerHead head;
  AnswerHead read_head;
  std::optional<Error> error;
  auto reads = [&](const auto& part) {
    auto read = part;
    return decode_answer(as_bytes(encode_answer(head, part)), read_head, error, read);
  };
  // A summary's bytes stand where a text may: what is no summary is refused.
  auto reads_as_summary = [&](const std::string& bytes) {
    stats::Summary read;
    return decode_answer(as_bytes(encode_answer(head, bytes)), read_head, error, read);
  };
  EXPECT_TRUE(reads_as_summary(summary));
  EXPECT_FALSE(reads_as_summary(""));
  EXPECT_FALSE(reads_as_summary(summary + "x"));
  EXPECT_FALSE(reads(AskRows::Part{{5, summary + "x"}}));
  EXPECT_FALSE(reads(AskSeries::Part{0, 0, {{"a", {10, 10}, summary}}}));  // more rows than it says there are
  EXPECT_FALSE(reads(AskSeries::Part{0, 1, {{"a", {INT64_MAX / 10, 10}, summary}}}));
  EXPECT_FALSE(reads(AskNewest::Part{true, INT64_MIN, std::nullopt, std::nullopt}));
  EXPECT_FALSE(reads(AskDevices::Part{{std::string(5'000, 'd'), {}, {}, {}, 0}}));
  EXPECT_FALSE(reads(AskChanges::Part{{1, 3}, {{1, 2}}, {}}));  // a place for one of two partitions
  const LastReading endless{make_series("d", "m"), 0, std::numeric_limits<double>::infinity(), {}};
  EXPECT_FALSE(reads(AskLast::Part{{endless.series.id(), endless}}));
  SystemPart part{.minutes = {{60, 1, 2, 3, {{4, 5}, {9, 1}}}}, .service = ServiceInfo{.partitions = {{2, 5, 9}}}};
  EXPECT_TRUE(reads(AskSystem::Part{part}));
  part.minutes[0].delays[1].first = 4;  // a bucket twice
  EXPECT_FALSE(reads(AskSystem::Part{part}));
  part.minutes = {{INT64_MAX, 1, 2, 3, {}}};
  EXPECT_FALSE(reads(AskSystem::Part{part}));
  part.minutes.assign(1'000, {60, 1, 2, 3, {}});
  EXPECT_FALSE(reads(AskSystem::Part{part}));
  part.minutes.clear();
  part.service->partitions[0].end = 4;  // the log ends before the position
  EXPECT_FALSE(reads(AskSystem::Part{part}));
  part.service->partitions.clear();
  part.service->recovery = runtime::LastRecovery{"restart", 7, std::numeric_limits<double>::infinity(), {}};
  EXPECT_FALSE(reads(AskSystem::Part{part}));
  // An error is an answer without a part.
  AskKnown::Part known;
  EXPECT_TRUE(decode_answer(as_bytes(encode_error(head, {ErrorCode::kFull, "full"})), read_head, error, known));
  EXPECT_EQ(error->code, ErrorCode::kFull);
  EXPECT_EQ(error->message, "full");
}

TEST(WireTest, WhatIsOfAnotherShareIsNoPartOfIt) {
  const Share share{.partitions = {1, 3}};
  EXPECT_TRUE(AskChanges::sound({{1, 3}, {{}, {}}, {}}, share));
  EXPECT_FALSE(AskChanges::sound({{1}, {{}}, {}}, share));
  EXPECT_FALSE(AskChanges::sound({{0, 3}, {{}, {}}, {}}, share));
  EXPECT_FALSE(AskRows::sound({{5, ""}, {5, ""}}, share));
  EXPECT_FALSE(AskMetrics::sound({{.name = "b"}, {.name = "a"}}, share));
  EXPECT_FALSE(AskDevices::sound({{.device = "a"}, {.device = "a"}}, share));
  EXPECT_TRUE(AskSystem::sound({{.service = ServiceInfo{.partitions = {{3, 0, 0}}}}}, share));
  EXPECT_FALSE(AskSystem::sound({{.service = ServiceInfo{.partitions = {{2, 0, 0}}}}}, share));
}

template <class Q>
void check_question(const Q& question) {
  SCOPED_TRACE(int{Q::kOp});
  const std::string bytes = encode(QuestionHead{3, 16, 2, 0, true}, question);
  QuestionHead head;
  Q read;
  ASSERT_TRUE(decode(as_bytes(bytes), head, read));
  EXPECT_EQ(head.replicas, 3u);
  EXPECT_EQ(head.partitions, 16u);
  EXPECT_EQ(head.ordinal, 2u);
  EXPECT_EQ(head.op, Q::kOp);
  EXPECT_TRUE(head.traced);
  EXPECT_EQ(encode(head, read), bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(decode(as_bytes(std::string_view(bytes).substr(0, size)), head, read)) << size;
  }
  EXPECT_FALSE(decode(as_bytes(bytes + "x"), head, read));
}

TEST(WireTest, QuestionsReadBackTheSame) {
  const Selection selection{"demo", "temperature", {"d1", "d2"}, {{"site", "roof"}}};
  const Range range{-5, INT64_MAX};
  check_question(AskHead{{{1, 2}}, 5});
  check_question(AskMetrics{"demo"});
  check_question(AskDevices{"demo", {"d1", 7}});
  check_question(AskGateways{"demo", INT64_MIN, {"g", ~0ull}});
  check_question(AskKnown{"demo", "temperature"});
  check_question(AskSummary{selection, range});
  check_question(AskSeries{selection, range, 900, "site", 20'000});
  check_question(AskNewest{selection, 60});
  check_question(AskNewestSum{selection, 60, {{60, 60}, true}});
  check_question(AskCompleteness{selection, range, 99});
  check_question(AskNames{"demo", {"a", "b"}, true});
  check_question(AskChanges{"demo", {{1, 2}, {3, 4}}, 500, {1, 3}});
  check_question(AskRows{"demo", {{make_series("d1", "temperature"), {10, 10}}}});
  check_question(AskLast{selection, 17, "d1", 1'000});
  check_question(AskSystem{"demo", 17});
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
