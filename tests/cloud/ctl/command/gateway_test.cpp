// SPDX-License-Identifier: Apache-2.0
// tributaryctl gateway retire: through the log, and back.
#include "cloud/ctl/command/gateway.h"

#include <filesystem>

#include "tests/cloud/ctl/fixture.h"

namespace tributary::ctl {
namespace {

using GatewayTest = StoredTest;

TEST_F(GatewayTest, AGatewayIsRetiredAndTakenBackThroughTheLog) {
  fill();
  const auto query = query::LocalQuery::make({&merging_->state()});
  const auto state = [&] {
    const auto infos = query->ask(query::AskGateways{"demo", kNow * kNanosPerSecond});
    return infos.ok() && infos->size() == 1 ? infos->front().state : "none";
  };
  writer_.reset();
  const std::map<std::string, std::vector<std::string>, std::less<>> given = {
      {"name", {"pi"}}, {"--tenant", {"demo"}}, {"--url", {log_.url}}};
  const Ran retired = run(kGatewayRetire, given);
  ASSERT_EQ(retired.code, 0) << retired.err;
  EXPECT_NE(state(), "retired") << "not before it is merged";
  merge();
  EXPECT_EQ(state(), "retired");
  auto undo = given;
  undo["--undo"] = {};
  ASSERT_EQ(run(kGatewayRetire, undo).code, 0);
  auto unknown = given;
  unknown["name"] = {"nobody"};
  ASSERT_EQ(run(kGatewayRetire, unknown).code, 0);
  const uint64_t rejected = merging_->counters().rejected_total;
  merge();
  EXPECT_NE(state(), "retired");
  EXPECT_EQ(merging_->counters().rejected_total, rejected + 1) << "an order for nobody is counted";
  auto nowhere = given;
  nowhere["--url"] = {"lmdb://" + folder_.path("no-log")};
  EXPECT_EQ(run(kGatewayRetire, nowhere).code, 1);
  EXPECT_FALSE(std::filesystem::exists(folder_.path("no-log/data.mdb"))) << "no log is made by it";
}

}  // namespace
}  // namespace tributary::ctl
