// SPDX-License-Identifier: Apache-2.0
// Topics to devices and metrics; the payload is left to reading::PayloadParser.
#include "edge/source/topic_reader.h"

#include <array>

namespace tributary::edge {
namespace {

constexpr size_t kLevelsMax = 3;

reading::PayloadLimits limits_of(const TopicReaderConfig& config) {
  reading::PayloadLimits limits;
  std::erase_if(limits.time_fields, [&](const std::string& field) { return config.ignore.contains(field); });
  limits.decimal_comma = config.decimal_comma;
  limits.local_time = config.local_time;
  return limits;
}

bool is_json(std::string_view payload) {
  payload = reading::payload_text(payload);
  const size_t first = payload.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (payload[first] == '{' || payload[first] == '[');
}

}  // namespace

TopicReader::TopicReader(TopicReaderConfig config) : config_(std::move(config)), parser_(limits_of(config_)) {}

void TopicReader::read(std::string_view topic, std::string_view payload, bool retained, Instant arrived,
                       reading::ReadingSink& sink) {
  sink_ = &sink;
  arrived_ = arrived;
  topic_ = topic;
  prefix_ = {};
  if (retained && !config_.accept_retained) {
    reject(reading::Reject::kRetained, "a retained message", "a live one (retained = \"accept\" takes both)", 1);
    return;
  }
  std::array<std::string_view, kLevelsMax> levels{};
  size_t count = 0;
  bool fits = true;
  for (size_t begin = 0; begin <= topic.size();) {
    const size_t end = std::min(topic.find('/', begin), topic.size());
    if (count == kLevelsMax || end == begin) {
      fits = false;
      break;
    }
    levels[count++] = topic.substr(begin, end - begin);
    begin = end + 1;
  }
  if (!fits || count == 0) {
    reject(reading::Reject::kUnknownTopic, topic.substr(0, 80), "a topic of one to three levels, none of them empty",
           1);
    return;
  }
  if (count < kLevelsMax) {
    parser_.parse_json(payload, levels[1], arrived, *this, this);
    return;
  }
  const std::string metric = metric_name(levels[2]);
  if (is_json(payload)) {
    prefix_ = metric;
    parser_.parse_json(payload, levels[1], arrived, *this, this);
    prefix_ = {};
  } else {
    if (const auto name = metric_of(metric)) parser_.parse_plain(payload, levels[1], *name, arrived, *this);
  }
}

std::optional<std::string_view> TopicReader::metric_of(std::string_view name) {
  if (!prefix_.empty()) {
    name_ = prefix_;
    if (name != "value") name_.append("_").append(name);
    name = name_;
  }
  if (config_.ignore.contains(name)) return std::nullopt;
  if (const auto renamed = config_.rename.find(name); renamed != config_.rename.end()) return renamed->second;
  return name;
}

void TopicReader::reject(reading::Reject reason, std::string_view found, std::string_view expected, uint64_t count) {
  sink_->reject(reason, found, expected, count);
  log_.note(reason, std::string(topic_.substr(0, 80)), found, expected, arrived_.mono_ns);
}

void TopicReader::leave_out(reading::Reject reason, std::string_view field) {
  sink_->leave_out(reason, field);
  log_.note_left_out(reason, std::string(topic_.substr(0, 80)), field, arrived_.mono_ns);
}

}  // namespace tributary::edge
