// SPDX-License-Identifier: Apache-2.0
// tributaryctl log dump --decode: every kind of record and item is told; what cannot be read is named.
#include "cloud/ctl/command/log.h"

#include "tests/cloud/ctl/fixture.h"

namespace tributary::ctl {
namespace {

using LogDumpTest = StoredTest;

TEST_F(LogDumpTest, EachKindOfRecordAndItemIsTold) {
  fill();
  const Ran ran = run(kLogDump, {{"--url", {log_.url}}, {"--decode", {}}});
  EXPECT_EQ(ran.code, 0) << ran.err;
  for (const char* line : {
           "0 2023-11-14T22:13:20Z message demo/pi",
           "    epoch 0000000000000abc, seqs 1 to 1,",
           "    seq 1 opening no predecessor, machine 00000000000000000000000000000000, last durable -\n",
           "    seq 2 partial attic/temperature{unit=C} gauge  2023-11-14T22:13:10Z + 10 s, born  count 2, min 21.5, "
           "max "
           "21.5, mean 21.5\n",
           "    seq 3 partial attic/temperature{unit=C} gauge  2023-11-14T22:13:00Z + 10 s, inherited  count 3, min "
           "20.5",
           "    seq 4 gap 2023-11-14T22:12:20Z to 2023-11-14T22:12:30Z, crash\n",
           "    seq 5 lost at the gateway 2023-11-14T22:12:40Z + 10 s\n",
           "frontier 2023-11-14T22:13:15Z",
           "3 2023-11-14T22:13:22Z rejected demo/pi",
           "bytes future\n",
           "4 2023-11-14T22:13:23Z status demo/pi",
           "    {\"state\":\"online\"}\n",
           "5 2023-11-14T22:13:24Z ingest demo/shed",
           "    key \"again\\x1b\"\n",
           "    partial attic/temperature{unit=C} gauge  2023-11-14T22:13:10Z + 10 s  count 1, min 7, max 7, mean 7\n",
       }) {
    EXPECT_TRUE(ran.says(line)) << line << "\n" << ran.out;
  }
}

TEST_F(LogDumpTest, FromAndCountChooseAndWithoutDecodeARecordIsOneLine) {
  fill();
  const Ran ran = run(kLogDump, {{"--url", {log_.url}}, {"--from", {"3"}}, {"--count", {"2"}}});
  EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 2) << ran.out;
  EXPECT_TRUE(ran.out.starts_with("3 2023-11-14T22:13:22Z rejected"));
}

TEST_F(LogDumpTest, AMessageThatCannotBeReadIsToldAsFarAsItCanBe) {
  std::string payload = gateway_.send({part(kNow, 10, 1, 1), part(kNow, 10, 2, 1)}, kNow).payload;
  payload[payload.size() - 3] = static_cast<char>(payload[payload.size() - 3] ^ 1);
  append(testing::make_record(log::RecordKind::kMessage, "demo", "pi", kNow, payload));
  append(testing::make_record(log::RecordKind::kMessage, "demo", "pi", kNow, "no message"));
  const Ran ran = run(kLogDump, {{"--url", {log_.url}}, {"--decode", {}}});
  EXPECT_TRUE(ran.says("    epoch 0000000000000abc, seqs 1 to 2,")) << ran.out;
  EXPECT_TRUE(ran.says("cannot be read (on): body_checksum")) << ran.out;
  EXPECT_TRUE(ran.says("cannot be read (on): too_short")) << ran.out;
}

TEST_F(LogDumpTest, APartitionThatIsNoneIsRefusedWithHowManyThereAre) {
  fill();
  const Ran ran = run(kLogDump, {{"--url", {log_.url}}, {"--partition", {"7"}}});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err, "tributaryctl: found partition 7, expected one below 1\n");
}

}  // namespace
}  // namespace tributary::ctl
