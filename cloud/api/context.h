// SPDX-License-Identifier: Apache-2.0
// RequestContext: who asks what, and with what it is answered; and the answers that every endpoint gives alike.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cloud/api/config.h"
#include "cloud/http/json_writer.h"
#include "cloud/http/server.h"
#include "cloud/query/query.h"

namespace tributary::api {

class Streams;
struct RequestContext;

// Unit and kind of metrics. They seldom change, and finding them reads the whole catalogue of a tenant: what is told
// may be seconds old. Thread-safe.
class MetricFacts {
 public:
  struct Facts {
    std::string unit;
    MetricKind kind = MetricKind::kGauge;
    int64_t read_ns = 0;
  };
  Facts of(const RequestContext& context, const std::string& metric);

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Facts> facts_;  // by tenant and metric
};

// What the endpoints of one Api share; it outlives every request.
struct Services {
  const ApiConfig& config;
  const ApiDependencies& given;
  MetricFacts& metrics;
  Streams& streams;
  const http::HttpServer& server;

  int64_t now_s() const { return to_seconds_floor(given.now_ns()); }
};

struct RequestContext {
  const http::Request& request;
  const std::string& tenant;  // empty where anybody may ask
  const query::Query& query;  // for the questions of this one answer
  int64_t now_ns = 0;
  const Services& services;
  const query::Trace* trace = nullptr;  // what the questions so far cost; null: nobody asks
};

// The object that was written, to be kept by whoever asked until it changes.
http::Response json_answer(JsonWriter& json);
http::Response unknown_metric();
// The answer where the selection names a metric or a device that does not exist; nothing: all do.
std::optional<http::Response> refuse_unknown(const RequestContext& context, const query::Selection& selection);
// What an Error of a Query is to a client.
http::Response failure(const Error& error);
// Adds what the questions so far cost to the object that is open, if somebody asks.
void add_trace(const RequestContext& context, JsonWriter& json);
// Adds completeness, and the trace that is asked for, to the object that is open. range: what was answered; asked: what
// the client asked for, if that is another range.
Status add_completeness(const RequestContext& context, JsonWriter& json, const query::Selection& selection,
                        const query::Range& range, const std::optional<query::Range>& asked = std::nullopt);
// Of other aggregators some did not answer: named in a header too, because CSV has no place for it. Nobody can say that
// a thing does not exist before all were asked, so a 404 becomes 503, as does a good answer where partial=deny is
// asked.
void name_missing(const http::Request& request, const std::vector<uint32_t>& missing, size_t expected,
                  http::Response& response);

}  // namespace tributary::api
