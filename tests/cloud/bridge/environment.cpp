// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: logging is started before there are threads, as programs do.
#include <gtest/gtest.h>

#include "common/runtime/program.h"

namespace {

class Logging final : public ::testing::Environment {
 public:
  void SetUp() override { tributary::runtime::start_logging("bridge_test"); }
};

const auto* const kLogging = ::testing::AddGlobalTestEnvironment(new Logging);

}  // namespace
