// SPDX-License-Identifier: Apache-2.0
// Readings over HTTP: what becomes of a request's body.
#include "cloud/bridge/ingest.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "cloud/bridge/inspect.h"
#include "cloud/log/record.h"
#include "common/stats/summary.h"
#include "common/wire/message.h"

namespace tributary::bridge {
namespace {

constexpr int64_t kNowS = 1'763'680'005;
const Instant kNow{kNowS * kNanosPerSecond, 1};

IngestResult ingest(const std::string& body, uint32_t partitions = 1, const std::string& key = "",
                    const IngestConfig& config = {}) {
  return make_records(config, {"demo", body, key}, partitions, kNow);
}

struct Row {
  std::string device, metric, labels;
  uint8_t kind = 0;
  int64_t start_s = 0;
  stats::Summary summary;
};

// Reads records back as the aggregator does.
class RowReader final : public wire::BodyVisitor {
 public:
  explicit RowReader(const std::vector<log::Record>& records) {
    for (const log::Record& record : records) {
      series_.clear();
      wire::Header header;
      EXPECT_EQ(wire::parse_header(as_bytes(record.payload), header), wire::DecodeError::kNone);
      EXPECT_EQ(header.epoch, 1U);
      EXPECT_EQ(header.first_seq, 1U);
      EXPECT_EQ(wire::read_body(as_bytes(record.payload), header, *this), wire::DecodeError::kNone);
    }
  }
  wire::DecodeError on_series(uint32_t, const wire::SeriesView& view) override {
    Row row;
    row.device = view.device;
    row.metric = view.metric;
    row.kind = view.kind;
    for (uint8_t i = 0; i < view.label_count; ++i) {
      row.labels += std::string(view.labels[i].key) + "=" + std::string(view.labels[i].value);
    }
    series_.push_back(row);
    return wire::DecodeError::kNone;
  }
  wire::DecodeError on_partial(uint64_t, const wire::Partial& partial) override {
    Row row = series_.at(partial.series);
    row.start_s = partial.start_s;
    EXPECT_EQ(partial.width_s, 10U);
    EXPECT_TRUE(row.summary.decode(partial.summary));
    rows.push_back(row);
    return wire::DecodeError::kNone;
  }
  wire::DecodeError on_opening(uint64_t, const wire::Opening&) override { return wire::DecodeError::kBadBody; }
  wire::DecodeError on_gap(uint64_t, const wire::Gap&) override { return wire::DecodeError::kBadBody; }
  wire::DecodeError on_lost(uint64_t, const wire::LostAtGateway&) override { return wire::DecodeError::kBadBody; }

  std::vector<Row> rows;

 private:
  std::vector<Row> series_;
};

TEST(Ingest, AnObjectBecomesOneRecordOfOnePartialAMetric) {
  IngestConfig config;
  config.unit_by_metric["temperature"] = "°C";
  config.kind_by_metric["rain"] = MetricKind::kCounter;
  auto result = ingest(R"({"device_id":"roof","temperature":25.5,"rain":2,"timestamp":1763680001})", 1, "", config);
  EXPECT_EQ(result.accepted, 2U);
  EXPECT_TRUE(result.rejected.empty());
  ASSERT_EQ(result.records.size(), 1U);
  const log::Record& record = result.records[0];
  EXPECT_EQ(record.kind, log::RecordKind::kIngest);
  EXPECT_EQ(record.tenant, "demo");
  EXPECT_EQ(record.gateway, "roof");
  EXPECT_EQ(record.idempotency_key, "");
  RowReader read(result.records);
  ASSERT_EQ(read.rows.size(), 2U);
  EXPECT_EQ(read.rows[0].metric, "temperature");
  EXPECT_EQ(read.rows[0].labels, "unit=°C");
  EXPECT_EQ(read.rows[0].start_s, 1763680000);
  EXPECT_EQ(read.rows[0].summary.numeric().count(), 1U);
  EXPECT_EQ(read.rows[0].summary.numeric().first().time_ns, 1763680001 * kNanosPerSecond);
  EXPECT_EQ(read.rows[1].kind, static_cast<uint8_t>(MetricKind::kCounter));
}

TEST(Ingest, ReadingsOfOneSeriesAndWindowAreOnePartial) {
  auto result = ingest(R"([{"device_id":"a","x":1,"ts":1763680000},{"device_id":"a","x":2,"ts":1763680009},
                           {"device_id":"a","x":4,"ts":1763679999},{"device_id":"b","x":8,"ts":1763680000}])");
  EXPECT_EQ(result.accepted, 4U);
  RowReader read(result.records);
  ASSERT_EQ(read.rows.size(), 3U);
  uint64_t counted = 0;
  for (const Row& row : read.rows) {
    counted += row.summary.numeric().count();
    if (row.device == "a" && row.start_s == 1763680000) {
      EXPECT_EQ(row.summary.numeric().sum().value, 3);
    }
  }
  EXPECT_EQ(counted, 4U);
}

TEST(Ingest, WithoutATimestampTheTimeOfArrivalCounts) {
  RowReader read(ingest(R"({"device_id":"a","x":1})").records);
  ASSERT_EQ(read.rows.size(), 1U);
  EXPECT_EQ(read.rows[0].start_s, 1763680000);
  EXPECT_EQ(read.rows[0].summary.numeric().last().time_ns, kNow.wall_ns);
}

TEST(Ingest, EveryPartitionGetsItsOwnRecordKeyedByOneOfItsDevices) {
  std::string body;
  for (int i = 0; i < 40; ++i)
    body += (i ? "," : "[") + std::string(R"({"device_id":"d)") + std::to_string(i) + R"(","x":1})";
  auto result = ingest(body + "]", 4, "once");
  EXPECT_EQ(result.accepted, 40U);
  std::set<uint32_t> partitions;
  uint64_t rows = 0;
  for (const log::Record& record : result.records) {
    const uint32_t partition = log::partition_of("demo", record.gateway, 4);
    EXPECT_TRUE(partitions.insert(partition).second) << "one record a partition";
    EXPECT_EQ(record.idempotency_key, "once");
    for (const Row& row : RowReader({record}).rows) {
      EXPECT_EQ(log::partition_of("demo", row.device, 4), partition);
      ++rows;
    }
  }
  EXPECT_EQ(rows, 40U);
}

TEST(Ingest, BadReadingsAreCountedByReasonAndTheOthersTaken) {
  auto result = ingest(R"([{"device_id":"a","x":1},{"x":2},{"device_id":"a","x":1,"ts":"yesterday"},
                           {"device_id":"a","x":1,"ts":1763690000},{"device_id":"a","x":"NaN","y":3}])");
  EXPECT_EQ(result.accepted, 2U);
  EXPECT_EQ(result.rejected["no_device"], 1U);
  EXPECT_EQ(result.rejected["bad_timestamp"], 1U);
  EXPECT_EQ(result.rejected["future"], 1U);
  EXPECT_EQ(result.rejected["not_a_number"], 1U);
  EXPECT_FALSE(result.found.empty());
  EXPECT_FALSE(result.expected.empty());
}

TEST(Ingest, WhatLiesTooFarBackIsRefusedByName) {
  IngestConfig config;
  config.min_time_s = 366 * 86400;
  auto result = ingest(R"([{"device_id":"a","x":1,"ts":37},{"device_id":"a","x":2,"ts":1000000000},
                           {"device_id":"a","x":3},{"device_id":"a","x":4,"ts":1750000000}])",
                       1, "", config);
  EXPECT_EQ(result.accepted, 2U);
  EXPECT_EQ(result.rejected, (std::map<std::string, uint64_t>{{"too_old", 2}}));
  EXPECT_EQ(result.found, "1970-01-01T00:00:37Z");
  EXPECT_EQ(ingest(R"({"device_id":"a","x":1,"ts":37})").accepted, 1U) << "0 takes any";
}

TEST(Ingest, FieldsThatAreNoReadingsAreCountedApartFromRefusals) {
  const auto result = ingest(R"({"device_id":"a","x":"37.8","c":[226,227],"d":"21,5","n":null})");
  EXPECT_EQ(result.accepted, 3U);
  EXPECT_TRUE(result.rejected.empty());
  EXPECT_EQ(result.left_out, (std::map<std::string, uint64_t>{{"text_field", 1}, {"null_field", 1}}));
}

TEST(Ingest, ANameThatDoesNotFitIsToldAsWhatWasFoundAndExpected) {
  const auto result = ingest(R"({"device_id":"a\nb","x":1})");
  EXPECT_EQ(result.rejected.at("bad_name"), 1U);
  EXPECT_EQ(result.found, R"(device "a?b")");
  EXPECT_EQ(result.expected, "UTF-8 without control characters");
}

TEST(Ingest, NothingUsableGivesNoRecordAndSaysWhatWasFound) {
  for (const char* body : {"", "{broken", "[]", "{}", "42", R"({"device_id":"a"})", R"({"device_id":"a","x":"high"})",
                           R"({"device_id":"","x":1})"}) {
    auto result = ingest(body);
    EXPECT_EQ(result.accepted, 0U) << body;
    EXPECT_TRUE(result.records.empty()) << body;
    EXPECT_FALSE(result.rejected.empty()) << body;
    EXPECT_FALSE(result.expected.empty()) << body;
  }
}

TEST(Ingest, TheEndsOfTimeMakeRecordsThatCanBeMergedOrNone) {
  for (const char* time : {"-9223372036.8", "-9223372030", "9223372036", "\"1677-09-21T00:12:43.2Z\"", "0", "-1"}) {
    auto result = ingest(std::string(R"({"device_id":"a","x":1,"ts":)") + time + "}");
    for (const log::Record& record : result.records) {
      EXPECT_EQ(Inspector(600).inspect(as_bytes(record.payload), kNow.wall_ns).fate, Fate::kMessage) << time;
    }
    EXPECT_EQ(result.records.empty(), !result.rejected.empty()) << time;
  }
}

TEST(Ingest, TheLongestNamesStillFitOneRecordAPart) {
  std::string body;
  // Both at their longest are 258 bytes of a series, in which a message holds a part whole.
  for (int i = 0; i < 300; ++i) {
    std::string device = std::to_string(i), metric = "m" + std::to_string(i);
    device.resize(kDeviceBytesMax, 'd');
    metric.resize(kMetricBytesMax, 'm');
    body += (i ? "," : "[") + std::string(R"({"device_id":")") + device + R"(",")" + metric +
            R"(":1.7976931348623157e308})";
  }
  IngestConfig config;
  auto result = ingest(body + "]", 1, "key", config);
  EXPECT_EQ(result.accepted, 300U);
  ASSERT_EQ(result.records.size(), 3U);
  EXPECT_EQ(result.records[0].idempotency_key, "key");
  EXPECT_EQ(result.records[1].idempotency_key,
            "key\x1f"
            "1");
  EXPECT_EQ(result.records[2].idempotency_key,
            "key\x1f"
            "2");
  EXPECT_EQ(RowReader(result.records).rows.size(), 300U);
}

TEST(Ingest, ARepeatedRequestIsCutAlikeWhateverTheClockSays) {
  std::string body;
  for (int i = 0; i < 500; ++i) {
    body += (i ? "," : "[") + std::string(R"({"device_id":"d)") + std::to_string(i % 37) + R"(","x":)" +
            std::to_string(i) + (i % 3 == 0 ? R"(,"ts":)" + std::to_string(kNowS + 590 + i % 40) : "") + "}";
  }
  body += "]";
  const IngestRequest request{"demo", body, "key"};
  auto identities = [&](int64_t later_s) {
    std::set<std::pair<std::string, std::string>> out;
    for (const auto& record : make_records({}, request, 4, {kNow.wall_ns + later_s * kNanosPerSecond, 1}).records) {
      EXPECT_TRUE(out.emplace(record.gateway, record.idempotency_key).second);
    }
    return out;
  };
  const auto first = identities(0);
  EXPECT_GT(first.size(), 8U);
  EXPECT_EQ(identities(7), first);
  EXPECT_EQ(identities(100), first);
}

TEST(Ingest, AllThatIsPostedIsInTheRecordsExactly) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::map<std::string, std::pair<uint64_t, double>> expected, found;
  std::string body = "[";
  for (int i = 0; i < 2000; ++i) {
    const std::string device = "d" + std::to_string(random() % 9);
    const int value = static_cast<int>(random() % 1000);
    body += (i ? "," : "") + std::string(R"({"device":")") + device + R"(","x":)" + std::to_string(value) +
            R"(,"ts":)" + std::to_string(kNowS - static_cast<int64_t>(random() % 5000)) + "}";
    ++expected[device].first;
    expected[device].second += value;
  }
  auto result = ingest(body + "]", 3);
  EXPECT_EQ(result.accepted, 2000U);
  for (const Row& row : RowReader(result.records).rows) {
    found[row.device].first += row.summary.numeric().count();
    found[row.device].second += row.summary.numeric().sum().value;
  }
  EXPECT_EQ(found, expected);
  for (const auto& record : result.records) EXPECT_TRUE(log::check_record(record).ok());
}

TEST(Ingest, KeysForRepeatingAreVisibleAsciiOfBoundedLength) {
  EXPECT_TRUE(is_idempotency_key("8e03978e-40d5-43dd-bc93-6894a57f9324"));
  EXPECT_TRUE(is_idempotency_key(std::string(200, 'k')));
  EXPECT_FALSE(is_idempotency_key(""));
  EXPECT_FALSE(is_idempotency_key(std::string(201, 'k')));
  EXPECT_FALSE(is_idempotency_key("a b"));
  EXPECT_FALSE(
      is_idempotency_key("a\x1f"
                         "1"));
}

}  // namespace
}  // namespace tributary::bridge
