// SPDX-License-Identifier: Apache-2.0
// The exposition of a program's own families.
#include "cloud/http/families.h"

#include <gtest/gtest.h>

namespace tributary::api {
namespace {

TEST(Exposition, EscapesLabels) {
  Exposition text;
  text.counter("tributary_x_total", "What\nit is.").sample(uint64_t{3}, {{"reason", "a\"b\\c\nd"}}).sample(0.5);
  EXPECT_EQ(text.text(),
            "# HELP tributary_x_total What\\nit is.\n# TYPE tributary_x_total "
            "counter\ntributary_x_total{reason=\"a\\\"b\\\\c\\nd\"} 3\ntributary_x_total 0.5\n");
}

}  // namespace
}  // namespace tributary::api
