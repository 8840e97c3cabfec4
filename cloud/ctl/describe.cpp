// SPDX-License-Identifier: Apache-2.0
// Stored things as text, see describe.h.
#include "cloud/ctl/describe.h"

#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <limits>
#include <memory>
#include <vector>

#include "common/reading/payload.h"
#include "common/series/series.h"
#include "common/stats/kinds.h"
#include "common/wire/message.h"

namespace tributary::ctl {
namespace {

std::string answer_text(const stats::Answer& answer) {
  switch (answer.kind) {
    case stats::Answer::Kind::kValue:
      return number_text(answer.value);
    case stats::Answer::Kind::kOverflow:
      return "overflow";
    case stats::Answer::Kind::kNone:
      break;
  }
  return "-";
}

std::string bytes_text(Bytes bytes) {
  std::string text;
  for (const uint8_t byte : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", byte);
    text += two;
  }
  return text;
}

const char* cause_text(wire::GapCause cause) {
  switch (cause) {
    case wire::GapCause::kCrash:
      return "crash";
    case wire::GapCause::kStopped:
      return "stopped";
    case wire::GapCause::kOutboxReplaced:
      return "outbox_replaced";
  }
  return "unknown cause";
}

std::string window_text(int64_t start_s, WidthS width_s) {
  return width_s == kAllTime ? width_text(width_s) : seconds_text(start_s) + " + " + width_text(width_s);
}

// Writes a line for each item; a series is told with its partials.
class ItemLines final : public wire::BodyVisitor {
 public:
  ItemLines(bool has_seqs, bool hex) : has_seqs_(has_seqs), hex_(hex) {}
  std::string text;

  wire::DecodeError on_series(uint32_t, const wire::SeriesView& series) override {
    std::string name = (series.overflow ? "(overflow)" : safe_text(series.device)) + "/" + safe_text(series.metric);
    for (size_t i = 0; i < series.label_count; ++i) {
      name += (i == 0 ? "{" : ",") + safe_text(series.labels[i].key) + "=" + safe_text(series.labels[i].value);
    }
    if (series.label_count > 0) name += "}";
    const auto kind = kind_from(series.kind);
    series_.push_back(name + " " + (kind ? std::string(to_string(*kind)) : "kind " + std::to_string(series.kind)));
    return wire::DecodeError::kNone;
  }
  wire::DecodeError on_partial(uint64_t seq, const wire::Partial& partial) override {
    const std::string series = partial.series < series_.size()
                                   ? series_[partial.series]
                                   : "series " + std::to_string(partial.series) + ", which is not in the table";
    std::string how = !has_seqs_ ? "" : partial.inherited ? ", inherited" : ", born";
    if (partial.time_estimated) how += ", time estimated";
    return line(seq, "partial " + series + "  " + window_text(partial.start_s, partial.width_s) + how + "  " +
                         summary_line(partial.summary, hex_));
  }
  wire::DecodeError on_opening(uint64_t seq, const wire::Opening& opening) override {
    const std::string machine = bytes_text(opening.machine_id);
    const std::string before = opening.predecessor_epoch == 0
                                   ? "no predecessor"
                                   : "after epoch " + hex_text(opening.predecessor_epoch) + " seq " +
                                         std::to_string(opening.predecessor_last_seq);
    return line(seq,
                "opening " + before + ", machine " + machine + ", last durable " + time_text(opening.last_durable_ns));
  }
  wire::DecodeError on_gap(uint64_t seq, const wire::Gap& gap) override {
    return line(seq, "gap " + time_text(gap.from_ns) + " to " + time_text(gap.to_ns) + ", " + cause_text(gap.cause));
  }
  wire::DecodeError on_lost(uint64_t seq, const wire::LostAtGateway& lost) override {
    return line(seq, "lost at the gateway " + window_text(lost.start_s, lost.width_s));
  }

 private:
  wire::DecodeError line(uint64_t seq, const std::string& what) {
    text += "    " + (has_seqs_ ? "seq " + std::to_string(seq) + " " : "") + what + "\n";
    return wire::DecodeError::kNone;
  }
  const bool has_seqs_, hex_;
  std::vector<std::string> series_;
};

// The part that is not canonical, and where it begins.
template <class Part>
bool find_fault(uint8_t form, size_t size, ByteReader& reader, std::string& fault) {
  if ((form & Part::kBit) == 0) return true;
  const size_t at = size - reader.remaining();
  auto view = std::make_unique<typename Part::View>();
  if (Part::parse(reader, *view) && !view->empty()) return true;
  fault = "its " + std::string(Part::kName) + " part, from byte " + std::to_string(at) + " on, is " +
          (reader.ok() ? "empty or not in the one canonical form" : "cut short");
  return false;
}

}  // namespace

std::string time_text(int64_t time_ns) {
  if (time_ns == 0 || time_ns == std::numeric_limits<int64_t>::min()) return "-";
  return reading::format_timestamp(time_ns);
}

std::string seconds_text(int64_t time_s) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / kNanosPerSecond;
  if (time_s < -kMost || time_s > kMost)
    return time_s == std::numeric_limits<int64_t>::min() ? "-" : std::to_string(time_s) + " s";
  return reading::format_timestamp(time_s * kNanosPerSecond);
}

std::string number_text(double number) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
  return {buffer, end};
}

std::string hex_text(uint64_t number) {
  char buffer[17];
  std::snprintf(buffer, sizeof buffer, "%016" PRIx64, number);
  return buffer;
}

std::string width_text(WidthS width_s) { return width_s == kAllTime ? "all time" : std::to_string(width_s) + " s"; }

std::string safe_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out.push_back(c);
      continue;
    }
    char escape[5];
    std::snprintf(escape, sizeof escape, "\\x%02x", byte);
    out += escape;
  }
  return out;
}

std::string series_text(std::string_view id) {
  const auto series = series_from_id(id);
  if (!series) return "id " + safe_text(id);
  std::string text = (series->overflow         ? "(overflow)"
                      : series->device.empty() ? "*"
                                               : safe_text(series->device)) +
                     "/" + safe_text(series->metric);
  for (const Label& label : series->labels) {
    text += (&label == &series->labels.front() ? "{" : ",") + safe_text(label.key) + "=" + safe_text(label.value);
  }
  return series->labels.empty() ? text : text + "}";
}

std::string summary_line(Bytes bytes, bool hex) {
  const auto summary = std::make_unique<stats::Summary>();
  const std::string behind = hex ? "  " + bytes_text(bytes) : "";
  if (!summary->decode(bytes)) return "not a summary: " + summary_fault(bytes) + behind;
  const auto& numeric = summary->numeric();
  if (numeric.count() == 0) return "count 0" + behind;
  return "count " + std::to_string(numeric.count()) + ", min " + number_text(numeric.min()) + ", max " +
         number_text(numeric.max()) + ", mean " + answer_text(numeric.mean()) + behind;
}

std::string summary_fault(Bytes bytes) {
  stats::Summary::Facts facts;
  if (stats::Summary::inspect(bytes, facts)) return "";
  if (bytes.empty()) return "found no bytes, expected at least the form's";
  const std::string found = "found " + std::to_string(bytes.size()) + (bytes.size() == 1 ? " byte" : " bytes");
  const uint8_t form = bytes[0];
  char first[8];
  std::snprintf(first, sizeof first, "0x%02x", form);
  if (form == 0x00) return found + " of the form 0x00 (no reading), expected 1";
  if (form == 0x01 && bytes.size() != 17) return found + " of the form 0x01 (one reading), expected 17";
  if (form == 0x01) return "its one reading is not a finite number, or is -0";
  uint8_t known = 0x80;
  std::string fault;
  const stats::Summary none;
  none.each_part([&](const auto& part) { known |= part.kBit; });
  if (form == 0x80 || (form & 0x80) == 0 || (form & ~known) != 0) {
    return "found " + std::string(first) +
           " as the form, expected 0x00 (no reading), 0x01 (one reading) or 0x80 with the bits of its parts";
  }
  ByteReader reader(bytes.subspan(1));
  bool sound = true;
  none.each_part([&](const auto& part) {
    using Part = std::remove_cvref_t<decltype(part)>;
    sound = sound && find_fault<Part>(form, bytes.size(), reader, fault);
  });
  if (!sound) return fault;
  if (!reader.done()) return "found " + std::to_string(reader.remaining()) + " bytes behind its last part";
  return "one reading in the form of parts, expected the form 0x01";
}

std::string message_text(std::string_view message, bool has_seqs, bool hex) {
  wire::Header header;
  const Bytes bytes = as_bytes(message);
  wire::DecodeError error = wire::parse_header(bytes, header);
  std::string text;
  if (header.epoch != 0 && has_seqs) {
    text += "    epoch " + hex_text(header.epoch) + ", " +
            (header.count == 0 ? "next seq " + std::to_string(header.first_seq)
                               : "seqs " + std::to_string(header.first_seq) + " to " +
                                     std::to_string(header.first_seq + header.count - 1)) +
            ", frontier " + time_text(header.frontier_ns) + ", mark " + time_text(header.mark_ns) + "\n";
  }
  ItemLines lines(has_seqs, hex);
  if (error == wire::DecodeError::kNone) error = wire::read_body(bytes, header, lines);
  text += lines.text;
  if (error != wire::DecodeError::kNone)
    text += "    cannot be read (on): " + std::string(wire::to_string(error)) + "\n";
  return text;
}

}  // namespace tributary::ctl
