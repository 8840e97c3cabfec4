// SPDX-License-Identifier: Apache-2.0
// Exposition, see exposition.h.
#include "cloud/api/exposition.h"

#include <cmath>

#include "cloud/api/json_writer.h"

namespace tributary::api {
namespace {

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

}  // namespace

Exposition& Exposition::family(std::string_view name, std::string_view help, std::string_view type) {
  name_ = name;
  out_.append("# HELP ").append(name).append(" ");
  append_escaped(out_, help, false);
  out_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
  return *this;
}

void Exposition::begin_sample(Labels labels) {
  out_ += name_;
  if (labels.size() != 0) {
    char separator = '{';
    for (const auto& [key, value] : labels) {
      out_ += separator;
      out_.append(key).append("=\"");
      append_escaped(out_, value, true);
      out_ += '"';
      separator = ',';
    }
    out_ += '}';
  }
  out_ += ' ';
}

Exposition& Exposition::sample(uint64_t value, Labels labels) {
  begin_sample(labels);
  out_.append(std::to_string(value)).append("\n");
  return *this;
}

Exposition& Exposition::sample(double value, Labels labels) {
  begin_sample(labels);
  if (std::isfinite(value)) {
    append_double(out_, value);
  } else {
    out_ += std::isnan(value) ? "NaN" : (value > 0 ? "+Inf" : "-Inf");
  }
  out_ += '\n';
  return *this;
}

void http_families(Exposition& text, const http::HttpStats& stats) {
  text.counter("tributary_http_connections_total", "Connections taken.").sample(stats.connections_total);
  text.gauge("tributary_http_connections", "Connections that are open.").sample(stats.connections);
  text.gauge("tributary_http_streams", "Live streams.").sample(stats.streams);
  text.gauge("tributary_http_waiting_requests", "Whole requests that wait for a thread.")
      .sample(stats.waiting_requests);
  text.counter("tributary_http_responses_total", "Answers by status.");
  for (const auto& [status, count] : stats.responses_total) text.sample(count, {{"status", std::to_string(status)}});
  text.counter("tributary_http_refused_total",
               "Requests and connections refused before a handler saw them, by reason.");
  for (const auto& [reason, count] : stats.refused_total) text.sample(count, {{"reason", reason}});
}

}  // namespace tributary::api
