// SPDX-License-Identifier: Apache-2.0
// TopicReader: one MQTT message → readings. Pure: topic, payload and time in, calls of the sink out.
//
//   {any}                    JSON; the device is in it (device_id or device)
//   {any}/{device}           JSON
//   {any}/{device}/{metric}  a plain number (also true, false, on, off), or JSON, whose fields are then metrics
//   {metric}_{field};
//                            a field called value is the metric itself
// Every other shape is refused (unknown_topic).
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "common/reading/payload.h"
#include "edge/source/reject_log.h"

namespace tributary::edge {

struct TopicReaderConfig {
  // A retained message is the broker's memory of the last value: it comes again at every connect, and would count
  // again.
  bool accept_retained = false;
  std::map<std::string, std::string, std::less<>> rename;  // metric as it would be called → as it shall be
  // Metrics left out silently, as they would be called before rename. timestamp, ts or time in it: that field is no
  // event time.
  std::set<std::string, std::less<>> ignore;
  bool decimal_comma = false;          // "21,5" is a number
  reading::LocalTime local_time = {};  // what a time without a zone means; nothing: such times are refused
};

class TopicReader final : private reading::ReadingSink, private reading::FieldNames {
 public:
  explicit TopicReader(TopicReaderConfig config);
  // arrived: wall clock at which the message came; a reading without a time of its own gets it.
  void read(std::string_view topic, std::string_view payload, bool retained, Instant arrived,
            reading::ReadingSink& sink);

 private:
  // From the parser: which metric a field becomes, and what is found, on its way to the sink. Refusals are said.
  std::optional<std::string_view> metric_of(std::string_view name) override;
  bool accept(const reading::Reading& reading, Instant arrived) override { return sink_->accept(reading, arrived); }
  void reject(reading::Reject reason, std::string_view found, std::string_view expected, uint64_t count) override;
  void leave_out(reading::Reject reason, std::string_view field) override;

  const TopicReaderConfig config_;
  reading::PayloadParser parser_;
  RejectLog log_;
  // The message being read.
  reading::ReadingSink* sink_ = nullptr;
  Instant arrived_{};
  std::string_view topic_, prefix_;
  std::string name_;
};

}  // namespace tributary::edge
