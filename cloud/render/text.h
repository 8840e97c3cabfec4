// SPDX-License-Identifier: Apache-2.0
// Texts as in every answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tributary::api {

// A time as in every answer.
std::string time_text(int64_t time_ns);
// The same from whole seconds; saturates where nanoseconds do not reach.
std::string time_text_s(int64_t time_s);

// A field of CSV, in quotation marks where RFC 4180 wants them; an apostrophe before what a spreadsheet would take for
// a formula.
void append_csv_text(std::string& out, std::string_view text);

}  // namespace tributary::api
