// SPDX-License-Identifier: Apache-2.0
// Claims about --explain: it tells what the sources and the gateway would do, and leaves nothing behind.
#include "edge/explain.h"

#include <gtest/gtest.h>

namespace tributary::edge {
namespace {

constexpr Instant kNow{1'700'000'000 * kNanosPerSecond, kNanosPerSecond};

Result<std::string> explain(std::string_view topic, std::string_view payload) {
  const auto config = parse_config(R"(
tenant = "demo"
gateway = "attic"
state_dir = "/nowhere"
[uplink]
url = "tcp://127.0.0.1:1"
[labels]
site = "roof"
[metrics.temperature]
unit = "°C"
[metrics.energy]
kind = "counter"
[[source.mqtt]]
url = "tcp://127.0.0.1:1"
topics = ["sensors/+", "sensors/+/+"]
rename = { temp = "temperature" }
ignore = ["linkquality"]
)",
                                   "edge.toml");
  EXPECT_TRUE(config.ok()) << (config.ok() ? "" : config.error().message);
  return explain_message(*config, topic, payload, kNow);
}

TEST(Explain, TellsReadingsWithTheirLabelsTimesAndValues) {
  EXPECT_EQ(explain("sensors/kitchen", R"({"temp":21.5,"linkquality":7,"ts":1699999990.25})").value(),
            "reading: kitchen temperature{site=\"roof\",unit=\"°C\"}, 2023-11-14T22:13:10.25Z: 21.5\n");
  EXPECT_EQ(explain("sensors/meter/energy", "7").value(),
            "reading: meter energy{site=\"roof\"} (counter: what is more than the last value counts), "
            "2023-11-14T22:13:20Z (of arrival): 7\n");
}

TEST(Explain, TellsWhatIsRefusedByWhomeverRefusesIt) {
  EXPECT_EQ(explain("sensors/kitchen", "{\"temp\":").value().substr(0, 20), "refused (bad_json): ");
  EXPECT_EQ(explain("sensors/kitchen", R"({"temp":1,"ts":1800000000})").value(),
            "refused (future): kitchen temperature{site=\"roof\",unit=\"°C\"}, 2027-01-15T08:00:00Z: 1\n");
  EXPECT_EQ(explain("sensors/kitchen", R"({"linkquality":1})").value(), "nothing: every field of it is ignored\n");
}

TEST(Explain, ATopicThatNoSourceHearsIsSaid) {
  const auto told = explain("other/kitchen", "1");
  ASSERT_FALSE(told.ok());
  EXPECT_EQ(told.error().code, ErrorCode::kNotFound);
  EXPECT_NE(told.error().message.find("other/kitchen"), std::string::npos);
}

}  // namespace
}  // namespace tributary::edge
