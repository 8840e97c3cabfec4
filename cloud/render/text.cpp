// SPDX-License-Identifier: Apache-2.0
// Texts, see text.h.
#include "cloud/render/text.h"

#include <algorithm>
#include <limits>

#include "common/base/time.h"
#include "common/reading/payload.h"

namespace tributary::api {

std::string time_text(int64_t time_ns) { return reading::format_timestamp(time_ns); }

std::string time_text_s(int64_t time_s) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max() / kNanosPerSecond;
  return time_text(std::clamp(time_s, -kMax, kMax) * kNanosPerSecond);
}

void append_csv_text(std::string& out, std::string_view text) {
  // A spreadsheet takes a text that begins so for a formula, and runs it: an apostrophe makes it a text.
  const bool is_formula = !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  const std::string tamed = is_formula ? "'" + std::string(text) : "";
  if (is_formula) text = tamed;
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace tributary::api
