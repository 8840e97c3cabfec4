// SPDX-License-Identifier: Apache-2.0
// Names, labels and families for Prometheus.
#include "cloud/render/prometheus.h"

#include <gtest/gtest.h>

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
