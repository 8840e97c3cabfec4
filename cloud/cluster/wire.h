// SPDX-License-Identifier: Apache-2.0
// What aggregators say to each other: a question, and for each kind of question the body of its answer, as bounded
// bytes. Both sides expect hostile bytes: decode says false for anything that encode would not have written so far as
// it matters, and a summary that comes out is canonical. Numbers are varints (zigzag where signed), texts have their
// length before them, lists their count. The form is of one version: aggregators of a cluster are upgraded together,
// and one of another version counts as not answering.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cloud/query/local.h"
#include "cloud/query/system.h"
#include "common/base/bytes.h"
#include "common/runtime/result.h"

namespace tributary::cluster {

using query::ServiceInfo;
using query::SystemMember;
using query::SystemPart;
using query::TellSystem;
using query::TrafficMinute;

inline constexpr size_t kQuestionBytesMax = 4 << 20;
inline constexpr size_t kAnswerBytesMax = 64 << 20;
inline constexpr uint64_t kRowsMax = 1'000'000;  // of one answer, keys without summaries included
inline constexpr uint32_t kPartitionsMax = 1'024;
inline constexpr const char* kPath = "/internal/v1/query";
inline constexpr const char* kSecretHeader = "tributary-cluster-secret";  // lower case

enum class Op : uint8_t {
  kHead = 1,  // how far the partitions are; waits up to wait_ms for a place other than place
  kMetrics,
  kDevices,
  kGateways,
  kKnown,
  kSummary,
  kSeries,
  kNewest,
  kNewestSum,
  kCompleteness,
  kChanges,
  kRows,
  kLast,
  kSystem,  // added to form 2: who does not know it answers kInvalid
};
inline constexpr uint8_t kOps = 14;

struct Question {
  // The cluster as the asker knows it: who knows another one refuses.
  uint32_t replicas = 1, partitions = 1;
  uint32_t ordinal = 0;  // who is asked
  Op op = Op::kHead;
  uint32_t wait_ms = 0;
  query::Selection selection;  // its tenant stands for every op
  query::Range range;          // of kLast: to_ns is the instant, or nothing
  int64_t now_ns = 0;
  WidthS width_s = 0;  // step or window
  std::string by;      // of kLast: the id after which series are told; of kDevices, kGateways: the name
  uint64_t max = 0;    // rows, changes, series, or names (of kDevices, kGateways; 0: all)
  query::NewestChoice choice;
  query::Place place;  // of the asked one's partitions
  std::vector<query::RowKey> keys;
};
std::string encode(const Question& question);
bool decode(Bytes bytes, Question& question);

struct HeadBody {
  uint64_t log_id = 0;  // 0: not tied to a log yet
  query::Place place;
};
struct MetricsBody {
  std::vector<query::MetricInfo> metrics;
};
struct DevicesBody {
  std::vector<query::DeviceInfo> devices;
};
struct GatewaysBody {
  std::vector<query::GatewayInfo> gateways;
};
struct KnownBody {
  bool known = false;
};
struct SummaryBody {
  WidthS unfit_s = 0;  // newest: the stored width that does not divide the window
  std::string summary;
};
struct SeriesRow {
  std::string group;
  query::Row row;
  std::string summary;  // empty: a key only
};
struct SeriesBody {
  query::SeriesFacts facts;
  std::vector<SeriesRow> rows;
};
struct NewestBody {
  query::NewestPart part;
};
struct CompletenessBody {
  query::CompletenessPart part;
};
struct ChangesBody {
  query::Place upto;
  std::vector<query::Change> changes;
};
struct RowsBody {
  std::vector<std::pair<uint64_t, std::string>> rows;  // number of the key, ascending, and summary
};
struct LastBody {
  std::vector<query::LastReading> readings;
};
struct SystemBody {
  SystemPart part;
};

// An answer: who speaks, and a body or an error.
struct AnswerHead {
  uint32_t replicas = 1, partitions = 1, ordinal = 0;
};
std::string encode_error(const AnswerHead& head, const Error& error);
template <class Body>
std::string encode_answer(const AnswerHead& head, const Body& body);
// False: not an answer with such a body. An error that was answered is in error, the body is then empty.
template <class Body>
bool decode_answer(Bytes bytes, AnswerHead& head, std::optional<Error>& error, Body& body);

// The one encoded form of a summary.
std::string encoded_summary(const stats::Summary& summary);

}  // namespace tributary::cluster
