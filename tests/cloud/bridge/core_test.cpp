// SPDX-License-Identifier: Apache-2.0
// The bridge's rules, one by one: what is appended, what is acknowledged, what is counted.
#include "cloud/bridge/core.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "cloud/bridge/inspect.h"
#include "common/base/crc32c.h"
#include "common/ledger/receiver.h"
#include "tests/cloud/bridge/messages.h"

namespace tributary::bridge {
namespace {

using test::empty_message;
using test::flipped;
using test::kNowS;
using test::message_of;
using test::MessageShape;
using test::summary_of;

constexpr const char* kPartials = "tributary/v1/demo/attic/partials";
constexpr const char* kStatus = "tributary/v1/demo/attic/status";

Instant at(int64_t seconds_later = 0) {
  return {(kNowS + seconds_later) * kNanosPerSecond, (1000 + seconds_later) * kNanosPerSecond};
}

class CoreTest : public ::testing::Test {
 protected:
  Core::Effects send(const std::string& topic, const std::string& payload, bool retained = false, int64_t later = 0) {
    return core_.on_message({topic, payload, retained}, at(later));
  }
  // Sends, and lets the log take it. The record; nothing if none was to be appended.
  std::optional<log::Record> append(const std::string& topic, const std::string& payload, int64_t later = 0) {
    Core::Effects effects = send(topic, payload, false, later);
    if (!effects.append) return std::nullopt;
    core_.on_appended(effects.append->token, true);
    return effects.append->record;
  }
  std::optional<wire::Ack> publish_next(std::string* topic = nullptr) {
    auto message = core_.next_ack();
    if (!message) return std::nullopt;
    core_.ack_published();
    wire::Ack ack;
    EXPECT_TRUE(wire::decode_ack(as_bytes(message->payload), ack));
    if (topic != nullptr) *topic = message->topic;
    return ack;
  }
  uint64_t rejected(const std::string& reason) const {
    auto found = core_.counters().rejected_total.find(reason);
    return found == core_.counters().rejected_total.end() ? 0 : found->second;
  }

  CoreConfig config_;
  Core core_{config_};
};

TEST_F(CoreTest, AGoodMessageIsAppendedUnchangedUnderItsTopicsNames) {
  const std::string message = message_of();
  auto record = append(kPartials, message);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->kind, log::RecordKind::kMessage);
  EXPECT_EQ(record->tenant, "demo");
  EXPECT_EQ(record->gateway, "attic");
  EXPECT_EQ(record->payload, message);
  EXPECT_EQ(record->append_ns, kNowS * kNanosPerSecond);
  EXPECT_EQ(record->reason, "");
}

TEST_F(CoreTest, AnAckIsDueOnlyWhenTheRecordIsDurableAndNamesItsSeqs) {
  Core::Effects effects = send(kPartials, message_of());
  ASSERT_TRUE(effects.append);
  EXPECT_FALSE(core_.next_ack());
  core_.on_appended(effects.append->token, true);
  std::string topic;
  auto ack = publish_next(&topic);
  ASSERT_TRUE(ack);
  EXPECT_EQ(topic, "tributary/v1/demo/attic/ack");
  EXPECT_EQ(ack->epoch, 77U);
  ASSERT_EQ(ack->range_count, 1U);
  EXPECT_EQ(ack->ranges[0].first, 2U);
  EXPECT_EQ(ack->ranges[0].last, 3U);
  EXPECT_FALSE(core_.next_ack());
  EXPECT_EQ(core_.counters().acked_messages_total, 1U);
}

TEST_F(CoreTest, WhatTheLogRefusedIsNotAcknowledged) {
  Core::Effects effects = send(kPartials, message_of());
  ASSERT_TRUE(effects.append);
  core_.on_appended(effects.append->token, false);
  EXPECT_FALSE(core_.next_ack());
  EXPECT_EQ(core_.counters().append_failed_total, 1U);
  EXPECT_EQ(core_.counters().unsettled_appends, 0U);
}

TEST_F(CoreTest, AnAckStaysDueUntilItIsPublished) {
  append(kPartials, message_of());
  ASSERT_TRUE(core_.next_ack());
  ASSERT_TRUE(core_.next_ack());
  EXPECT_TRUE(publish_next());
  EXPECT_FALSE(core_.next_ack());
}

TEST_F(CoreTest, AMessageThatComesTwiceIsAppendedTwiceAndAcknowledgedTwice) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(append(kPartials, message_of()));
    EXPECT_TRUE(publish_next());
  }
  EXPECT_EQ(core_.counters().appended_total, 2U);
}

TEST_F(CoreTest, AcksOfOneGatewaysBatchAreOneMessageOfMergedRanges) {
  for (const uint64_t first_seq : {10, 2, 4, 20, 2}) {
    MessageShape shape;
    shape.first_seq = first_seq;
    append(kPartials, message_of(shape));
  }
  MessageShape other;
  other.epoch = 78;
  append(kPartials, message_of(other));
  append("tributary/v1/demo/cellar/partials", message_of());

  std::string topic;
  auto ack = publish_next(&topic);
  ASSERT_TRUE(ack);
  ASSERT_EQ(ack->range_count, 3U);
  EXPECT_EQ(ack->ranges[0].first, 2U);
  EXPECT_EQ(ack->ranges[0].last, 5U);
  EXPECT_EQ(ack->ranges[1].first, 10U);
  EXPECT_EQ(ack->ranges[1].last, 11U);
  EXPECT_EQ(ack->ranges[2].first, 20U);
  ack = publish_next(&topic);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->epoch, 78U);
  ack = publish_next(&topic);
  ASSERT_TRUE(ack);
  EXPECT_EQ(topic, "tributary/v1/demo/cellar/ack");
  EXPECT_FALSE(core_.next_ack());
  EXPECT_EQ(core_.counters().acked_messages_total, 7U);
  EXPECT_EQ(core_.counters().acks_published_total, 3U);
}

TEST_F(CoreTest, MoreRangesThanAnAckHoldsTakeSeveralAcks) {
  std::set<uint64_t> expected, found;
  for (uint64_t i = 0; i < 150; ++i) {
    MessageShape shape;
    shape.first_seq = 1 + 3 * i;
    append(kPartials, message_of(shape));
    expected.insert({shape.first_seq, shape.first_seq + 1});
  }
  int acks = 0;
  while (auto ack = publish_next()) {
    ++acks;
    for (uint32_t i = 0; i < ack->range_count; ++i) {
      for (uint64_t seq = ack->ranges[i].first; seq <= ack->ranges[i].last; ++seq) found.insert(seq);
    }
  }
  EXPECT_EQ(acks, 3);
  EXPECT_EQ(found, expected);
}

TEST_F(CoreTest, AcksBeyondTheBoundAreDroppedOldestFirst) {
  config_.acks_max = 2;
  Core core(config_);
  for (const char* gateway : {"a", "b", "c"}) {
    auto effects =
        core.on_message({std::string("tributary/v1/demo/") + gateway + "/partials", message_of(), false}, at());
    core.on_appended(effects.append->token, true);
  }
  EXPECT_EQ(core.counters().acks_dropped_total, 1U);
  EXPECT_EQ(core.next_ack()->topic, "tributary/v1/demo/b/ack");
}

TEST_F(CoreTest, AnEmptyMessageIsAppendedAndHasNothingToAcknowledge) {
  auto record = append(kPartials, empty_message(77, 4));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->kind, log::RecordKind::kMessage);
  EXPECT_FALSE(core_.next_ack());
}

TEST_F(CoreTest, ASoundHeaderWithADamagedBodyIsAppendedAsRejectedAndAcknowledged) {
  const std::string message = flipped(message_of(), -3);
  auto record = append(kPartials, message);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->kind, log::RecordKind::kRejected);
  EXPECT_EQ(record->reason, "body_checksum");
  EXPECT_EQ(record->payload, message);
  EXPECT_EQ(rejected("body_checksum"), 1U);
  auto ack = publish_next();
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->ranges[0].first, 2U);
  EXPECT_EQ(ack->ranges[0].last, 3U);
}

TEST_F(CoreTest, ASummaryThatIsNotCanonicalIsRejected) {
  MessageShape shape;
  shape.summary = {1, 2, 3};
  auto record = append(kPartials, message_of(shape));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->kind, log::RecordKind::kRejected);
  EXPECT_EQ(record->reason, "bad_summary");
  EXPECT_TRUE(publish_next());
}

TEST_F(CoreTest, ASummaryOfNothingIsRejected) {
  MessageShape shape;
  shape.summary.resize(stats::kSummaryBytesMax);
  shape.summary.resize(stats::Summary().encode(shape.summary));
  ASSERT_FALSE(shape.summary.empty());
  EXPECT_EQ(append(kPartials, message_of(shape))->reason, "bad_summary");
}

TEST_F(CoreTest, APartialWithReadingsOutsideItsWindowIsRejected) {
  const auto reason_of = [&](std::vector<int64_t> times_ns, int64_t start_s, WidthS width_s) {
    stats::Summary summary;
    for (const int64_t time_ns : times_ns) summary.add(time_ns, 20.5);
    MessageShape shape;
    shape.summary.resize(stats::kSummaryBytesMax);
    shape.summary.resize(summary.encode(shape.summary));
    shape.starts_s = {start_s};
    shape.width_s = width_s;
    const auto record = append(kPartials, message_of(shape));
    if (!record) return std::string("nothing appended");
    return record->kind == log::RecordKind::kMessage ? std::string() : record->reason;
  };
  const int64_t start_s = kNowS - 60, start_ns = start_s * kNanosPerSecond, end_ns = start_ns + 10 * kNanosPerSecond;
  EXPECT_EQ(reason_of({start_ns, end_ns - 1}, start_s, 10), "");
  EXPECT_EQ(reason_of({start_ns - 1, end_ns - 1}, start_s, 10), "outside_window");
  EXPECT_EQ(reason_of({start_ns, end_ns}, start_s, 10), "outside_window");
  EXPECT_EQ(reason_of({start_ns + 86400 * kNanosPerSecond}, start_s, 10), "outside_window");
  // All time holds every time up to the present.
  EXPECT_EQ(reason_of({kTimeMinNs, kNowS * kNanosPerSecond}, 0, kAllTime), "");
  EXPECT_EQ(reason_of({kTimeMinNs, kTimeMaxNs - 1}, 0, kAllTime), "future");
  EXPECT_EQ(rejected("outside_window"), 3U);
}

TEST(InspectTest, APartialOutsideItsWindowSaysWhatWasFoundAndExpected) {
  MessageShape shape;
  shape.summary = test::summary_of({20.5}, kNowS + 86400);
  shape.starts_s = {kNowS - 60};
  const Inspection found = Inspector(600).inspect(as_bytes(message_of(shape)), kNowS * kNanosPerSecond);
  EXPECT_EQ(found.fate, Fate::kRejected);
  EXPECT_EQ(found.found, "seq 2: a reading of 2025-11-21T23:06:40Z in the window of 10 s from 2025-11-20T23:05:40Z");
  EXPECT_EQ(found.expected, "readings within their window");
}

TEST_F(CoreTest, ASeriesOutsideTheLimitsIsRejected) {
  MessageShape shape;
  shape.device = std::string("bell\x07", 5);
  EXPECT_EQ(append(kPartials, message_of(shape))->reason, "bad_series");
}

TEST_F(CoreTest, AWindowThatIsNotAlignedIsRejected) {
  MessageShape shape;
  shape.starts_s = {kNowS - 55};
  EXPECT_EQ(append(kPartials, message_of(shape))->reason, "bad_width");
}

TEST_F(CoreTest, AMessageOfTheFutureOnlyIsRejectedAndSettled) {
  MessageShape shape;
  shape.starts_s = {kNowS + 610, kNowS + 31'536'000};
  auto record = append(kPartials, message_of(shape));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->kind, log::RecordKind::kRejected);
  EXPECT_EQ(record->reason, "future");
  EXPECT_TRUE(publish_next());
  shape.starts_s = {kNowS + 600};
  EXPECT_EQ(append(kPartials, message_of(shape))->kind, log::RecordKind::kMessage);
}

// A wide window of the present may end later; a reading in it must not lie there.
TEST_F(CoreTest, AReadingOfTheFutureInAWindowOfThePresentIsRejected) {
  const int64_t day_s = window_start_s(kNowS, 86400);
  MessageShape shape;
  shape.width_s = 86400;
  shape.starts_s = {day_s};
  shape.summary = summary_of({1.0}, kNowS + 1800);
  Inspector inspector(600);
  const Inspection ahead = inspector.inspect(as_bytes(message_of(shape)), kNowS * kNanosPerSecond);
  EXPECT_EQ(ahead.fate, Fate::kRejected);
  EXPECT_EQ(ahead.reason, "future");
  shape.summary = summary_of({1.0}, kNowS + 599);
  EXPECT_EQ(inspector.inspect(as_bytes(message_of(shape)), kNowS * kNanosPerSecond).fate, Fate::kMessage);
}

TEST_F(CoreTest, WhatComesBesideAFutureWindowIsNotLostWithIt) {
  MessageShape shape;
  shape.starts_s = {kNowS - 60, kNowS + 31'536'000};
  EXPECT_EQ(append(kPartials, message_of(shape))->kind, log::RecordKind::kMessage);
  shape.starts_s = {kNowS + 31'536'000};
  shape.first_seq = 1;
  shape.opening = true;
  EXPECT_EQ(append(kPartials, message_of(shape))->kind, log::RecordKind::kMessage);
}

TEST_F(CoreTest, ANewerVersionOrFeatureIsNeitherAppendedNorAcknowledged) {
  MessageShape shape;
  shape.version = 2;
  Core::Effects effects = send(kPartials, message_of(shape));
  EXPECT_FALSE(effects.append);
  EXPECT_NE(effects.warning.find("found version 2, expected version 1"), std::string::npos) << effects.warning;
  EXPECT_EQ(rejected("unknown_version"), 1U);
  shape.version = 1;
  shape.required_features = 4;
  EXPECT_FALSE(send(kPartials, message_of(shape)).append);
  EXPECT_EQ(rejected("unknown_feature"), 1U);
  EXPECT_FALSE(core_.next_ack());
}

TEST_F(CoreTest, WhatHasNoSoundHeaderIsCountedOnly) {
  const std::string message = message_of();
  const struct {
    std::string payload;
    const char* reason;
  } cases[] = {{"", "too_short"},
               {"hello", "too_short"},
               {message.substr(0, test::kHeaderBytes - 1), "too_short"},
               {flipped(message, 0), "bad_magic"},
               {flipped(message, 20), "header_checksum"}};
  for (const auto& one : cases) {
    const uint64_t before = rejected(one.reason);
    EXPECT_FALSE(send(kPartials, one.payload).append) << one.reason;
    EXPECT_EQ(rejected(one.reason), before + 1) << one.reason;
  }
  EXPECT_FALSE(core_.next_ack());
}

TEST_F(CoreTest, AHeaderThatClaimsMoreSeqsThanAGatewayMayHaveIsCountedOnly) {
  // A body of many tiny items is possible, a gateway with so many seqs under way is not.
  std::vector<uint8_t> buffer(wire::kMessageBytesMax);
  wire::MessageBuilder builder(buffer);
  for (uint64_t i = 0; i < ledger::kSpanMax + 1; ++i) ASSERT_TRUE(builder.add(wire::LostAtGateway{0, 0}));
  wire::Header header;
  header.epoch = 5;
  header.first_seq = 2;
  EXPECT_FALSE(send(kPartials, std::string(as_text(builder.finish(header)))).append);
  EXPECT_EQ(rejected("bad_header"), 1U);
}

TEST_F(CoreTest, AnOversizedMessageWithASoundHeaderIsSettledAsRejected) {
  auto record = append(kPartials, message_of() + std::string(200'000, 'x'));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->kind, log::RecordKind::kRejected);
  EXPECT_EQ(record->reason, "too_long");
  EXPECT_LE(record->payload.size(), wire::kMessageBytesMax);
  wire::Header header;
  wire::parse_header(as_bytes(record->payload), header);
  EXPECT_EQ(header.epoch, 77U) << "the aggregator must find the seqs in what was kept";
  EXPECT_TRUE(publish_next());
  EXPECT_FALSE(send(kPartials, std::string(200'000, 'x')).append);
}

TEST_F(CoreTest, ARetainedMessageIsNeitherAppendedNorAcknowledged) {
  EXPECT_FALSE(send(kPartials, message_of(), true).append);
  EXPECT_EQ(rejected("retained"), 1U);
  EXPECT_FALSE(core_.next_ack());
}

TEST_F(CoreTest, TopicsAndNamesOutsideTheRulesAreRefused) {
  const std::string long_name(65, 'a');
  for (const std::string topic :
       {"tributary/v1/demo/attic", "tributary/v1/demo/attic/partials/x", "tributary/v2/demo/attic/partials",
        "tributary/v1//attic/partials", "tributary/v1/demo//partials", "tributary/v1/.demo/attic/partials",
        "tributary/v1/demo/at tic/partials", "tributary/v1/demo/-attic/partials", "tributary/v1/demo/attic/ack",
        "tributary/v1/d\xc3\xa9mo/attic/partials", "", "x"}) {
    const uint64_t before = rejected("bad_topic");
    EXPECT_FALSE(send(topic, message_of()).append) << topic;
    EXPECT_EQ(rejected("bad_topic"), before + 1) << topic;
  }
  EXPECT_FALSE(send("tributary/v1/demo/" + long_name + "/partials", message_of()).append);
  EXPECT_TRUE(send("tributary/v1/demo/" + long_name.substr(1) + "/partials", message_of()).append);
  EXPECT_TRUE(send("tributary/v1/D0.m_o-/9/partials", message_of()).append);
}

TEST_F(CoreTest, WarningsSayFoundAndExpectedAndComeAtMostOnceASecond) {
  const std::string first = send(kPartials, "hello").warning;
  EXPECT_NE(first.find("tributary/v1/demo/attic/partials: rejected (too_short): found 5 bytes"), std::string::npos)
      << first;
  EXPECT_NE(first.find("expected"), std::string::npos);
  EXPECT_EQ(send(kPartials, "hello").warning, "");
  EXPECT_EQ(send(kPartials, "hello").warning, "");
  const std::string later = send(kPartials, "hello", false, 1).warning;
  EXPECT_NE(later.find("2 more"), std::string::npos) << later;
  const std::string control = send("bad\n\x1b[31mtopic", "", false, 2).warning;
  EXPECT_EQ(control.find('\n'), std::string::npos);
  EXPECT_EQ(control.find('\x1b'), std::string::npos);
}

TEST_F(CoreTest, AStatusIsAppendedWhenItChangedOrIsFiveMinutesOld) {
  const std::string online = R"({"state":"online"})";
  auto record = append(kStatus, online);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->kind, log::RecordKind::kStatus);
  EXPECT_EQ(record->payload, online);
  EXPECT_FALSE(append(kStatus, online, 1));
  EXPECT_FALSE(append(kStatus, online, 299));
  EXPECT_TRUE(append(kStatus, online, 300));
  EXPECT_TRUE(append(kStatus, R"({"state":"offline"})", 301));
  EXPECT_TRUE(append(kStatus, online, 302));
  EXPECT_TRUE(append("tributary/v1/demo/cellar/status", online, 302));
  EXPECT_EQ(core_.counters().statuses_unchanged_total, 2U);
  EXPECT_FALSE(core_.next_ack());
}

TEST_F(CoreTest, ARetainedStatusCountsSinceStatusIsRetainedByDesign) {
  Core::Effects effects = send(kStatus, R"({"state":"online"})", true);
  EXPECT_TRUE(effects.append);
}

TEST_F(CoreTest, AStatusTheLogRefusedIsAppendedWhenItComesAgain) {
  Core::Effects effects = send(kStatus, "{}");
  core_.on_appended(effects.append->token, false);
  EXPECT_TRUE(send(kStatus, "{}").append);
}

TEST_F(CoreTest, AStatusThatIsNoSmallJsonObjectIsRefused) {
  const std::string deep = std::string(8000, '[') + std::string(8000, ']');
  for (const std::string& payload :
       {std::string("online"), std::string("[1]"), std::string("{\"a\":}"), std::string("{} x"), deep,
        "{\"a\":" + deep.substr(0, 8000) + "}", std::string("{\"a\":\"\xff\"}"),
        "{\"a\":\"" + std::string(16 * 1024, 'x') + "\"}"}) {
    EXPECT_FALSE(send(kStatus, payload).append) << payload.substr(0, 20);
  }
  EXPECT_EQ(rejected("bad_status"), 8U);
  EXPECT_FALSE(send(kStatus, "").append) << "an empty payload clears a retained topic";
  EXPECT_EQ(rejected("bad_status"), 8U);
}

TEST_F(CoreTest, RandomDamageNeverStopsTheMessagesBetween) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string good = message_of();
  for (int i = 0; i < 3000; ++i) {
    std::string bad = good;
    for (uint64_t flips = 1 + random() % 4; flips > 0; --flips)
      bad[random() % bad.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bad.resize(random() % bad.size());
    if (random() % 4 == 0) {
      // With its checksums put right, so that the damage reaches the body's reader.
      auto put = [&](size_t place, uint32_t value) {
        for (int byte = 0; byte < 4; ++byte) bad[place + byte] = static_cast<char>(value >> (8 * byte));
      };
      if (bad.size() > test::kHeaderBytes) {
        put(48, crc32c(as_bytes(bad.substr(test::kHeaderBytes))));
        put(52, crc32c(as_bytes(bad.substr(0, 52))));
      }
    }
    auto record = append(kPartials, bad);
    if (record && record->kind == log::RecordKind::kMessage) {
      // Whatever is appended as a message passes the same inspection again.
      EXPECT_EQ(Inspector(600).inspect(as_bytes(record->payload), kNowS * kNanosPerSecond).fate, Fate::kMessage);
    }
    auto witness = append("tributary/v1/demo/witness/partials", good);
    ASSERT_TRUE(witness);
    ASSERT_EQ(witness->kind, log::RecordKind::kMessage);
  }
}

TEST(CoreTenantsTest, WhatTenantsWithoutAKeySendIsNeitherAppendedNorAcknowledgedAndCounted) {
  std::string known = "demo";
  CoreConfig config;
  config.knows_tenant = [&](std::string_view tenant) { return tenant == known; };
  Core core(config);
  EXPECT_TRUE(core.on_message({kPartials, message_of(), false}, at()).append);
  const auto refused = core.on_message({"tributary/v1/gone/attic/partials", message_of(), false}, at());
  EXPECT_FALSE(refused.append);
  EXPECT_NE(refused.warning.find("unknown_tenant"), std::string::npos) << refused.warning;
  EXPECT_FALSE(core.on_message({"tributary/v1/gone/attic/status", "{}", false}, at()).append);
  EXPECT_EQ(core.counters().rejected_total.at("unknown_tenant"), 2U);
  EXPECT_EQ(core.counters().unsettled_appends, 1U);
  known = "gone";  // a key was made: what comes again is taken
  EXPECT_TRUE(core.on_message({"tributary/v1/gone/attic/partials", message_of(), false}, at()).append);
}

TEST_F(CoreTest, OfManyStatusesASecondTheFirstAndTheNewestAreAppended) {
  ASSERT_TRUE(append(kStatus, R"({"n":0})"));
  for (int i = 1; i <= 1000; ++i) EXPECT_FALSE(append(kStatus, "{\"n\":" + std::to_string(i) + "}"));
  EXPECT_TRUE(core_.statuses_wait());
  EXPECT_FALSE(core_.due_status(at())) << "not before its second is over";
  // The one from which it began is another change as well.
  EXPECT_TRUE(append("tributary/v1/demo/cellar/status", R"({"n":0})"));
  const auto due = core_.due_status(at(1));
  ASSERT_TRUE(due);
  EXPECT_EQ(due->record.payload, R"({"n":1000})");
  EXPECT_EQ(due->record.gateway, "attic");
  core_.on_appended(due->token, true);
  EXPECT_FALSE(core_.due_status(at(1)));
  EXPECT_FALSE(core_.statuses_wait());
  EXPECT_EQ(core_.counters().statuses_replaced_total, 999U);
}

}  // namespace
}  // namespace tributary::bridge
