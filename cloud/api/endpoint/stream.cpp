// SPDX-License-Identifier: Apache-2.0
// The stream of changed rows, see stream.h.
#include "cloud/api/endpoint/stream.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>
#include <tuple>

#include "cloud/api/context.h"
#include "cloud/api/params.h"
#include "cloud/http/problem.h"
#include "cloud/query/question/changes.h"
#include "cloud/query/question/rows.h"
#include "cloud/render/answers.h"
#include "cloud/tenants/identify.h"
#include "common/base/hex.h"

namespace tributary::api {
namespace {

constexpr size_t kChangesMax = 2'000;  // read at once
constexpr size_t kRowsPerEventMax = 200;
constexpr size_t kPartsMax = 64;       // rendered and kept for others
constexpr int64_t kIdleIdMs = 60'000;  // an id alone, so that a quiet filter does not fall behind what can be resumed
constexpr int kStreamsRetryS = 5;
constexpr int64_t kAwakeMs = 1'000;  // how often a waiting stream looks whether its client is still there

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

// The place as one number, which only grows: for people.
uint64_t revision_of(const query::Place& place) {
  uint64_t sum = 0;
  for (const auto& partition : place) sum += partition.revision;
  return sum;
}

std::string place_json(const query::Place& place) {
  JsonWriter json;
  json.begin_object().field("id", event_id(place)).field("revision", revision_of(place)).end_object();
  return json.take();
}

// False: a stream cannot go on from the place where the partitions are at now.
bool may_follow(const query::Place& place, const query::Place& now) {
  if (place.size() != now.size()) return false;
  for (size_t i = 0; i < now.size(); ++i) {
    if (now[i].state_id != 0 && place[i].state_id != now[i].state_id) return false;
  }
  return true;
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

std::string event_id(const query::Place& place) {
  std::string text;
  for (const auto& partition : place) {
    if (!text.empty()) text += '.';
    text += hex16(partition.state_id) + "-" + std::to_string(partition.revision);
  }
  return text;
}

std::optional<query::Place> parse_event_id(std::string_view text) {
  query::Place place;
  for (bool more = true; more;) {
    const size_t dot = text.find('.');
    const std::string_view one = text.substr(0, dot);
    more = dot != std::string_view::npos;
    if (more) text.remove_prefix(dot + 1);
    if (one.size() < 18 || one[16] != '-') return std::nullopt;
    query::PartitionPlace partition;
    const char* end = one.data() + one.size();
    const auto state = std::from_chars(one.data(), one.data() + 16, partition.state_id, 16);
    const auto revision = std::from_chars(one.data() + 17, end, partition.revision);
    if (state.ec != std::errc() || state.ptr != one.data() + 16 || revision.ec != std::errc() || revision.ptr != end)
      return std::nullopt;
    place.push_back(partition);
  }
  return place;
}

Streams::Part Streams::render(const StreamFilter& filter, const query::Place& after) const {
  Part part{.upto = after};
  const auto query = query_.one_answer();
  const auto changes = query->ask(query::AskChanges{filter.tenant, after, kChangesMax});
  if (!changes) {
    part.expired = changes.error().code == ErrorCode::kNotFound;
    part.failed = !part.expired;
    return part;
  }
  part.upto = changes->upto;
  // A row that changed several times is told once: it is read as it is now, not as it was.
  std::set<std::tuple<std::string, int64_t, WidthS>> told;
  std::vector<query::RowKey> keys;
  for (const auto& change : changes->changes) {
    if (!filter.fits(change.series)) continue;
    if (told.emplace(change.series.id(), change.row.start_s, change.row.width_s).second)
      keys.push_back({change.series, change.row});
  }
  JsonWriter json;
  size_t rows = 0;
  auto begin = [&] {
    json.begin_object().field("revision", revision_of(part.upto)).field("committed", time_text(now_ns_()));
    if (const auto missing = query->missing(); !missing.empty()) {
      json.key("partitions");
      write_partitions(json, static_cast<uint32_t>(part.upto.size()), missing);
    }
    json.key("rows").begin_array();
  };
  auto finish = [&](const std::string& id) {
    json.end_array().end_object();
    part.text += event("windows", id, json.take());
    rows = 0;
  };
  // A key without readings now: its retention ended in between.
  const auto add = [&](size_t index, const stats::Summary& summary) {
    const query::RowKey& key = keys[index];
    // The id comes with the last event only: who breaks off before it gets all of them again.
    if (rows == kRowsPerEventMax) finish("");
    if (rows++ == 0) begin();
    json.begin_object().field("metric", key.series.metric);
    if (!key.series.device.empty()) json.field("device", key.series.device);
    if (key.series.overflow) json.field("overflow_series", true);
    json.key("labels");
    write_labels(json, key.series.labels);
    json.field("start", time_text_s(key.row.start_s)).field("width", key.row.width_s);
    write_summary(json, summary, filter.stats, {key.series.kind, static_cast<double>(key.row.width_s)});
    json.end_object();
  };
  if (!keys.empty() && !query::rows(*query, filter.tenant, keys, add)) {
    part = {.upto = after, .failed = true};
    return part;
  }
  if (rows > 0) finish(event_id(part.upto));
  part.partial = !query->missing().empty();
  return part;
}

std::shared_ptr<const Streams::Part> Streams::part(const StreamFilter& filter, const std::string& filter_key,
                                                   const query::Place& after) {
  const std::string key = filter_key + "\5" + event_id(after) + "\5" + event_id(query_.place());
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
    if (!found->failed && !found->partial && parts_.emplace(key, found).second) order_.push_back(key);
    while (order_.size() > kPartsMax) {
      parts_.erase(order_.front());
      order_.pop_front();
    }
  }
  readers_.release();
  return found;
}

std::shared_ptr<void> Streams::enter(const std::string& tenant, size_t streams_max) {
  {
    std::lock_guard lock(running_mutex_);
    size_t& running = running_[tenant];
    if (running >= streams_max) return nullptr;
    ++running;
  }
  return {this, [this, tenant](void*) {
            std::lock_guard lock(running_mutex_);
            const auto place = running_.find(tenant);
            if (--place->second == 0) running_.erase(place);
          }};
}

void Streams::run(const StreamFilter& filter, const std::optional<std::string>& since,
                  const std::function<bool()>& allowed, http::StreamWriter& writer) {
  const std::string key = filter.key();
  query::Place after = query_.place();
  bool reset = false;
  if (since) {
    auto place = parse_event_id(*since);
    reset = !place || !may_follow(*place, after);
    if (!reset) {
      const auto changes = query_.ask(query::AskChanges{filter.tenant, *place, 1});
      reset = !changes && changes.error().code == ErrorCode::kNotFound;
    }
    if (!reset) after = std::move(*place);
  }
  // For a client that wants to know a server that hangs from one that has nothing to tell, and the server's clock.
  const auto time_event = [&] {
    return std::string(": still here\n") + event("time", "", "{\"time\":\"" + time_text(now_ns_()) + "\"}");
  };
  auto send_reset = [&] { return writer.write(event("reset", event_id(after), place_json(after))); };
  // The hello carries the place from which this stream goes on, so that a client that breaks off right after it misses
  // nothing.
  if (!writer.write("retry: 2000\n" + event("hello", event_id(after), place_json(after)))) return;
  if (reset && !send_reset()) return;

  int64_t written_ms = steady_ms(), id_ms = written_ms, allowed_ms = written_ms;
  query::Place told = after;
  bool told_partial = false;  // rows were told without the share of partitions that did not answer
  while (writer.open()) {
    // Also while there is much to tell: access ends when it is taken away.
    if (steady_ms() - allowed_ms >= kAwakeMs) {
      if (!allowed()) return;
      allowed_ms = steady_ms();
    }
    const uint64_t seen = signal_.changes();
    bool more = false;
    if (told_partial || query_.place() != after) {
      const auto next = part(filter, key, after);
      // Nobody knows which of the rows told in the meantime would have been others: they are to be read anew.
      const bool whole_again = told_partial && !next->failed && !next->partial;
      if (next->expired || whole_again) {
        after = told = query_.place();
        told_partial = false;
        if (!send_reset()) return;
        written_ms = id_ms = steady_ms();
      } else if (!next->failed) {
        more = next->upto != after;
        after = next->upto;
        if (!next->text.empty()) {
          told_partial = told_partial || next->partial;
          if (!writer.write(next->text)) return;
          told = after;
          written_ms = id_ms = steady_ms();
          if (!signal_.pause(timing_.coalesce_ms)) return;
        }
      }
    }
    const int64_t quiet_ms = steady_ms() - written_ms;
    if (quiet_ms >= timing_.keep_alive_ms) {
      const bool renew = told != after && steady_ms() - id_ms >= kIdleIdMs;
      if (renew && !writer.write("id: " + event_id(after) + "\n\n")) return;
      if (!writer.write(time_event())) return;
      written_ms = steady_ms();
      if (renew) {
        told = after;
        id_ms = written_ms;
      }
    }
    if (!more && !signal_.wait(seen, std::min(kAwakeMs, timing_.keep_alive_ms))) return;
  }
}

http::Response answer_stream(const RequestContext& context) {
  Params params(context.request);
  StreamFilter filter{.tenant = context.tenant, .metrics = params.list("metric"), .devices = params.list("device")};
  filter.fleet = params.flag("fleet");
  filter.stats = read_stats(params, row_stats());
  // Rows come a device anyway; other groupings are for the page to make.
  params.choice("by", {"device"});
  std::optional<std::string> since = params.text("since");
  if (const auto wrong = params.finish()) return http::problem_response(*wrong);
  // The header is newer: a browser sends it when it comes again by itself, with the address it began with.
  if (const auto last = context.request.header("last-event-id"); !last.empty()) since = std::string(last);

  const size_t streams_max = context.services.config.tenant_streams_max;
  auto place = context.services.streams.enter(context.tenant, streams_max);
  if (place == nullptr) {
    return http::problem_response({.status = 503,
                                   .detail = "This tenant has as many streams as one tenant may have.",
                                   .expected = "at most " + std::to_string(streams_max) + " at once",
                                   .retry_after_s = kStreamsRetryS});
  }
  http::Response response;
  response.content_type = "text/event-stream";
  response.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  response.stream = [&services = context.services, filter = std::move(filter), since = std::move(since),
                     request = context.request, place = std::move(place)](http::StreamWriter& writer) {
    const auto allowed = [&] {
      const auto identity = identify(*services.given.auth, request, services.now_s());
      return identity && identity->tenant == filter.tenant;
    };
    services.streams.run(filter, since, allowed, writer);
  };
  return response;
}

}  // namespace tributary::api
