// SPDX-License-Identifier: Apache-2.0
// What the tests of merge and query share: gateways that make records, and the dumb oracle, a list of partials.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/merge/writer.h"
#include "cloud/query/local.h"
#include "cloud/query/questions.h"
#include "common/series/series.h"
#include "common/stats/summary.h"
#include "common/wire/message.h"

namespace tributary::testing {

using Random = std::mt19937_64;
inline uint64_t pick(Random& random, uint64_t below) { return random() % below; }
inline bool chance(Random& random, int percent) { return pick(random, 100) < static_cast<uint64_t>(percent); }

// A folder that goes with the test.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path(const std::string& name = "") const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string encoded(const stats::Summary& summary);
stats::Summary random_summary(Random& random, int64_t start_s, WidthS width_s);

// A partial as the oracle sees it.
struct Part {
  Series series;
  int64_t start_s = 0;
  WidthS width_s = 0;
  std::string summary;
  bool inherited = false;
  bool time_estimated = false;
};
Part make_part(Random& random, const Series& series, int64_t start_s, WidthS width_s);
Series make_series(const std::string& device, const std::string& metric, std::vector<Label> labels = {});

using Item = std::variant<Part, wire::Opening, wire::Gap, wire::LostAtGateway>;
// An uplink message of the items.
std::string make_message(uint64_t epoch, uint64_t first_seq, const std::vector<Item>& items, int64_t frontier_ns = 0,
                         int64_t mark_ns = 0);

log::Record make_record(log::RecordKind kind, const std::string& tenant, const std::string& gateway, int64_t append_s,
                        std::string payload);

// Numbers items and makes records of them, as a gateway and its bridge would.
class GatewaySim {
 public:
  GatewaySim(std::string tenant, std::string name, uint64_t epoch)
      : tenant_(std::move(tenant)), name_(std::move(name)), epoch_(epoch) {}
  log::Record send(const std::vector<Item>& items, int64_t append_s, int64_t frontier_s = 0);
  log::Record open(int64_t append_s, wire::Opening opening = {}) { return send({opening}, append_s); }
  // Begins another epoch that follows this one, without an opening yet.
  GatewaySim next_epoch(uint64_t epoch) const { return GatewaySim(tenant_, name_, epoch); }
  const std::string& tenant() const { return tenant_; }
  const std::string& name() const { return name_; }
  uint64_t epoch() const { return epoch_; }
  uint64_t next_seq() const { return next_seq_; }
  void skip(uint64_t seqs) { next_seq_ += seqs; }

 private:
  std::string tenant_, name_;
  uint64_t epoch_, next_seq_ = 1;
};

// The log: records in order.
class Records {
 public:
  void add(log::Record record) { all_.push_back({all_.size(), std::move(record)}); }
  size_t size() const { return all_.size(); }
  const std::vector<log::StoredRecord>& all() const { return all_; }
  std::vector<log::StoredRecord> slice(size_t first, size_t count) const;

 private:
  std::vector<log::StoredRecord> all_;
};

// Retention beyond every test's time, unless changed.
merge::WriterConfig state_config(const std::string& path);
std::unique_ptr<merge::StateWriter> open_state(const merge::WriterConfig& config);
// Merges all records from the state's position on, in batches of the size (0: random sizes).
void merge_all(merge::StateWriter& writer, const Records& records, size_t batch, Random& random);

// All partials that count, by tenant; answers by going through them.
class Oracle {
 public:
  void add(const std::string& tenant, const Part& part) { parts_.emplace_back(tenant, part); }
  std::string summary(const query::Selection& selection, const query::Range& range) const;
  using Rows = std::map<std::tuple<std::string, int64_t, WidthS>, std::string>;
  Rows series(const query::Selection& selection, const query::Range& range, WidthS step_s, const std::string& by) const;
  const std::vector<std::pair<std::string, Part>>& parts() const { return parts_; }

 private:
  std::vector<std::pair<std::string, Part>> parts_;
};

bool matches(const query::Selection& selection, const std::string& tenant, const Series& series);

// What changed after a revision of the only partition; upto is the revision that the answer reaches.
Result<std::vector<query::Change>> changes_of(const query::Query& query, const std::string& tenant, uint64_t after,
                                              size_t max, uint64_t* upto);
// One row as it is now. kNotFound: it has no readings.
Result<stats::Summary> row_of(const query::Query& query, const std::string& tenant, const Series& series,
                              const query::Row& row);

}  // namespace tributary::testing
