// SPDX-License-Identifier: Apache-2.0
// Claims about the frame of a program: what it exits with, and when its work begins.
#include "common/runtime/run_program.h"

#include <gtest/gtest.h>

#include <vector>

namespace tributary::runtime {
namespace {

struct Outcome {
  int code = 0;
  std::string ran_with;  // the configuration that run got
};

// The file "broken" has no configuration.
Outcome run_with(const char* name, std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), name);
  Outcome outcome;
  const auto read = [](const std::string& file) -> Result<std::string> {
    if (file == "broken") return Error{ErrorCode::kInvalid, "found nothing, expected something"};
    return "of " + file;
  };
  const auto run = [&](const std::string& config) {
    outcome.ran_with = config;
    return 7;
  };
  outcome.code = run_program({name, "Does nothing."}, static_cast<int>(arguments.size()),
                             const_cast<char**>(arguments.data()), read, run);
  return outcome;
}

TEST(RunProgram, WorksWithItsConfigurationAndExitsAsItsWorkSays) {
  const Outcome outcome = run_with("program-a", {"--config", "file"});
  EXPECT_EQ(outcome.code, 7);
  EXPECT_EQ(outcome.ran_with, "of file");
}

TEST(RunProgram, ACheckReadsTheConfigurationAndDoesNothing) {
  EXPECT_EQ(run_with("program-b", {"--config", "file", "--check"}).code, 0);
  EXPECT_EQ(run_with("program-b", {"--config", "file", "--check"}).ran_with, "");
  EXPECT_EQ(run_with("program-b", {"--config", "broken", "--check"}).code, kExitConfiguration);
}

TEST(RunProgram, AWrongConfigurationOrCommandLineIsSaidAndNothingIsDone) {
  testing::internal::CaptureStderr();
  const Outcome broken = run_with("program-c", {"--config", "broken"});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "program-c: found nothing, expected something\n");
  EXPECT_EQ(broken.code, kExitConfiguration);
  EXPECT_EQ(broken.ran_with, "");
  for (const std::vector<const char*>& wrong : {std::vector<const char*>{}, {"--what"}, {"--config"}}) {
    EXPECT_EQ(run_with("program-c", wrong).code, kExitConfiguration);
  }
}

TEST(RunProgram, VersionAndHelpNeedNoConfiguration) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(run_with("program-d", {"--version"}).code, 0);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), std::string("program-d ") + kVersion + "\n");
  EXPECT_EQ(run_with("program-d", {"--help"}).code, 0);
}

}  // namespace
}  // namespace tributary::runtime
