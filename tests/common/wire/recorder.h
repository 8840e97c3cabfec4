// SPDX-License-Identifier: Apache-2.0
// A visitor that writes down what a body holds, as text that compares and prints well, and random content for messages.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "common/wire/message.h"

namespace tributary::wire {

inline std::string describe(const SeriesView& series) {
  std::string text = "series " + std::string(series.device) + "/" + std::string(series.metric);
  for (size_t i = 0; i < series.label_count; ++i) {
    text += " " + std::string(series.labels[i].key) + "=" + std::string(series.labels[i].value);
  }
  return text + " kind " + std::to_string(series.kind) + (series.overflow ? " overflow" : "");
}

inline std::string describe(const Partial& partial) {
  return "partial " + std::to_string(partial.series) + " [" + std::to_string(partial.start_s) + " +" +
         std::to_string(partial.width_s) + "]" + (partial.inherited ? " inherited" : "") +
         (partial.time_estimated ? " estimated" : "") + " " + std::string(as_text(partial.summary));
}

inline std::string describe(const Opening& opening) {
  std::string text = "opening " + std::to_string(opening.predecessor_epoch) + "/" +
                     std::to_string(opening.predecessor_last_seq) + " " + std::to_string(opening.last_durable_ns) + " ";
  for (uint8_t byte : opening.machine_id) text += std::to_string(byte) + ".";
  return text;
}

inline std::string describe(const Gap& gap) {
  return "gap " + std::to_string(gap.from_ns) + " " + std::to_string(gap.to_ns) + " cause " +
         std::to_string(static_cast<int>(gap.cause));
}

inline std::string describe(const LostAtGateway& lost) {
  return "lost " + std::to_string(lost.start_s) + " +" + std::to_string(lost.width_s);
}

class Recorder final : public BodyVisitor {
 public:
  std::vector<std::string> seen;

  DecodeError on_series(uint32_t index, const SeriesView& series) override {
    seen.push_back("#" + std::to_string(index) + " " + describe(series));
    return DecodeError::kNone;
  }
  DecodeError on_partial(uint64_t seq, const Partial& partial) override { return note(seq, describe(partial)); }
  DecodeError on_opening(uint64_t seq, const Opening& opening) override { return note(seq, describe(opening)); }
  DecodeError on_gap(uint64_t seq, const Gap& gap) override { return note(seq, describe(gap)); }
  DecodeError on_lost(uint64_t seq, const LostAtGateway& lost) override { return note(seq, describe(lost)); }

 private:
  DecodeError note(uint64_t seq, std::string text) {
    seen.push_back(std::to_string(seq) + ": " + text);
    return DecodeError::kNone;
  }
};

// What a message holds, or the name of the error that ended its reading.
inline std::vector<std::string> read_all(Bytes message, Header& header) {
  Recorder recorder;
  DecodeError error = parse_header(message, header);
  if (error == DecodeError::kNone) error = read_body(message, header, recorder);
  if (error != DecodeError::kNone) recorder.seen.push_back(to_string(error));
  return recorder.seen;
}

}  // namespace tributary::wire
