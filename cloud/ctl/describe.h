// SPDX-License-Identifier: Apache-2.0
// Stored things as lines of text, for people: times, numbers, summaries, uplink messages. What cannot be read is said,
// never left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/time.h"
#include "common/stats/summary.h"

namespace tributary::ctl {

std::string time_text(int64_t time_ns);  // RFC 3339; "-" for the times that stand for none
std::string seconds_text(int64_t time_s);
std::string number_text(double number);  // the shortest text that reads back the same
std::string hex_text(uint64_t number);   // 16 digits
std::string width_text(WidthS width_s);  // "10 s", "all time"
// "device/metric{key=value}", the device of a fleet row as "*"; an id that is none in hexadecimal.
std::string series_text(std::string_view id);
// Text that does not disturb a terminal: control characters as \xNN.
std::string safe_text(std::string_view text);

// "count 10, min 1, max 3, mean 2", or why the bytes are no summary; with hex, the bytes behind it, for summary show.
std::string summary_line(Bytes bytes, bool hex);
// Why the bytes are no encoded summary; empty if they are one.
std::string summary_fault(Bytes bytes);

// The header and every item of an uplink message, one line each, indented; in the end, what could not be read.
std::string message_text(std::string_view message, bool has_seqs, bool hex);

}  // namespace tributary::ctl
