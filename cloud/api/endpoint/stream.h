// SPDX-License-Identifier: Apache-2.0
// The stream of changed rows as server-sent events. Each stream reads the changes from its own revision on, so nothing
// is missed, however slow it is or how often it comes again; what many streams ask for alike is rendered once.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/api/change_signal.h"
#include "cloud/http/server.h"
#include "cloud/query/query.h"
#include "cloud/render/stats.h"

namespace tributary::api {

struct StreamFilter {
  std::string tenant;
  std::vector<std::string> metrics, devices;  // sorted; empty: all
  bool fleet = false;                         // fleet rows instead of devices' own
  std::vector<Stat> stats;

  bool fits(const Series& series) const;
  std::string key() const;  // equal filters, equal keys
};

// "STATEID-REVISION", the state id in hex; one a partition, joined by dots.
std::string event_id(const query::Place& place);
std::optional<query::Place> parse_event_id(std::string_view text);

class Streams {
 public:
  struct Timing {
    int64_t keep_alive_ms = 5'000;  // at most so long nothing is said: then the server's time
    int64_t coalesce_ms = 100;
  };
  Streams(const query::Query& query, const ChangeSignal& signal, std::function<int64_t()> now_ns, Timing timing)
      : query_(query), signal_(signal), now_ns_(std::move(now_ns)), timing_(timing) {}

  // A place for one more stream of the tenant, for as long as it is held; nothing if it has as many as it may.
  std::shared_ptr<void> enter(const std::string& tenant, size_t streams_max);

  // Runs one stream until it ends. since: what the client saw last, as it said it. allowed is asked about once a
  // second: a stream does not outlive its key.
  void run(const StreamFilter& filter, const std::optional<std::string>& since, const std::function<bool()>& allowed,
           http::StreamWriter& writer);

 private:
  // What a stream gets for the changes after a revision.
  struct Part {
    std::string text;  // whole events; empty: nothing that fits
    query::Place upto;
    bool partial = false;  // partitions did not answer: what was told may have to be told again
    bool expired = false;
    bool failed = false;  // could not be read now; try again
  };
  std::shared_ptr<const Part> part(const StreamFilter& filter, const std::string& key, const query::Place& after);
  Part render(const StreamFilter& filter, const query::Place& after) const;

  const query::Query& query_;
  const ChangeSignal& signal_;
  std::function<int64_t()> now_ns_;
  const Timing timing_;

  std::counting_semaphore<> readers_{4};  // more would only queue at the processor
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Part>> parts_;
  std::deque<std::string> order_;  // of parts_, oldest first
  std::mutex running_mutex_;
  std::map<std::string, size_t> running_;  // streams by tenant
};

}  // namespace tributary::api
