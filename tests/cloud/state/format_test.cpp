// SPDX-License-Identifier: Apache-2.0
// The stored bytes are what FORMAT.md says, and what was once written is read for ever.
#include <gtest/gtest.h>

#include "cloud/state/chunk.h"
#include "cloud/state/records.h"
#include "cloud/state/tables.h"

namespace tributary::state {
namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  for (char c : bytes) {
    out.push_back("0123456789abcdef"[static_cast<uint8_t>(c) >> 4]);
    out.push_back("0123456789abcdef"[static_cast<uint8_t>(c) & 15]);
  }
  return out;
}

std::string unhex(std::string_view text) {
  std::string out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

TEST(FormatTest, ChunksOfEveryLevelAreReadAsWritten) {
  struct Sample {
    int level;
    int64_t chunk;
    std::vector<ChunkRow> rows;
    const char* bytes;
  };
  const std::string a = "abc", b = "d";
  const Sample samples[] = {
      {0,
       -300,
       {{-300, 10, as_bytes(a)}, {-10, 5, as_bytes(b)}, {-10, 10, as_bytes(a)}},
       "000a03616263a202050164a2020a03616263"},
      {1, 1800, {{1800, 60, as_bytes(a)}, {1860, 60, as_bytes(b)}}, "0003616263010164"},
      {3, 86400, {{90000, 3600, as_bytes(b)}}, "010164"},
      {5, 0, {{0, 0, as_bytes(a)}}, "0003616263"},
  };
  for (const Sample& sample : samples) {
    std::string bytes;
    for (const ChunkRow& row : sample.rows) append_chunk_row(sample.level, sample.chunk, row, bytes);
    EXPECT_EQ(hex(bytes), sample.bytes);
    ChunkReader reader(sample.level, sample.chunk, bytes);
    for (const ChunkRow& row : sample.rows) {
      ChunkRow found;
      ASSERT_TRUE(reader.next(found));
      EXPECT_EQ(found.start_s, row.start_s);
      EXPECT_EQ(found.width_s, row.width_s);
      EXPECT_EQ(as_text(found.summary), as_text(row.summary));
    }
    ChunkRow none;
    EXPECT_FALSE(reader.next(none));
    EXPECT_FALSE(reader.corrupt());
    for (size_t size = 1; size < bytes.size(); ++size) {
      ChunkReader cut(sample.level, sample.chunk, std::string_view(bytes).substr(0, size));
      size_t rows = 0;
      while (cut.next(none)) ++rows;
      EXPECT_TRUE(cut.corrupt() || rows < sample.rows.size());
    }
  }
}

TEST(FormatTest, KeysStandInTimeOrderAcross1970) {
  EXPECT_EQ(hex(fresh_key(-1, 10, 3).view()), "7fffffffffffffff0000000a00000003");
  EXPECT_EQ(hex(fresh_key(0, 60, 3).view()), "80000000000000000000003c00000003");
  EXPECT_EQ(hex(chunk_key(2, 7, 21600).view()), "02000000078000000000005460");
  EXPECT_LT(fresh_key(-1, 60, 9).view(), fresh_key(0, 1, 1).view());
  const Key key = fresh_key(-5, 1, 2);
  KeyReader reader(key.view());
  EXPECT_EQ(reader.time(), -5);
  EXPECT_EQ(reader.u32(), 1u);
  EXPECT_EQ(reader.u32(), 2u);
}

TEST(FormatTest, EstimatedTimesAreRangesThatGrowTogether) {
  GatewayRecord gateway;
  gateway.add_estimated({10, 20});
  gateway.add_estimated({30, 40});
  gateway.add_estimated({20, 25});
  ASSERT_EQ(gateway.estimated.size(), 2u);
  EXPECT_EQ(gateway.estimated[0].to_ns, 25);
  gateway.add_estimated({15, 35});
  ASSERT_EQ(gateway.estimated.size(), 1u);
  EXPECT_EQ(gateway.estimated[0].from_ns, 10);
  EXPECT_EQ(gateway.estimated[0].to_ns, 40);
  for (int64_t i = 1; i <= 200; ++i) gateway.add_estimated({i * 1000, i * 1000 + 1});
  ASSERT_EQ(gateway.estimated.size(), kEstimatedMax);
  EXPECT_EQ(gateway.estimated.front().from_ns, 10);
  EXPECT_EQ(gateway.estimated.back().to_ns, 200'001);
}

TEST(FormatTest, RecordsOnceWrittenAreRead) {
  GatewayRecord gateway;
  gateway.tenant = "t";
  gateway.gateway = "g";
  gateway.tenant_no = 1;
  gateway.first_seen_ns = 2;
  gateway.last_seen_ns = -3;
  gateway.count_rejected("future", 4);
  gateway.add_gap({5, 6, 1});
  gateway.add_alarm({AlarmKind::kCloned, 7, 8});
  const std::string kGateway =
      "0174016701040501066675747572650401"
      "0a0c01"
      "01020710";
  EXPECT_EQ(hex(gateway.encode()), kGateway);
  GatewayRecord read;
  ASSERT_TRUE(read.decode(unhex(kGateway)));
  EXPECT_EQ(hex(read.encode()), kGateway);
  gateway.add_estimated({20, 30});
  gateway.add_estimated({1, 2});
  EXPECT_EQ(hex(gateway.encode()), kGateway + "020204283c");
  ASSERT_TRUE(read.decode(unhex(kGateway + "020204283c")));
  EXPECT_EQ(hex(read.encode()), kGateway + "020204283c");

  const SeriesInfo series{.tenant_no = 1, .fleet = true, .kind = MetricKind::kCounter, .id = "x"};
  EXPECT_EQ(hex(series.encode()), "0101010178");
  SeriesInfo info;
  ASSERT_TRUE(info.decode(unhex("0101010178")));
  EXPECT_TRUE(info.fleet && info.kind == MetricKind::kCounter && info.id == "x");

  const ChangeRecord change{.clock_ns = 1, .rows = {{3, 10, 10}, {4, 0, 60}}};
  EXPECT_EQ(hex(change.encode()), "020206140a02133c");
  ChangeRecord changed;
  ASSERT_TRUE(changed.decode(unhex("020206140a02133c")));
  EXPECT_TRUE(changed.rows == change.rows && changed.clock_ns == 1);

  ParkedPartial letter;
  letter.reason = "parked";
  letter.tenant = "t";
  letter.gateway = "g";
  letter.epoch = 9;
  letter.seq = 2;
  letter.series_id = "s";
  letter.start_s = -10;
  letter.width_s = 10;
  letter.summary = "y";
  EXPECT_EQ(hex(letter.encode()),
            "067061726b6564017401670902017313"
            "0a0179");
  const LogGap gap{.to_offset = 5, .noticed_ns = 1, .cause = "c"};
  EXPECT_EQ(hex(gap.encode()), "05020163");
  const StatusRecord status{.append_ns = 1, .json = "{}"};
  EXPECT_EQ(hex(status.encode()), "02027b7d");
}

TEST(FormatTest, TheHeadHasOneLength) {
  Head head;
  EXPECT_EQ(encode_head(head).size(), 8u * 9 + 4 * 3);
}

TEST(FormatTest, ListsOfAGatewayAreBoundedAndKeepTheNewest) {
  GatewayRecord gateway;
  for (int i = 0; i < 1000; ++i) {
    gateway.add_gap({i, i + 1, 1});
    gateway.add_alarm({AlarmKind::kWiped, static_cast<uint64_t>(i), 0});
    gateway.count_rejected("reason-" + std::to_string(i), 1);
  }
  EXPECT_EQ(gateway.gaps.size(), kGapsMax);
  EXPECT_EQ(gateway.gaps.back().from_ns, 999);
  EXPECT_EQ(gateway.alarms.size(), kAlarmsMax);
  EXPECT_EQ(gateway.rejected.size(), kReasonsMax + 1);
  EXPECT_EQ(gateway.rejected["other"], 1000 - kReasonsMax);
}

}  // namespace
}  // namespace tributary::state
