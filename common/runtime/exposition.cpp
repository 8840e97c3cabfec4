// SPDX-License-Identifier: Apache-2.0
// Exposition, see exposition.h.
#include "common/runtime/exposition.h"

#include <charconv>
#include <cmath>

namespace tributary::runtime {
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
    char text[32];  // the shortest that reads back the same
    out_.append(text, std::to_chars(text, text + sizeof text, value).ptr);
  } else {
    out_ += std::isnan(value) ? "NaN" : (value > 0 ? "+Inf" : "-Inf");
  }
  out_ += '\n';
  return *this;
}

}  // namespace tributary::runtime
