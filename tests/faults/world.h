// SPDX-License-Identifier: Apache-2.0
// World: gateways, a network, a broker, bridges, a log and an aggregator in one process and one thread (the embedded
// log has its own, waited for), with one simulated clock. The parts are the real ones; what is simulated is time,
// transport, and everything that goes wrong. Files lie on /dev/shm.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cloud/aggregator/merger.h"
#include "cloud/bridge/core.h"
#include "cloud/bridge/inbox.h"
#include "cloud/log/log.h"
#include "cloud/merge/writer.h"
#include "cloud/query/local.h"
#include "cloud/query/question/completeness.h"
#include "cloud/query/question/gateways.h"
#include "edge/gateway/gateway_core.h"
#include "tests/faults/oracle.h"
#include "tests/faults/schedule.h"

namespace tributary::faults {

inline constexpr int64_t kMilli = 1'000'000;
inline constexpr int64_t kDay = 86400 * kNanosPerSecond;

// Figures of one run.
struct Figures {
  uint64_t readings = 0, messages = 0, records = 0, kills = 0, missing = 0, complete = 0;
};

class World {
 public:
  explicit World(const Schedule& schedule);
  ~World();
  // Throws Failure.
  Figures run();
  const std::vector<std::string>& trace() const { return trace_; }

 private:
  struct Killed {};

  // What went out under a seq.
  struct SentItem {
    size_t hash = 0;
    std::optional<uint32_t> series;
    Mask mask = 0;
  };
  struct Link {
    bool connected = true;
    uint32_t lose_up = 0, lose_down = 0, repeat = 0;  // percent
    int64_t delay_ms = 0;                             // at most
  };
  // A machine's clock: monotonic time counts from the boot; while it is not set it shows what it began with.
  struct Machine {
    int64_t clock_offset_ns = 0;
    bool clock_set = true;
    uint32_t boot = 1;
    int64_t booted_mono_ns = 0, shown_at_boot_ns = 0;
    int64_t set_at_ns = 0;  // 0: not before the end
  };
  using Readings = std::map<edge::BootId, std::vector<uint32_t>>;
  // wall clock = base + monotonic clock.
  struct Placing {
    int64_t base_ns = 0;
    bool estimated = false;
    auto operator<=>(const Placing&) const = default;
  };
  // What an outbox may hold of boots without a clock (profile clocks). Goes with each copy of it.
  struct Undated {
    Readings readings;                                   // ever accepted in the boot
    std::map<edge::BootId, std::set<Placing>> expected;  // what the contract said when a run dated them, or tried to
  };
  // What is called by one name.
  struct Site {
    std::string tenant, name;
    Link link;
    int64_t newer_until_ns = 0;
    bool stepped = false, cloned = false, coarse = false;
    bool ahead = false;                     // a clock of it was, once
    bool log_gap = false;                   // something it said went with the log
    bool words_refused = false;             // an opening or a gap of it came damaged
    std::optional<uint64_t> parking_since;  // from this reading on inherited partials may be parked
    std::vector<uint32_t> series;
    std::string backup;  // a copy of its outbox
    Undated backup_undated;
    std::set<uint32_t> backup_holds;  // readings that are in it for certain
    std::map<std::pair<uint64_t, uint64_t>, SentItem> sent;
    std::set<uint64_t> openings_acked;
    uint64_t starts = 0;  // of its edges: epochs
    std::string last_message;
  };
  // A running edge program; more than one of a site if it was cloned.
  struct Edge {
    size_t site = 0;
    std::string dir;
    std::unique_ptr<edge::GatewayCore> core;
    int64_t start_at_ns = 0;
    std::vector<uint32_t> undurable;  // readings accepted, not yet in a committed transaction
    Machine machine;
    Readings undated;  // by boot, until the clock is set
    Undated boots;
    uint32_t generation = 0;  // of its outbox: another one after each copy
    uint64_t checkpoints = 0, coarsened = 0, used_bytes = 0;
    int kill_countdown = 0;  // commits until it dies
    edge::CommitPoint kill_point = edge::CommitPoint::kBefore;
    bool may_be_moved_aside = false;
    int64_t disk_full_until_ns = 0;
    int64_t status_due_ns = 0;
    std::string offline;
  };
  struct Packet {
    int64_t due_ns = 0;
    std::string topic, payload;
    bool retained = false;
    size_t site = 0;
  };
  struct BridgeSim {
    std::shared_ptr<bridge::Inbox> inbox;
    std::unique_ptr<bridge::Core> core;
    std::unique_ptr<log::Writer> writer;
    std::optional<bridge::Core::Append> stalled;
    int64_t start_at_ns = 0;
    bool die_before_ack = false;
  };
  struct Request {
    std::string tenant, key, body;
    std::vector<uint32_t> readings;
    int64_t first_ns = 0;
  };
  enum class LogTrouble { kNone, kRefuses, kBusy, kTimesOut };

  // world.cpp: the system's own life.
  int64_t wall_ns() const { return start_wall_ns_ + mono_ns_; }
  Instant cloud_now() const { return {wall_ns(), mono_ns_}; }
  // What a machine's clock says, or would if it were set.
  int64_t true_now(const Edge& edge) const { return wall_ns() + edge.machine.clock_offset_ns; }
  Instant edge_now(const Edge& edge) const {
    const int64_t mono_ns = mono_ns_ - edge.machine.booted_mono_ns;
    return {edge.machine.clock_set ? true_now(edge) : edge.machine.shown_at_boot_ns + mono_ns, mono_ns};
  }
  void note(const std::string& line);
  void pump(int64_t ms);
  void advance(int64_t ms);
  void step();
  void start_edge(Edge& edge);
  void step_edge(Edge& edge);
  void watch_coarsening(Edge& edge, const edge::GatewayStats& stats);
  void send_messages(Edge& edge);
  void drop_edge(Edge& edge, int64_t away_ms);  // killed
  bool stop_edge(Edge& edge, int64_t away_ms);  // cleanly; false: it died on the way
  void note_durable(Edge& edge);
  void publish(size_t site, const std::string& topic, std::string payload, bool retained);
  void deliver_up();
  void deliver_down();
  void start_bridge(BridgeSim& bridge);
  void step_bridge(BridgeSim& bridge);
  bool append_next(BridgeSim& bridge);
  void kill_bridge(BridgeSim& bridge, int64_t away_ms);
  void start_aggregator();
  void step_aggregator();
  void drop_aggregator(int64_t away_ms);
  log::LogConfig log_config() const;
  std::string folder(const std::string& name) const { return root_ + "/" + name; }
  edge::GatewayConfig edge_config(const Edge& edge) const;

  // world_watch.cpp: what the oracle learns from the wire and the log.
  void watch_message(Edge& edge, Bytes message);
  void watch_log();
  void watch_record(const log::Record& record);
  void excuse_hole(uint64_t from, uint64_t to);
  void excuse_unlogged(const Edge& edge, uint32_t excuses);
  bool known_to_cloud(size_t site) const;
  std::optional<size_t> site_of(const std::string& tenant, const std::string& name) const;

  // world_events.cpp
  void apply(const Event& event);
  void accept(Edge& edge, std::optional<int64_t> time_ns);
  uint32_t pick_series(size_t site);
  std::optional<int64_t> pick_time(const Edge& edge);
  void make_request(const std::string& tenant, uint64_t count);
  bool send_request(Request& request);
  void retry_requests(bool last);
  void corrupt(Edge& edge, uint32_t how);
  void damage(size_t site, uint32_t how);
  void set_network(Site& site, uint32_t how);
  void foreign_tenant(Edge& edge);
  void foreign_log();
  void shorter_log();
  void second_aggregator();
  Edge& edge_of(uint32_t a) { return *edges_[a % edges_.size()]; }

  // world_clock.cpp, world_places.cpp
  uint32_t number_of(const Edge& edge) const;
  edge::BootId boot_id(const Edge& edge) const;
  bool is_undated(size_t site) const;
  void cut_power(Edge& edge, uint32_t how);
  void note_undated(Edge& edge, uint32_t index);
  void take_undated(Edge& edge, const Undated& undated);
  void step_clock(Edge& edge, uint32_t how);
  Undated copied(const Edge& edge) const;
  void note_backup(const Edge& edge);
  void excuse_restored(const Edge& edge);
  void clone_machine(Edge& clone, uint32_t how);
  void set_clock(Edge& edge);
  void place_boots(Edge& edge);
  void forget_undated(Edge& edge);
  bool clocks() const { return schedule_.profile == Profile::kClocks; }
  void look_before_start(Edge& edge);
  void expect_places(Edge& edge, const std::vector<edge::UndatedBoot>& boots, int64_t last_durable_ns);
  void learn_places(Edge& edge);
  void place(Edge& edge, const edge::BootId& boot, const Placing& placing);
  int64_t earliest_ns(const Reading& reading) const;
  int64_t latest_ns(const Reading& reading) const;
  void resolve_places();
  void look_at_parked();
  void resolve_row(const std::vector<uint32_t>& readings, const query::Row& row, const stats::Summary& summary);

  // world_check.cpp
  void settle();
  // kClaims: totals and what is claimed of gateways; kAnswers: rows and completeness too; kFinal: nothing is under way.
  enum class Depth { kClaims, kAnswers, kFinal };
  void probe(Depth depth);
  void check_rows(const std::string& tenant, const std::string& metric, WidthS step_s, const std::vector<Mask>& masks);
  void check_fleet(const std::string& tenant, const std::string& metric, const std::vector<Mask>& masks);
  void check_completeness(const std::string& tenant, const std::string& metric, const query::Range& range,
                          const std::vector<Mask>& masks, const std::map<std::string, query::GatewayInfo>& gateways);
  void check_complete(const std::string& tenant, const std::string& metric, const query::Completeness& answer,
                      const query::Range& judged, const std::vector<Mask>& masks,
                      const std::map<std::string, query::GatewayInfo>& gateways);
  void check_estimated(const query::Completeness& answer, const std::string& tenant, const std::string& metric,
                       const query::Range& range, const std::vector<Mask>& masks);
  void check_behind(const std::string& tenant, const query::Behind& behind, const query::GatewayInfo& info);
  // Of a machine whose clock was ahead, or of two with one name, no claim can be held against a reading.
  bool claims_hold(const Site& site) const { return !site.cloned && !(clocks() ? site.ahead : site.stepped); }
  int64_t arrival_ns(const Reading& reading) const { return clocks() ? reading.true_ns : reading.arrival_ns; }
  bool named(const Reading& reading, const query::Completeness& answer) const;
  void check_no_false_alarm(const std::map<std::string, query::GatewayInfo>& gateways);
  void check_replica();

  const Schedule schedule_;
  Random random_;
  uint64_t epochs_made_ = 0;
  uint32_t generations_ = 0;
  std::string root_;
  int64_t start_wall_ns_ = 0, mono_ns_ = 0;
  Oracle oracle_;
  std::vector<Site> sites_;
  std::vector<std::unique_ptr<Edge>> edges_;
  std::vector<std::string> tenants_;

  std::vector<Packet> up_, down_;
  bool broker_up_ = true;
  int64_t broker_start_at_ns_ = 0;
  std::deque<Packet> held_;  // PUBACKed, and no bridge there to take it
  std::vector<BridgeSim> bridges_;
  size_t next_bridge_ = 0;
  int64_t overload_until_ns_ = 0, log_trouble_until_ns_ = 0;
  LogTrouble log_trouble_ = LogTrouble::kNone;
  std::deque<Request> requests_;

  std::unique_ptr<log::Reader> log_reader_;
  std::vector<log::StoredRecord> records_;  // everything ever appended

  std::unique_ptr<log::Reader> aggregator_reader_;
  std::unique_ptr<merge::StateWriter> writer_;
  std::unique_ptr<query::LogEndNote> log_end_;
  std::unique_ptr<api::Merger> merger_;
  std::unique_ptr<query::Query> query_;
  int64_t aggregator_start_at_ns_ = 0, aggregator_full_until_ns_ = 0;
  std::string state_backup_;
  std::vector<Mask> parked_;    // by series: readings in the dead letter, as of this probe
  bool state_is_whole_ = true;  // nothing of the log was skipped

  // What happened at all: what then must not be reported.
  bool identity_trouble_ = false;
  uint32_t next_number_ = 0;
  Figures figures_;
  std::vector<std::string> trace_;
};

}  // namespace tributary::faults
