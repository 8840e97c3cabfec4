// SPDX-License-Identifier: Apache-2.0
// OtlpExporter: pushes a tenant's series to a collector over OTLP/HTTP, on a thread of its own, from what the states
// hold: it keeps nothing but the request it is sending, so a slow or dead collector holds up nothing and costs no
// memory. What a round could not tell the next one tells: each tells all there is (render/otlp.h).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cloud/http/families.h"
#include "cloud/http/server.h"
#include "cloud/query/query.h"
#include "common/runtime/config.h"

namespace tributary::api {

struct OtlpConfig {
  std::string origin, path;  // "http://host:4318", "/v1/metrics"
  std::string tenant;
  std::vector<std::string> metrics;  // empty: all
  http::Fields headers;              // secrets: never told
  std::string ca_file;               // of https; empty: the system's
  int64_t interval_ms = 60'000;      // from round to round
  int timeout_ms = 10'000;           // of a request
  int64_t retry_ms = 1'000;          // the first pause, doubled from one to the next, up to retry_ms_max
  int64_t retry_ms_max = 30'000;
  int64_t max_age_s = 300;  // an older newest window is not told
  WidthS window_s = 60;
  size_t series_at_once = 200;  // of a request
};

// [[otlp]]: endpoint, tenant, interval_seconds, timeout_ms, metrics, headers_file (a header a line), ca_file.
std::vector<OtlpConfig> read_otlp_config(runtime::ConfigTable root);

class OtlpExporter {
 public:
  struct Dependencies {
    const query::Query* query = nullptr;  // the own partitions: each aggregator tells what it owns
    std::string instance;                 // service.instance.id
    std::function<int64_t()> now_ns;
    std::function<void(const std::string&)> say;
  };
  OtlpExporter(OtlpConfig config, Dependencies parts);
  ~OtlpExporter();

  void start();
  // Ends the request under way; joins.
  void stop();

  // For /metrics.
  struct Facts {
    uint64_t requests_total = 0, points_total = 0, rejected_points_total = 0;
    std::map<std::string, uint64_t> failures_total;  // of requests, by reason: "connect", "timeout", "status_503" …
    int64_t told_ns = 0;                             // when the last whole round ended; 0: none yet
    bool up = false;
  };
  Facts facts() const;

 private:
  enum class Sent { kGood, kAgain, kRefused };
  class Connection;

  void run();
  bool round();  // false: given up, or stopping
  bool tell(const query::Selection& selection, int64_t deadline_ms);
  bool deliver(const std::string& body, uint64_t points, int64_t deadline_ms);
  Sent send(const std::string& body, std::string& reason, int64_t& retry_after_ms);
  void note(const std::string& trouble);
  bool pause(int64_t ms);  // false: stopping

  const OtlpConfig config_;
  const Dependencies parts_;
  mutable std::mutex mutex_;
  std::condition_variable woken_;
  bool stopping_ = false;
  Facts facts_;
  std::string trouble_ = "not tried yet";
  std::unique_ptr<Connection> connection_;
  std::thread thread_;
};

// The families of all exporters, by their number.
void otlp_families(Exposition& text, const std::vector<std::unique_ptr<OtlpExporter>>& exporters);

}  // namespace tributary::api
