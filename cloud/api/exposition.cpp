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

// Name and labels, and the blank behind them.
template <class List>
void append_name(std::string& out, std::string_view name, const List& labels) {
  out += name;
  char separator = '{';
  for (const auto& [key, value] : labels) {
    out += separator;
    out.append(key).append("=\"");
    append_escaped(out, value, true);
    out += '"';
    separator = ',';
  }
  out += separator == ',' ? "} " : " ";
}

void append_number(std::string& out, double value) {
  if (std::isfinite(value)) {
    append_double(out, value);
  } else {
    out += std::isnan(value) ? "NaN" : (value > 0 ? "+Inf" : "-Inf");
  }
}

}  // namespace

void append_family(std::string& out, std::string_view name, std::string_view help, std::string_view type) {
  out.append("# HELP ").append(name).append(" ");
  append_escaped(out, help, false);
  out.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void append_sample(std::string& out, std::string_view name, const LabelList& labels, double value) {
  append_name(out, name, labels);
  append_number(out, value);
  out += '\n';
}

void append_sample(std::string& out, std::string_view name, const LabelList& labels, uint64_t value) {
  append_name(out, name, labels);
  out.append(std::to_string(value)).append("\n");
}

std::string number_text(double value) {
  std::string text;
  append_number(text, value);
  return text;
}

Exposition& Exposition::family(std::string_view name, std::string_view help, std::string_view type) {
  name_ = name;
  append_family(out_, name, help, type);
  return *this;
}

Exposition& Exposition::sample(uint64_t value, Labels labels) {
  append_name(out_, name_, labels);
  out_.append(std::to_string(value)).append("\n");
  return *this;
}

Exposition& Exposition::sample(double value, Labels labels) {
  append_name(out_, name_, labels);
  append_number(out_, value);
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
