// SPDX-License-Identifier: Apache-2.0
// Claims about readings: every reason has a name, and whose labels count.
#include "common/reading/reading.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace tributary::reading {
namespace {

TEST(Reading, EveryReasonHasANameOfItsOwn) {
  std::set<std::string> names;
  for (int i = 0; i < static_cast<int>(Reject::kCount); ++i) {
    const std::string name = to_string(static_cast<Reject>(i));
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos) << name;
    EXPECT_NE(name, "unknown") << i;
  }
}

TEST(Reading, TheSendersLabelsStandBesideTheConfiguredOnesAndBeforeThem) {
  const LabelView labels[] = {{"zone", "2"}, {"site", "cellar"}};
  std::vector<Label> out = {{"site", "roof"}, {"unit", "°C"}};
  add_labels({.labels = labels}, out);
  EXPECT_EQ(out, (std::vector<Label>{{"site", "cellar"}, {"unit", "°C"}, {"zone", "2"}}));
  add_labels({.unit = "K"}, out);
  EXPECT_EQ(out, (std::vector<Label>{{"site", "cellar"}, {"unit", "K"}, {"zone", "2"}}));
  add_labels({}, out);
  EXPECT_EQ(out.size(), 3u);
}

TEST(Reading, ALabelThatIsSaidTwiceIsRefusedAndNotChosenFrom) {
  const LabelView labels[] = {{"unit", "°C"}};
  std::vector<Label> out;
  add_labels({.labels = labels, .unit = "K"}, out);
  EXPECT_FALSE(check_series({.device = "d", .metric = "m", .labels = out}).ok());
}

}  // namespace
}  // namespace tributary::reading
