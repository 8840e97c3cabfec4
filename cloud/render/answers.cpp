// SPDX-License-Identifier: Apache-2.0
// The JSON of answers, see answers.h.
#include "cloud/render/answers.h"

#include <simdjson.h>

#include "cloud/query/question/catalog.h"
#include "cloud/query/question/completeness.h"
#include "cloud/query/question/gateways.h"
#include "cloud/render/stats.h"
#include "common/base/hex.h"

namespace tributary::api {
namespace {

constexpr size_t kStatusBytesMax = 64 * 1024;

// A time that may be unknown.
void write_time(JsonWriter& json, std::string_view name, int64_t time_ns) {
  json.key(name);
  if (time_ns == 0) {
    json.null();
  } else {
    json.value(time_text(time_ns));
  }
}

void write_gaps(JsonWriter& json, const std::vector<query::GapNote>& gaps) {
  if (gaps.empty()) return;
  json.key("gaps").begin_array();
  for (const auto& gap : gaps) {
    json.begin_object().field("gateway", gap.gateway);
    write_time(json, "from", gap.from_ns);
    write_time(json, "to", gap.to_ns);
    json.field("cause", gap.cause).end_object();
  }
  json.end_array();
}

void write_texts(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
  json.key(name).begin_array();
  for (const auto& text : texts) json.value(text);
  json.end_array();
}

void write_possible(JsonWriter& json, const query::Possible& possible) {
  if (possible.count == 0) return;
  json.key("possible").begin_object().field("count", possible.count);
  write_texts(json, "gateways", possible.gateways);
  json.end_object();
}

void write_straddling(JsonWriter& json, const std::vector<query::Straddling>& straddling) {
  if (straddling.empty()) return;
  json.key("straddling").begin_array();
  for (const auto& one : straddling) {
    json.begin_object().field("start", time_text_s(one.row.start_s)).field("width", one.row.width_s);
    json.field("count", one.count).end_object();
  }
  json.end_array();
}

// A bound that was not asked for is null.
void write_answered(JsonWriter& json, const std::optional<query::Range>& answered) {
  if (!answered) return;
  json.key("answered").begin_object();
  write_time(json, "from", answered->from_ns.value_or(0));
  write_time(json, "to", answered->to_ns.value_or(0));
  json.end_object();
}

void write_lost(JsonWriter& json, const std::vector<query::LostNote>& lost) {
  if (lost.empty()) return;
  json.key("lost").begin_array();
  for (const auto& note : lost) {
    std::string seqs = std::to_string(note.first_seq);
    if (note.last_seq != note.first_seq) seqs += "-" + std::to_string(note.last_seq);
    json.begin_object()
        .field("gateway", note.gateway)
        .field("seqs", seqs)
        .field("epoch", hex16(note.epoch))
        .field("cause", note.cause)
        .end_object();
  }
  json.end_array();
}

void write_counts(JsonWriter& json, std::string_view name, const std::map<std::string, uint64_t>& counts) {
  if (counts.empty()) return;
  json.key(name).begin_object();
  for (const auto& [reason, count] : counts) json.field(reason, count);
  json.end_object();
}

}  // namespace

void write_completeness(JsonWriter& json, const query::Completeness& completeness) {
  json.begin_object().field("complete", completeness.complete);
  write_time(json, "as_of", completeness.as_of_ns);
  json.key("share");
  if (completeness.share) {
    json.value(*completeness.share);
  } else {
    json.null();
  }
  write_time(json, "to", completeness.to_ns);
  json.field("expected", completeness.expected);
  write_possible(json, completeness.possible);
  write_straddling(json, completeness.straddling);
  write_answered(json, completeness.answered);
  if (!completeness.behind.empty()) {
    json.key("behind").begin_array();
    for (const auto& behind : completeness.behind) {
      json.begin_object().field("gateway", behind.gateway);
      write_time(json, "frontier", behind.frontier_ns);
      write_time(json, "mark", behind.mark_ns);
      write_time(json, "last_seen", behind.last_seen_ns);
      json.field("state", behind.state).end_object();
    }
    json.end_array();
  }
  write_gaps(json, completeness.gaps);
  if (!completeness.estimated.empty()) {
    json.key("estimated").begin_array();
    for (const auto& estimated : completeness.estimated) {
      json.begin_object().field("gateway", estimated.gateway);
      write_time(json, "from", estimated.from_ns);
      write_time(json, "to", estimated.to_ns);
      json.end_object();
    }
    json.end_array();
  }
  write_lost(json, completeness.lost);
  write_counts(json, "rejected", completeness.rejected);
  if (completeness.parked > 0) json.field("parked", completeness.parked);
  if (!completeness.overflow.empty()) write_texts(json, "overflow", completeness.overflow);
  if (!completeness.log_gaps.empty()) {
    json.key("log_gaps").begin_array();
    for (const auto& gap : completeness.log_gaps) {
      json.begin_object().field("partition", gap.partition).field("from", gap.from_offset).field("to", gap.to_offset);
      json.field("cause", gap.cause).end_object();
    }
    json.end_array();
  }
  json.key("partitions");
  write_partitions(json, completeness.partitions_expected, completeness.partitions_missing);
  json.end_object();
}

void write_partitions(JsonWriter& json, uint32_t expected, const std::vector<uint32_t>& missing) {
  json.begin_object().field("expected", expected);
  json.field("answered", expected - static_cast<uint32_t>(missing.size()));
  if (!missing.empty()) {
    json.key("missing").begin_array();
    for (const uint32_t partition : missing) json.value(uint64_t{partition});
    json.end_array();
  }
  json.end_object();
}

void write_trace(JsonWriter& json, const query::Trace& trace) {
  query::Trace::Read all;
  json.begin_object().key("partitions").begin_array();
  for (const auto& [partition, read] : trace.partitions) {
    json.begin_object().field("partition", partition).field("rows", read.rows).field("bytes", read.bytes).end_object();
    all.rows += read.rows;
    all.bytes += read.bytes;
  }
  json.end_array().field("rows", all.rows).field("bytes", all.bytes).key("milliseconds").begin_object();
  const auto stage = [&](const char* name, int64_t time_ns) { json.field(name, static_cast<double>(time_ns) / 1e6); };
  stage("select", trace.select_ns);
  stage("read", trace.read_ns);
  stage("merge", trace.merge_ns);
  stage("conclude", trace.conclude_ns);
  json.end_object().end_object();
}

std::string partitions_text(const std::vector<uint32_t>& numbers) {
  std::string text;
  for (const uint32_t number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

void write_metric(JsonWriter& json, const query::MetricInfo& metric) {
  json.begin_object().field("name", metric.name).field("unit", metric.unit);
  json.field("kind", std::string(to_string(metric.kind)));
  write_time(json, "last_seen", metric.last_seen_ns);
  json.field("series", metric.series).end_object();
}

void write_labels(JsonWriter& json, const std::vector<Label>& labels) {
  json.begin_object();
  for (const auto& label : labels) json.field(label.key, label.value);
  json.end_object();
}

void write_device(JsonWriter& json, const query::DeviceInfo& device) {
  json.begin_object().field("device", device.device).key("labels");
  write_labels(json, device.labels);
  write_texts(json, "gateways", device.gateways);
  write_texts(json, "metrics", device.metrics);
  write_time(json, "last_seen", device.last_seen_ns);
  json.end_object();
}

void write_gateway(JsonWriter& json, const query::GatewayInfo& gateway) {
  json.begin_object().field("gateway", gateway.gateway).field("state", gateway.state).field("version", gateway.version);
  write_time(json, "frontier", gateway.frontier_ns);
  write_time(json, "mark", gateway.mark_ns);
  write_time(json, "last_seen", gateway.last_seen_ns);
  write_time(json, "first_seen", gateway.first_seen_ns);
  json.field("devices", gateway.devices).key("status");
  // The gateway's own words go out as they came, once they are known to be one JSON object.
  const std::string& status = gateway.status_json;
  thread_local simdjson::dom::parser parser;
  if (status.size() <= kStatusBytesMax && status.starts_with('{') &&
      parser.parse(status).error() == simdjson::SUCCESS) {
    json.raw(status);
  } else {
    json.null();
  }
  write_gaps(json, gateway.gaps);
  write_lost(json, gateway.lost);
  if (gateway.parked > 0) json.field("parked", gateway.parked);
  write_counts(json, "rejected", gateway.rejected);
  if (!gateway.alarms.empty()) write_texts(json, "alarms", gateway.alarms);
  json.end_object();
}

}  // namespace tributary::api
