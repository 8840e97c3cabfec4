// SPDX-License-Identifier: Apache-2.0
// The list of commands: what is no command is told with what was found, what there is, and the nearest.
#include <gtest/gtest.h>

#include <set>

#include "cloud/ctl/command.h"
#include "cloud/ctl/command/tenant.h"
#include "tests/cloud/ctl/fixture.h"

namespace tributary::ctl {
namespace {

TEST(Commands, AMistypedNounIsToldWithTheListAndTheNearestName) {
  EXPECT_EQ(unknown_command({"tenat", "list"}),
            "found command \"tenat\", expected one of tenant, log, state, summary, deadletter, gateway; did you mean "
            "tenant?");
  EXPECT_EQ(unknown_command({"kubernetes"}),
            "found command \"kubernetes\", expected one of tenant, log, state, summary, deadletter, gateway");
  EXPECT_EQ(unknown_command({}), "found no command, expected one of tenant, log, state, summary, deadletter, gateway");
}

TEST(Commands, AMistypedVerbIsToldWithTheVerbsOfItsNoun) {
  EXPECT_EQ(unknown_command({"log", "dumb"}),
            "found log command \"dumb\", expected one of info, dump, copy; did you mean dump?");
  EXPECT_EQ(unknown_command({"state"}), "found no state command, expected one of show, rows, ledger, digest");
}

TEST(Commands, EachInTheListIsOneAndOptionsAreNotTakenForCommands) {
  std::set<std::pair<std::string, std::string>> seen;
  std::set<std::string> named;
  for (const Noun& noun : nouns()) named.insert(noun.name);
  for (const Command* command : commands()) {
    EXPECT_EQ(unknown_command({command->noun, command->verb}), "");
    EXPECT_TRUE(seen.emplace(command->noun, command->verb).second) << command->noun << " " << command->verb;
    EXPECT_TRUE(named.count(command->noun) > 0) << command->noun;
  }
  EXPECT_EQ(unknown_command({"--version"}), "");
  EXPECT_EQ(unknown_command({"log", "--help"}), "");
}

TEST(Commands, AWordOfAnyLengthIsAnswered) {
  const std::string why = unknown_command({std::string(100'000, 'x')});
  EXPECT_LT(why.size(), 200u);
}

TEST(Tenant, KeysAreMadeListedAndRemovedAndCountedInWords) {
  const testing::Folder folder;
  const std::vector<std::string> keys = {folder.path("keys.json")};
  for (const char* name : {"page", "robot"}) {
    const Ran made = run(kTenantAdd, {{"tenant", {"demo"}}, {"--name", {name}}, {"--keys", keys}});
    EXPECT_EQ(made.code, 0) << made.err;
    EXPECT_FALSE(made.out.empty());
  }
  const Ran list = run(kTenantList, {{"--keys", keys}});
  EXPECT_TRUE(list.says("page") && list.says("robot")) << list.out;
  const std::string hash = list.out.substr(list.out.find("  ") == 0 ? 0 : 25, 16);
  EXPECT_EQ(run(kTenantRemove, {{"tenant", {"demo"}}, {"--key", {hash}}, {"--keys", keys}}).out,
            "removed 1 key of tenant demo\n");
  EXPECT_EQ(run(kTenantRemove, {{"tenant", {"demo"}}, {"--keys", keys}}).out, "removed 1 key of tenant demo\n");
  EXPECT_EQ(run(kTenantRemove, {{"tenant", {"demo"}}, {"--keys", keys}}).code, 1);
  EXPECT_NE(run(kTenantAdd, {{"tenant", {"De mo"}}, {"--keys", keys}}).err.find("found tenant name \"De mo\""),
            std::string::npos);
}

TEST(Tenant, ANameIsNotGivenAgainUnnoticed) {
  const testing::Folder folder;
  const std::vector<std::string> keys = {folder.path("keys.json")};
  ASSERT_EQ(run(kTenantAdd, {{"tenant", {"demo"}}, {"--keys", keys}}).code, 0);
  ASSERT_EQ(run(kTenantAdd, {{"tenant", {"other"}}, {"--keys", keys}}).code, 0);
  ASSERT_EQ(run(kTenantRemove, {{"tenant", {"demo"}}, {"--keys", keys}}).code, 0);
  const Ran refused = run(kTenantAdd, {{"tenant", {"demo"}}, {"--keys", keys}});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("--again"), std::string::npos) << refused.err;
  EXPECT_EQ(run(kTenantAdd, {{"tenant", {"other"}}, {"--keys", keys}}).code, 0) << "a second key of one that is there";
  EXPECT_EQ(run(kTenantAdd, {{"tenant", {"demo"}}, {"--again", {}}, {"--keys", keys}}).code, 0);
  EXPECT_EQ(run(kTenantAdd, {{"tenant", {"demo"}}, {"--keys", keys}}).code, 0);
}

}  // namespace
}  // namespace tributary::ctl
