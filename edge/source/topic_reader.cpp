// SPDX-License-Identifier: Apache-2.0
// Topics to devices and metrics; the payload is left to reading::PayloadParser.
#include "edge/source/topic_reader.h"

#include <array>

namespace tributary::edge {
namespace {

constexpr size_t kLevelsMax = 3;

reading::PayloadLimits limits_without(const std::set<std::string, std::less<>>& ignore) {
  reading::PayloadLimits limits;
  std::erase_if(limits.time_fields, [&](const std::string& field) { return ignore.contains(field); });
  return limits;
}

bool is_json(std::string_view payload) {
  size_t first = payload.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (payload[first] == '{' || payload[first] == '[');
}

}  // namespace

TopicReader::TopicReader(TopicReaderConfig config)
    : config_(std::move(config)), parser_(limits_without(config_.ignore)) {}

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
    parser_.parse_json(payload, levels[1], arrived, *this);
    return;
  }
  const std::string metric = metric_name(levels[2]);
  if (is_json(payload)) {
    prefix_ = metric;
    parser_.parse_json(payload, levels[1], arrived, *this);
    prefix_ = {};
  } else {
    parser_.parse_plain(payload, levels[1], metric, arrived, *this);
  }
}

bool TopicReader::accept(const reading::Reading& reading, Instant arrived) {
  std::string_view metric = reading.metric;
  if (!prefix_.empty()) {
    name_ = prefix_;
    if (metric != "value") name_.append("_").append(metric);
    metric = name_;
  }
  if (!config_.ignore.empty() && config_.ignore.contains(metric)) return true;
  if (!config_.rename.empty()) {
    if (auto renamed = config_.rename.find(metric); renamed != config_.rename.end()) metric = renamed->second;
  }
  reading::Reading named = reading;
  named.metric = metric;
  return sink_->accept(named, arrived);
}

void TopicReader::reject(reading::Reject reason, std::string_view found, std::string_view expected, uint64_t count) {
  sink_->reject(reason, found, expected, count);
  log_.note(reason, std::string(topic_.substr(0, 80)), found, expected, arrived_.mono_ns);
}

}  // namespace tributary::edge
