// SPDX-License-Identifier: Apache-2.0
// Names, labels and families for Prometheus.
#include "cloud/render/prometheus.h"

#include <gtest/gtest.h>

#include <cctype>
#include <map>
#include <string>
#include <vector>

namespace tributary::api {
namespace {

TEST(FamiliesTest, NoTwoKeysAndNoTwoMetricsBecomeOne) {
  EXPECT_EQ(prometheus_name("a.b-c:d"), "a_b_c_d");
  EXPECT_EQ(prometheus_key("site"), "site");
  EXPECT_EQ(prometheus_key("device"), "label_device");
  EXPECT_EQ(prometheus_key("label_device"), "label_label_device");
  EXPECT_EQ(prometheus_key("__name__"), "label___name__");
  const Series dotted{.device = "d", .metric = "a.b", .labels = {{"le", "1"}}};
  EXPECT_EQ(series_labels(dotted), (SampleLabels{{"device", "d"}, {"label_le", "1"}, {"metric", "a.b"}}));
  const Series plain{.device = "d", .metric = "a_b", .labels = {{"metric", "a.b"}}};
  EXPECT_EQ(series_labels(plain), (SampleLabels{{"device", "d"}, {"label_metric", "a.b"}}));
}

// Every family that hostile metrics make, with the samples that belong to each: none has the name of another's.
TEST(FamiliesTest, NoFamilyHasTheNameOfAnothersSamples) {
  const std::vector<std::string> metrics = {"door",         "door_count", "door_sum",          "door_bucket",
                                            "door_created", "door_total", "door_info",         "door_count_count",
                                            "door.count",   "door-sum",   "door__count",       "U__door__count",
                                            "U__door",      "温度",       "温度_count",        "______",
                                            "湿度",         "_U__",       "door_distribution", "count",
                                            "_count",       "U__6e29_",   "U___6e29_"};
  std::map<std::string, std::string> owners;
  for (const std::string& metric : metrics) {
    const std::string name = "tributary_readings_" + prometheus_name(metric);
    for (const char c : name) EXPECT_TRUE(isalnum(static_cast<unsigned char>(c)) || c == '_') << name;
    for (const char* end : {"", "_count", "_sum", "_bucket", "_created"}) {
      const auto [owner, fresh] = owners.emplace(name + end, metric);
      EXPECT_TRUE(fresh || prometheus_name(owner->second) == prometheus_name(metric))
          << name + end << " of " << metric << " and of " << owner->second;
    }
  }
  EXPECT_EQ(prometheus_name("door"), "door");
  EXPECT_EQ(prometheus_name("door_count"), "U__door__count");
  EXPECT_EQ(prometheus_name("door.count"), "U__door_2e_count");
  EXPECT_EQ(prometheus_name("温度"), "U___6e29__5ea6_");
  EXPECT_EQ(prometheus_name("U__x"), "U__U____x");
  const Series foreign{.device = "d", .metric = "温度"};
  EXPECT_EQ(series_labels(foreign), (SampleLabels{{"device", "d"}, {"metric", "温度"}}));
}

TEST(FamiliesTest, AFamilyStandsTogetherHoweverItsSamplesCame) {
  Families out(false, 20);
  for (const char* device : {"a", "b"}) {
    for (const char* name : {"x", "y"})
      out.add(out.family(name, Families::Type::kGauge, "Help."), {{"device", device}}, 1);
  }
  out.family("empty", Families::Type::kGauge, "Not told.");
  EXPECT_EQ(out.take(),
            "# HELP x Help.\n# TYPE x gauge\nx{device=\"a\"} 1\nx{device=\"b\"} 1\n"
            "# HELP y Help.\n# TYPE y gauge\ny{device=\"a\"} 1\ny{device=\"b\"} 1\n");
}

}  // namespace
}  // namespace tributary::api
