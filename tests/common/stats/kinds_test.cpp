// SPDX-License-Identifier: Apache-2.0
// The list of kinds: each row is found by its byte and by its name, and nothing else is found.
#include "common/stats/kinds.h"

#include <gtest/gtest.h>

#include <string>

namespace tributary {
namespace {

TEST(Kinds, EachIsFoundByItsByteAndItsNameAndNothingElseIs) {
  size_t found = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const auto kind = kind_from(static_cast<uint8_t>(byte));
    if (!kind) continue;
    ++found;
    EXPECT_EQ(static_cast<int>(*kind), byte);
    EXPECT_EQ(kind_from(to_string(*kind)), kind);
    EXPECT_NE(kKindNames.find("\"" + std::string(to_string(*kind)) + "\""), std::string_view::npos)
        << "a refusal does not tell " << to_string(*kind);
  }
  EXPECT_EQ(found, std::size(kKinds));
  for (const char* none : {"", "Gauge", "gaug", "gauge "}) EXPECT_FALSE(kind_from(std::string_view(none))) << none;
}

TEST(Kinds, TheBytesStandInMessagesAndStatesForEver) {
  EXPECT_EQ(kind_from(uint8_t{0}), MetricKind::kGauge);
  EXPECT_EQ(kind_from(uint8_t{1}), MetricKind::kCounter);
}

}  // namespace
}  // namespace tributary
