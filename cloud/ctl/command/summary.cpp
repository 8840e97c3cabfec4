// SPDX-License-Identifier: Apache-2.0
// tributaryctl summary, see summary.h.
#include "cloud/ctl/command/summary.h"

#include <cinttypes>
#include <cstdio>
#include <memory>

#include "cloud/ctl/describe.h"
#include "common/stats/summary.h"

namespace tributary::ctl {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  return c == '/' || c == '_' ? 63 : -1;
}

// Nothing: neither.
std::optional<std::string> from_hex(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

std::optional<std::string> from_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  uint32_t gathered = 0;
  int bits = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) return std::nullopt;
    gathered = gathered << 6 | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<char>(gathered >> bits));
    gathered &= (1U << bits) - 1;
  }
  if (bits >= 6 || gathered != 0) return std::nullopt;
  return bytes;
}

void print(const char* name, const stats::Answer& answer) {
  const bool there = answer.kind == stats::Answer::Kind::kValue;
  const bool beyond = answer.kind == stats::Answer::Kind::kOverflow;
  std::printf("%-13s %s\n", name, there ? number_text(answer.value).c_str() : beyond ? "overflow" : "-");
}

// A part that has nothing to say for itself here is named.
template <class Part>
void show_part(const Part& part, const stats::Summary&) {
  std::printf("%-13s %s\n", std::string(Part::kName).c_str(), part.empty() ? "no reading" : "there");
}

void show_part(const stats::Numeric<double>& numeric, const stats::Summary&) {
  std::printf("%-13s %" PRIu64 "\n", "count", numeric.count());
  if (numeric.count() == 0) return;
  print("sum", numeric.sum());
  print("mean", numeric.mean());
  print("variance", numeric.variance());
  print("stddev", numeric.stddev());
  std::printf("%-13s %s\n%-13s %s\n", "min", number_text(numeric.min()).c_str(), "max",
              number_text(numeric.max()).c_str());
  // The epoch itself is a time like any other here.
  const auto moment = [](const char* name, const stats::TimedValue& at) {
    const std::string time = at.time_ns == 0 ? "1970-01-01T00:00:00Z" : time_text(at.time_ns);
    std::printf("%-13s %s at %s\n", name, number_text(at.value).c_str(), time.c_str());
  };
  moment("first", numeric.first());
  moment("last", numeric.last());
}

void show_part(const stats::Distribution& distribution, const stats::Summary& whole) {
  const auto& numeric = whole.numeric();
  if (distribution.count() > 0 && numeric.count() > 0) {
    for (const uint64_t percent : {1, 5, 25, 50, 75, 95, 99}) {
      const stats::Quantile q = distribution.quantile(percent, 100, numeric.min(), numeric.max());
      std::printf("p%02" PRIu64 "%10s %s (%s to %s)\n", percent, "", number_text(q.value).c_str(),
                  number_text(q.low).c_str(), number_text(q.high).c_str());
    }
  }
  std::printf("%-13s scale %d, %" PRIu64 " readings, %" PRIu64 " of them zero, %d buckets\n", "distribution",
              distribution.scale(), distribution.count(), distribution.zero_count(), distribution.bucket_count());
  for (int i = 0; i < distribution.bucket_count(); ++i) {
    const stats::Bucket bucket = distribution.bucket(i);
    const double lower = stats::bucket_lower(distribution.scale(), bucket.index);
    const double upper = stats::bucket_upper(distribution.scale(), bucket.index);
    const std::string bounds = bucket.negative ? "[-" + number_text(upper) + ", -" + number_text(lower) + ")"
                                               : "(" + number_text(lower) + ", " + number_text(upper) + "]";
    std::printf("  bucket %-8d %-48s %" PRIu64 "\n", bucket.index, bounds.c_str(), bucket.count);
  }
}

int summary_show(const Arguments& arguments) {
  const std::string text = arguments.text("summary");
  const auto summary = std::make_unique<stats::Summary>();
  // A text may be both; then what decodes is meant.
  const auto hex = from_hex(text), base64 = from_base64(text);
  const bool is_hex = hex && (!base64 || summary->decode(as_bytes(*hex)) || !summary->decode(as_bytes(*base64)));
  const auto& bytes = is_hex ? hex : base64;
  if (!bytes) {
    return fail("found " + std::to_string(text.size()) +
                " characters that are neither hexadecimal (an even number of digits) nor base64, expected the bytes of "
                "an encoded summary");
  }
  if (!summary->decode(as_bytes(*bytes))) return fail("not a summary: " + summary_fault(as_bytes(*bytes)));
  std::printf("%-13s %zu\n", "bytes", bytes->size());
  summary->each_part([&](const auto& part) { show_part(part, *summary); });
  return 0;
}

constexpr Option kSummaryShowOptions[] = {
    {"summary", "Its bytes in hexadecimal or base64", Option::Takes::kText, true},
};

}  // namespace

constexpr Command kSummaryShow = {"summary", "show", "All statistics of one encoded summary, or why the bytes are none",
                                  kSummaryShowOptions, summary_show};

}  // namespace tributary::ctl
