// SPDX-License-Identifier: Apache-2.0
// The stream of changed rows, see api_stream.h.
#include "cloud/api/api_stream.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>
#include <tuple>

#include "cloud/api/api_answers.h"

namespace tributary::api {
namespace {

constexpr size_t kChangesMax = 2'000;  // read at once
constexpr size_t kRowsPerEventMax = 200;
constexpr size_t kPartsMax = 64;       // rendered and kept for others
constexpr int64_t kIdleIdMs = 60'000;  // an id alone, so that a quiet filter does not fall behind what can be resumed
constexpr int64_t kAwakeMs = 1'000;    // how often a waiting stream looks whether its client is still there

int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string event(std::string_view name, const std::string& id, std::string_view data) {
  std::string text("event: ");
  text.append(name).append("\n");
  if (!id.empty()) text.append("id: ").append(id).append("\n");
  return text.append("data: ").append(data).append("\n\n");
}

std::string place_json(uint64_t state_id, uint64_t revision) {
  JsonWriter json;
  json.begin_object().field("id", event_id(state_id, revision)).field("revision", revision).end_object();
  return json.take();
}

bool contains(const std::vector<std::string>& sorted, const std::string& text) {
  return std::binary_search(sorted.begin(), sorted.end(), text);
}

}  // namespace

bool StreamFilter::fits(const Series& series) const {
  const bool is_fleet = series.device.empty() && !series.overflow;
  if (is_fleet != fleet) return false;
  if (!metrics.empty() && !contains(metrics, series.metric)) return false;
  return devices.empty() || fleet || contains(devices, series.device);
}

std::string StreamFilter::key() const {
  std::string text = tenant + (fleet ? "\1" : "\2");
  for (const auto& metric : metrics) text += metric + "\3";
  text += "\4";
  for (const auto& device : devices) text += device + "\3";
  text += "\4";
  for (const auto& stat : stats) text += stat.name + "\3";
  return text;
}

std::string event_id(uint64_t state_id, uint64_t revision) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = 16; i-- > 0; state_id >>= 4) text[i] = kDigits[state_id & 15];
  return text + "-" + std::to_string(revision);
}

std::optional<EventId> parse_event_id(std::string_view text) {
  EventId id;
  if (text.size() < 18 || text[16] != '-') return std::nullopt;
  const char* end = text.data() + text.size();
  const auto state = std::from_chars(text.data(), text.data() + 16, id.state_id, 16);
  const auto revision = std::from_chars(text.data() + 17, end, id.revision);
  if (state.ec != std::errc() || state.ptr != text.data() + 16 || revision.ec != std::errc() || revision.ptr != end)
    return std::nullopt;
  return id;
}

Streams::Part Streams::render(const StreamFilter& filter, uint64_t after) const {
  Part part{.upto = after};
  auto changes = query_.changes(filter.tenant, after, kChangesMax, &part.upto);
  if (!changes) {
    part.expired = changes.error().code == ErrorCode::kNotFound;
    part.failed = !part.expired;
    return part;
  }
  // A row that changed several times is told once: it is read as it is now, not as it was.
  std::set<std::tuple<std::string, int64_t, WidthS>> told;
  JsonWriter json;
  size_t rows = 0;
  auto begin = [&] {
    json.begin_object().field("revision", part.upto).field("committed", time_text(now_ns_())).key("rows").begin_array();
  };
  auto finish = [&](const std::string& id) {
    json.end_array().end_object();
    part.text += event("windows", id, json.take());
    rows = 0;
  };
  for (const auto& change : *changes) {
    if (!filter.fits(change.series)) continue;
    if (!told.emplace(change.series.id(), change.row.start_s, change.row.width_s).second) continue;
    const auto summary = query_.row(filter.tenant, change.series, change.row);
    if (!summary) continue;  // its retention ended in between
    // The id comes with the last event only: who breaks off before it gets all of them again.
    if (rows == kRowsPerEventMax) finish("");
    if (rows++ == 0) begin();
    json.begin_object().field("metric", change.series.metric);
    if (!change.series.device.empty()) json.field("device", change.series.device);
    if (change.series.overflow) json.field("overflow_series", true);
    json.key("labels");
    write_labels(json, change.series.labels);
    json.field("start", time_text_s(change.row.start_s)).field("width", change.row.width_s);
    write_summary(json, *summary, filter.stats, {change.series.kind, static_cast<double>(change.row.width_s)});
    json.end_object();
  }
  if (rows > 0) finish(event_id(query_.state_id(), part.upto));
  return part;
}

std::shared_ptr<const Streams::Part> Streams::part(const StreamFilter& filter, const std::string& filter_key,
                                                   uint64_t after) {
  const std::string key = filter_key + "\5" + std::to_string(after) + "\5" + std::to_string(query_.revision());
  auto find = [&]() -> std::shared_ptr<const Part> {
    std::lock_guard lock(mutex_);
    const auto it = parts_.find(key);
    return it == parts_.end() ? nullptr : it->second;
  };
  if (auto found = find()) return found;
  readers_.acquire();
  auto found = find();  // another stream may have rendered it while this one waited
  if (!found) {
    found = std::make_shared<const Part>(render(filter, after));
    std::lock_guard lock(mutex_);
    if (!found->failed && parts_.emplace(key, found).second) order_.push_back(key);
    while (order_.size() > kPartsMax) {
      parts_.erase(order_.front());
      order_.pop_front();
    }
  }
  readers_.release();
  return found;
}

void Streams::run(const StreamFilter& filter, const std::optional<std::string>& since,
                  const std::function<bool()>& allowed, http::StreamWriter& writer) {
  const std::string key = filter.key();
  const uint64_t state_id = query_.state_id();
  uint64_t after = query_.revision();
  bool reset = false;
  if (since) {
    const auto place = parse_event_id(*since);
    reset = !place || place->state_id != state_id || place->revision > after;
    if (!reset) after = place->revision;
  }
  auto send_reset = [&] {
    return writer.write(event("reset", event_id(state_id, after), place_json(state_id, after)));
  };
  // The hello carries the place from which this stream goes on, so that a client that breaks off right after it misses
  // nothing.
  if (!writer.write("retry: 2000\n" + event("hello", event_id(state_id, after), place_json(state_id, after)))) return;
  if (reset && !send_reset()) return;

  int64_t written_ms = steady_ms(), id_ms = written_ms;
  uint64_t told = after;
  while (writer.open()) {
    const uint64_t seen = hub_.changes();
    bool more = false;
    if (query_.revision() > after) {
      const auto next = part(filter, key, after);
      if (next->expired) {
        after = told = query_.revision();
        if (!send_reset()) return;
        written_ms = id_ms = steady_ms();
      } else if (!next->failed) {
        more = next->upto > after;
        after = next->upto;
        if (!next->text.empty()) {
          if (!writer.write(next->text)) return;
          told = after;
          written_ms = id_ms = steady_ms();
          if (!hub_.pause(timing_.coalesce_ms)) return;
        }
      }
    }
    const int64_t quiet_ms = steady_ms() - written_ms;
    if (quiet_ms >= timing_.keep_alive_ms) {
      if (!allowed()) return;
      const bool renew = told != after && steady_ms() - id_ms >= kIdleIdMs;
      if (!writer.write(renew ? "id: " + event_id(state_id, after) + "\n\n" : std::string(": still here\n\n"))) return;
      written_ms = steady_ms();
      if (renew) {
        told = after;
        id_ms = written_ms;
      }
    }
    if (!more && !hub_.wait(seen, std::min(kAwakeMs, timing_.keep_alive_ms))) return;
  }
}

}  // namespace tributary::api
