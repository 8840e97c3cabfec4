// SPDX-License-Identifier: Apache-2.0
// Claims about topics: which level is what, what is refused, what the settings change.
#include "edge/source/topic_reader.h"

#include <gtest/gtest.h>

#include "tests/support/fake_gateway.h"

namespace tributary::edge {
namespace {

using test::FakeGateway;
using Values = std::map<std::string, double>;
using Rejected = std::map<std::string, uint64_t, std::less<>>;

FakeGateway read(const char* topic, const char* payload, TopicReaderConfig config = {}, bool retained = false) {
  FakeGateway gateway;
  TopicReader reader(std::move(config));
  reader.read(topic, payload, retained, {.wall_ns = 77, .mono_ns = 1}, gateway);
  return gateway;
}

TEST(TopicReader, TheSecondLevelIsTheDevice) {
  FakeGateway gateway = read("sensors/00:0f:00:70:91:0a", R"({"co":0.005,"light":false,"device_id":"other"})");
  EXPECT_EQ(gateway.values(), (Values{{"00:0f:00:70:91:0a/co", 0.005}, {"00:0f:00:70:91:0a/light", 0}}));
  EXPECT_TRUE(gateway.rejected.empty());
}

TEST(TopicReader, TheThirdLevelIsTheMetricOfAPlainNumber) {
  EXPECT_EQ(read("sensors/attic/temperature", "21.5").values(), (Values{{"attic/temperature", 21.5}}));
  EXPECT_EQ(read("sensors/attic/heat ing", " ON ").values(), (Values{{"attic/heat_ing", 1}}));
  EXPECT_EQ(read("sensors/attic/temperature", "warm").rejected, (Rejected{{"not_a_number", 1}}));
  EXPECT_EQ(read("sensors/attic/temperature", "").rejected, (Rejected{{"not_a_number", 1}}));
}

TEST(TopicReader, TheThirdLevelIsThePrefixOfAnObject) {
  EXPECT_EQ(read("tele/plug/SENSOR", R"({"Time":"2024-05-01T10:00:00","ENERGY":{"Power":60}})").values(),
            (Values{{"plug/SENSOR_ENERGY_Power", 60}}));
  EXPECT_EQ(read("sensors/attic/temperature", R"({"value":21.5,"ts":5})").values(),
            (Values{{"attic/temperature", 21.5}}));
}

TEST(TopicReader, WithoutADeviceLevelTheObjectNamesIt) {
  EXPECT_EQ(read("sensors", R"([{"device_id":"x","a":1},{"device":"y","a":2}])").values(),
            (Values{{"x/a", 1}, {"y/a", 2}}));
  EXPECT_EQ(read("sensors", R"({"a":1})").rejected, (Rejected{{"no_device", 1}}));
}

TEST(TopicReader, OtherTopicsAreRefusedAndCounted) {
  for (const char* topic : {"a/b/c/d", "sensors//temperature", "/sensors/x", "sensors/x/", "", "/", "a/b/c/d/e/f"}) {
    FakeGateway gateway = read(topic, "{\"a\":1}");
    EXPECT_EQ(gateway.rejected, (Rejected{{"unknown_topic", 1}})) << topic;
    EXPECT_TRUE(gateway.readings.empty());
  }
}

TEST(TopicReader, RetainedMessagesAreRefusedUnlessWanted) {
  EXPECT_EQ(read("s/d/m", "1", {}, true).rejected, (Rejected{{"retained", 1}}));
  EXPECT_EQ(read("s/d/m", "1", {.accept_retained = true}, true).values(), (Values{{"d/m", 1}}));
}

TEST(TopicReader, MetricsAreRenamedAndIgnored) {
  TopicReaderConfig config{.rename = {{"temp", "temperature"}, {"SENSOR_T", "t"}}, .ignore = {"linkquality"}};
  EXPECT_EQ(read("z/d", R"({"temp":1,"linkquality":2,"other":3})", config).values(),
            (Values{{"d/temperature", 1}, {"d/other", 3}}));
  EXPECT_EQ(read("z/d/temp", "4", config).values(), (Values{{"d/temperature", 4}}));
  EXPECT_EQ(read("z/d/SENSOR", R"({"T":5})", config).values(), (Values{{"d/t", 5}}));
  EXPECT_TRUE(read("z/d", R"({"linkquality":2})", config).rejected.empty());
}

TEST(TopicReader, NamesOfAnyScriptAreRenamed) {
  TopicReaderConfig config{.rename = {{"温度", "temperature"}}};
  EXPECT_EQ(read("z/d", R"({"温度":21.5,"湿度":60})", config).values(),
            (Values{{"d/temperature", 21.5}, {"d/湿度", 60}}));
  EXPECT_EQ(read("z/küche/темп", "1").values(), (Values{{"küche/темп", 1}}));
}

TEST(TopicReader, ARenameThatMakesOneNameOfTwoIsRefusedByName) {
  TopicReaderConfig config{.rename = {{"temp", "temperature"}}};
  const FakeGateway gateway = read("z/d", R"({"temp":1,"temperature":2,"other":3})", config);
  EXPECT_EQ(gateway.rejected, (Rejected{{"bad_name", 2}}));
  EXPECT_EQ(gateway.readings.size(), 1u);
}

TEST(TopicReader, WhatIsLeftOutIsCountedByReason) {
  const FakeGateway gateway = read("z/d", R"({"a":1,"state":"ON","b":null,"ignored":"x"})", {.ignore = {"ignored"}});
  EXPECT_EQ(gateway.left_out, (Rejected{{"text_field", 1}, {"null_field", 1}}));
  EXPECT_TRUE(gateway.rejected.empty());
}

TEST(TopicReader, DecimalCommasAndLocalTimesAreReadWhereTheSourceSaysSo) {
  EXPECT_EQ(read("s/d/m", "21,5").rejected, (Rejected{{"not_a_number", 1}}));
  EXPECT_EQ(read("s/d/m", "21,5", {.decimal_comma = true}).values(), (Values{{"d/m", 21.5}}));
  TopicReaderConfig config;
  config.local_time = [](int64_t local_s) { return local_s - 3600; };
  EXPECT_EQ(read("s/d", R"({"a":1,"ts":"1970-01-01T01:00:05"})", config).readings.at(0).time_ns, 5'000'000'000);
}

TEST(TopicReader, AnIgnoredTimeFieldIsNoEventTime) {
  const char* payload = R"({"time":"12:30","a":1})";
  EXPECT_EQ(read("s/d", payload).rejected, (Rejected{{"bad_timestamp", 1}}));
  FakeGateway gateway = read("s/d", payload, {.ignore = {"time"}});
  ASSERT_EQ(gateway.readings.size(), 1u);
  EXPECT_EQ(gateway.readings[0].time_ns, std::nullopt);
}

TEST(TopicReader, ArrivalIsTheMomentOfReceiving) {
  FakeGateway gateway = read("s/d/m", "1");
  ASSERT_EQ(gateway.readings.size(), 1u);
  EXPECT_EQ(gateway.readings[0].arrived_ns, 77);
}

TEST(TopicReader, WhatIsBrokenIsCountedByReasonAndDisturbsNothingElse) {
  FakeGateway gateway;
  TopicReader reader({});
  auto send = [&](const char* topic, const std::string& payload) {
    reader.read(topic, payload, false, {1, 1}, gateway);
  };
  send("s/d", "{\"a\":1,");
  send("s/d", R"({"a":1e999,"b":2})");
  send("s/d", std::string(300'000, 'x'));
  send("s/d", "{\"a\":" + std::string(2000, '[') + std::string(2000, ']') + "}");
  send("s/d", "25.5");
  send("s/d", R"({"a":"NaN","b":3})");
  EXPECT_EQ(gateway.rejected,
            (Rejected{{"bad_json", 2}, {"out_of_range", 1}, {"too_large", 1}, {"too_deep", 1}, {"not_a_number", 1}}));
  ASSERT_EQ(gateway.readings.size(), 2u);
}

}  // namespace
}  // namespace tributary::edge
