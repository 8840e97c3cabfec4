// SPDX-License-Identifier: Apache-2.0
// The life of the system between faults: edges tick and send, the broker deals, bridges append and acknowledge, the
// aggregator merges.
#include "tests/faults/world.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "common/base/crc32c.h"
#include "common/reading/payload.h"
#include "tests/faults/disk_faults.h"

namespace tributary::faults {
namespace {

constexpr size_t kMessagesAStep = 40;
constexpr uint64_t kFlightBytesMax = 1 << 20;
constexpr size_t kClosedMax = 8192;  // closed windows in the memory of an edge

std::string make_root() {
  static std::atomic<int> counter{0};
  const std::string base = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  std::string root = base + "/tributary-faults-" + std::to_string(::getpid()) + "-" + std::to_string(++counter);
  std::filesystem::remove_all(root);
  std::filesystem::create_directories(root);
  return root;
}

}  // namespace

World::World(const Schedule& schedule) : schedule_(schedule), random_(schedule.seed), root_(make_root()) {
  start_wall_ns_ = (1'700'000'000 + static_cast<int64_t>(random_.below(10'000))) * kNanosPerSecond;
  mono_ns_ = 1000 * kNanosPerSecond;
  for (uint32_t i = 0; i < schedule_.tenants; ++i) tenants_.push_back("tenant" + std::to_string(i));
  for (uint32_t i = 0; i < schedule_.gateways; ++i) {
    Site site;
    site.tenant = tenants_[i % tenants_.size()];
    site.name = "gateway" + std::to_string(i);
    sites_.push_back(std::move(site));
    auto edge = std::make_unique<Edge>();
    edge->generation = ++generations_;
    edge->site = i;
    edge->dir = folder("edge" + std::to_string(i));
    edges_.push_back(std::move(edge));
  }
  bridges_.resize(schedule_.bridges);
  for (BridgeSim& bridge : bridges_) start_bridge(bridge);
  auto reader = log::open_reader(log_config());
  if (!reader) fail(reader.error().message);
  log_reader_ = std::move(*reader);
}

World::~World() {
  DiskFaults::clear();
  edges_.clear();
  bridges_.clear();
  query_.reset();
  merger_.reset();
  writer_.reset();
  aggregator_reader_.reset();
  log_reader_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

Figures World::run() {
  for (const Event& event : schedule_.events) {
    // What an event does must not depend on those that were left out before it.
    random_ = Random(event.random);
    note(std::string("event: ") + to_string(event.kind));
    apply(event);
    // The answers must be right at every moment, so they are looked at in the middle of things.
    const bool look = random_.chance(40);
    const auto first_ms = static_cast<int64_t>(look ? random_.below(std::min(event.run_ms, 2000U) + 1) : 0);
    pump(first_ms);
    if (look) probe(Depth::kClaims);
    pump(static_cast<int64_t>(event.run_ms) - first_ms);
  }
  random_ = Random(schedule_.seed ^ 0x5e771e);
  note("settling");
  settle();
  figures_.readings = oracle_.readings().size();
  figures_.records = records_.size();
  return figures_;
}

void World::note(const std::string& line) { trace_.push_back(reading::format_timestamp(wall_ns()) + "  " + line); }

log::LogConfig World::log_config() const {
  log::LogConfig config;
  config.url = "lmdb://" + folder("log");
  config.sync = false;
  config.retention_ms = schedule_.log_retention_ms > 0 ? schedule_.log_retention_ms : 100LL * 365 * 24 * 3600 * 1000;
  return config;
}

edge::GatewayConfig World::edge_config(const Edge& edge) const {
  edge::GatewayConfig config;
  config.tenant = sites_[edge.site].tenant;
  config.gateway = sites_[edge.site].name;
  config.state_dir = edge.dir;
  config.budget_bytes = schedule_.budget_bytes;
  config.base_width_s = schedule_.base_width_s;
  config.checkpoint_interval_ms = schedule_.checkpoint_ms;
  config.sync = false;
  config.clock_trust = edge::ClockTrust::kSynchronised;
  config.clock_synchronised = edge.machine.clock_set;
  config.boot_id = boot_id(edge);
  return config;
}

void World::advance(int64_t ms) { mono_ns_ += ms * kMilli; }

void World::pump(int64_t ms) {
  int64_t step_ms = 100;
  const int64_t most = std::max<int64_t>(1000, ms / 12);
  for (int64_t done = 0; done < ms;) {
    const int64_t next = std::min(step_ms, ms - done);
    advance(next);
    step();
    done += next;
    step_ms = std::min(step_ms * 3 / 2, most);
  }
}

void World::step() {
  for (auto& edge : edges_) {
    if (edge->disk_full_until_ns > 0 && mono_ns_ >= edge->disk_full_until_ns) {
      edge->disk_full_until_ns = 0;
      DiskFaults::drain(edge->dir);
    }
  }
  if (aggregator_full_until_ns_ > 0 && mono_ns_ >= aggregator_full_until_ns_) {
    aggregator_full_until_ns_ = 0;
    DiskFaults::drain(folder("state"));
  }
  if (mono_ns_ >= log_trouble_until_ns_) log_trouble_ = LogTrouble::kNone;
  if (!broker_up_ && mono_ns_ >= broker_start_at_ns_) {
    broker_up_ = true;
    for (auto& edge : edges_) {
      if (edge->core) edge->core->on_connected(edge_now(*edge));
    }
  }
  for (auto& edge : edges_) step_edge(*edge);
  for (auto& edge : edges_) set_clock(*edge);
  deliver_up();
  for (BridgeSim& bridge : bridges_) step_bridge(bridge);
  deliver_down();
  step_aggregator();
}

// Edges.

void World::start_edge(Edge& edge) {
  Site& site = sites_[edge.site];
  const auto hook = [&edge](edge::CommitPoint point) {
    if (edge.kill_countdown == 0 || point != edge.kill_point) return;
    if (--edge.kill_countdown == 0) throw Killed{};
  };
  Random random(random_.next() ^ ++epochs_made_ << 40);
  ++site.starts;  // one that dies while it opens may have begun its epoch
  auto opened = edge::GatewayCore::open(
      edge_config(edge), [random]() mutable { return random.next(); }, edge_now(edge), hook);
  if (!opened) {
    // A full disk is the one thing that may keep it from starting; it is started again.
    if (!DiskFaults::is_full(edge.dir)) fail("an edge does not start: " + opened.error().message);
    edge.start_at_ns = mono_ns_ + 5 * kNanosPerSecond;
    return;
  }
  edge.core = std::move(*opened);
  const edge::RecoveryReport& recovery = edge.core->recovery();
  note(site.name + " starts: epoch " + std::to_string(recovery.epoch) + " after " +
       std::to_string(recovery.predecessor) + (recovery.moved_aside ? ", outbox moved aside" : "") + ", inherited " +
       std::to_string(recovery.inherited_partials) + ", flight " + std::to_string(recovery.flight_items));
  require(!recovery.moved_aside || edge.may_be_moved_aside, "a sound outbox was moved aside");
  if (recovery.moved_aside) edge.may_be_moved_aside = false;
  if (clocks()) learn_places(edge);
  edge.checkpoints = edge.coarsened = 0;
  edge.status_due_ns = mono_ns_;
  edge.offline = edge.core->status_json(false, edge_now(edge));
  edge.core->on_connected(edge_now(edge));
}

void World::step_edge(Edge& edge) {
  try {
    if (!edge.core) {
      if (mono_ns_ < edge.start_at_ns) return;
      if (clocks()) look_before_start(edge);
      start_edge(edge);
      if (!edge.core) return;
    }
    const bool had_clock = edge.core->clock_set();
    if (clocks() && !had_clock && edge.machine.clock_set) {
      expect_places(edge, edge.core->recovery().boots, edge.core->stats().last_durable_ns);
    }
    const Status ticked = edge.core->tick(edge_now(edge));
    if (!ticked && !DiskFaults::is_full(edge.dir)) fail("an edge cannot write: " + ticked.error().message);
    if (!ticked) require(edge.core->stats().disk_full, "a full disk is not told");
    if (ticked) note_durable(edge);
    if (clocks() && !had_clock && edge.core->clock_set()) learn_places(edge);
    forget_undated(edge);
    const edge::GatewayStats stats = edge.core->stats();
    require(stats.flight_bytes <= kFlightBytesMax, "more than 1 MiB in flight");
    require(stats.open_windows <= 8 * std::max<uint64_t>(stats.series, 1), "more than 8 open windows a series");
    require(stats.used_bytes <= stats.budget_bytes, "the budget is exceeded");
    watch_coarsening(edge, stats);
    if (mono_ns_ >= edge.status_due_ns) {
      edge.status_due_ns = mono_ns_ + 15 * kNanosPerSecond;
      publish(edge.site, "status", edge.core->status_json(true, edge_now(edge)), true);
    }
    send_messages(edge);
  } catch (const Killed&) {
    note(sites_[edge.site].name + " dies at a commit");
    drop_edge(edge, static_cast<int64_t>(random_.below(4000)));
  }
}

// An edge may merge windows into wider ones when its budget runs short, or when its disk is full and more windows than
// it may hold in memory have closed, and must say that it did.
void World::watch_coarsening(Edge& edge, const edge::GatewayStats& stats) {
  const uint64_t used_bytes = std::max(edge.used_bytes, stats.used_bytes);
  edge.used_bytes = stats.used_bytes;
  if (stats.coarsened_total == edge.coarsened) return;
  edge.coarsened = stats.coarsened_total;
  sites_[edge.site].coarse = true;
  const bool budget = used_bytes >= stats.budget_bytes / 10 * 7;
  // Each closed window holds a reading that is not durable, but for those of the checkpoint, 8 a series at most.
  const bool memory = stats.disk_full && edge.undurable.size() + 8 * stats.series > kClosedMax;
  if (!budget && !memory) {
    fail(sites_[edge.site].name + " merges windows with " + std::to_string(used_bytes) + " of " +
         std::to_string(stats.budget_bytes) + " bytes in use and " + std::to_string(edge.undurable.size()) +
         " readings in memory");
  }
}

void World::send_messages(Edge& edge) {
  Site& site = sites_[edge.site];
  for (size_t i = 0; i < kMessagesAStep; ++i) {
    const auto message = edge.core->next_message(edge_now(edge));
    if (!message) return;
    if (!broker_up_ || !site.link.connected) {
      edge.core->message_not_sent();
      return;
    }
    watch_message(edge, *message);
    std::string payload(as_text(*message));
    site.last_message = payload;
    if (mono_ns_ < site.newer_until_ns) {
      // As a program of the next version would write it.
      payload[4] = 2;
      const uint32_t crc = crc32c(as_bytes(std::string_view(payload).substr(0, 56)));
      for (int byte = 0; byte < 4; ++byte)
        payload[static_cast<size_t>(56 + byte)] = static_cast<char>(crc >> (8 * byte));
    }
    publish(edge.site, "partials", std::move(payload), false);
  }
}

void World::note_durable(Edge& edge) {
  const uint64_t checkpoints = edge.core->stats().checkpoints_total;
  if (checkpoints == edge.checkpoints) return;
  edge.checkpoints = checkpoints;
  for (const uint32_t index : edge.undurable) oracle_.readings()[index].durable = true;
  edge.undurable.clear();
}

void World::drop_edge(Edge& edge, int64_t away_ms) {
  ++figures_.kills;
  if (edge.core && broker_up_ && sites_[edge.site].link.connected) publish(edge.site, "status", edge.offline, true);
  edge.core.reset();
  for (const uint32_t index : edge.undurable) oracle_.readings()[index].excuses |= kExcuseCrash;
  edge.undurable.clear();
  edge.kill_countdown = 0;
  edge.start_at_ns = mono_ns_ + away_ms * kMilli;
}

bool World::stop_edge(Edge& edge, int64_t away_ms) {
  if (!edge.core) return false;
  try {
    const Status closed = edge.core->close(edge_now(edge));
    if (!closed) {
      if (!DiskFaults::is_full(edge.dir)) fail("an edge cannot stop: " + closed.error().message);
      drop_edge(edge, away_ms);
      return false;
    }
  } catch (const Killed&) {
    drop_edge(edge, away_ms);
    return false;
  }
  for (const uint32_t index : edge.undurable) oracle_.readings()[index].durable = true;
  edge.undurable.clear();
  publish(edge.site, "status", edge.offline, true);
  edge.core.reset();
  edge.kill_countdown = 0;
  edge.start_at_ns = mono_ns_ + away_ms * kMilli;
  return true;
}

// Network and broker.

void World::publish(size_t site_index, const std::string& leaf, std::string payload, bool retained) {
  const Site& site = sites_[site_index];
  if (!broker_up_ || !site.link.connected) return;
  ++figures_.messages;
  Packet packet{0, "tributary/v1/" + site.tenant + "/" + site.name + "/" + leaf, std::move(payload), false, site_index};
  (void)retained;  // a subscriber that is there gets it as a live one
  const int copies = random_.chance(site.link.repeat) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (random_.chance(site.link.lose_up)) continue;
    packet.due_ns =
        mono_ns_ + static_cast<int64_t>(random_.below(static_cast<uint64_t>(site.link.delay_ms + 1))) * kMilli;
    up_.push_back(packet);
  }
}

void World::deliver_up() {
  std::stable_sort(up_.begin(), up_.end(), [](const Packet& a, const Packet& b) { return a.due_ns < b.due_ns; });
  size_t taken = 0;
  for (; taken < up_.size() && up_[taken].due_ns <= mono_ns_; ++taken) {
    if (broker_up_) held_.push_back(std::move(up_[taken]));
  }
  up_.erase(up_.begin(), up_.begin() + static_cast<std::ptrdiff_t>(taken));
  for (BridgeSim& bridge : bridges_) {
    if (!bridge.core && mono_ns_ >= bridge.start_at_ns) start_bridge(bridge);
  }
  std::vector<BridgeSim*> alive;
  for (BridgeSim& bridge : bridges_) {
    if (bridge.core) alive.push_back(&bridge);
  }
  if (!broker_up_ || alive.empty()) return;
  for (const Packet& packet : held_) {
    const mqtt::Message message{packet.topic, packet.payload, packet.retained, 1};
    if (packet.topic.size() > 7 && packet.topic.compare(packet.topic.size() - 7, 7, "/status") == 0) {
      for (BridgeSim* bridge : alive) (void)bridge->inbox->offer(message);
      continue;
    }
    // Shared subscription; with two copies both bridges get one.
    (void)alive[next_bridge_++ % alive.size()]->inbox->offer(message);
  }
  held_.clear();
}

void World::deliver_down() {
  std::stable_sort(down_.begin(), down_.end(), [](const Packet& a, const Packet& b) { return a.due_ns < b.due_ns; });
  size_t taken = 0;
  for (; taken < down_.size() && down_[taken].due_ns <= mono_ns_; ++taken) {
    const Packet& packet = down_[taken];
    for (auto& edge : edges_) {
      if (edge->site != packet.site || !edge->core || !broker_up_) continue;
      wire::Ack ack;
      if (wire::decode_ack(as_bytes(packet.payload), ack)) {
        for (uint32_t i = 0; i < ack.range_count; ++i) {
          if (ack.ranges[i].first == 1) sites_[packet.site].openings_acked.insert(ack.epoch);
        }
      }
      edge->core->on_ack(as_bytes(packet.payload), edge_now(*edge));
    }
  }
  down_.erase(down_.begin(), down_.begin() + static_cast<std::ptrdiff_t>(taken));
}

// Bridges.

void World::start_bridge(BridgeSim& bridge) {
  auto writer = log::open_writer(log_config());
  if (!writer) fail("a bridge does not start: " + writer.error().message);
  bridge.writer = std::move(*writer);
  bridge.core = std::make_unique<bridge::Core>(bridge::CoreConfig{});
  const bool overload = mono_ns_ < overload_until_ns_;
  bridge.inbox =
      std::make_shared<bridge::Inbox>(overload ? 2 : 2000, overload ? 20'000 : 32 << 20, wire::kMessageBytesMax + 1);
}

// As Bridge::append_next. False: nothing was there, or the log takes no more at present.
bool World::append_next(BridgeSim& bridge) {
  if (!bridge.stalled) {
    bridge.stalled = bridge.core->due_status(cloud_now());
    if (!bridge.stalled) {
      auto message = bridge.inbox->take_message();
      if (!message) return false;
      auto effects = bridge.core->on_message({message->topic, message->payload, message->retained}, cloud_now());
      bridge.stalled = std::move(effects.append);
    }
    if (!bridge.stalled) return true;
  } else {
    bridge.stalled->record.append_ns = wall_ns();
  }
  if (log_trouble_ == LogTrouble::kBusy) return false;
  const uint64_t token = bridge.stalled->token;
  if (log_trouble_ == LogTrouble::kRefuses) {
    bridge.inbox->settled(token, false);
  } else {
    const bool told = log_trouble_ != LogTrouble::kTimesOut;
    const Status taken = bridge.writer->append(
        bridge.stalled->record,
        [inbox = bridge.inbox, token, told](const Status& status) { inbox->settled(token, told && status.ok()); });
    if (!taken) fail("the log refuses a record: " + taken.error().message);
  }
  bridge.stalled.reset();
  return true;
}

void World::step_bridge(BridgeSim& bridge) {
  if (!bridge.core) return;
  const bool overload = mono_ns_ < overload_until_ns_;
  for (size_t i = 0; i < (overload ? 2 : 200) && append_next(bridge); ++i) {
  }
  bridge.writer->flush();
  watch_log();
  const auto settled = bridge.inbox->take_settled();
  if (bridge.die_before_ack && !settled.empty()) return kill_bridge(bridge, static_cast<int64_t>(random_.below(3000)));
  // One order, whichever thread was faster.
  auto sorted = settled;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.token < b.token; });
  for (const bridge::SettledAppend& append : sorted) bridge.core->on_appended(append.token, append.durable);
  while (auto ack = bridge.core->next_ack()) {
    bridge.core->ack_published();
    const auto leaf = ack->topic.rfind('/');
    const auto name = ack->topic.rfind('/', leaf - 1);
    const auto tenant = ack->topic.rfind('/', name - 1);
    const auto site =
        site_of(ack->topic.substr(tenant + 1, name - tenant - 1), ack->topic.substr(name + 1, leaf - name - 1));
    if (!site || !broker_up_) continue;
    const Link& link = sites_[*site].link;
    if (!link.connected || random_.chance(link.lose_down)) continue;
    const auto delay = static_cast<int64_t>(random_.below(static_cast<uint64_t>(link.delay_ms + 1)));
    down_.push_back({mono_ns_ + delay * kMilli, ack->topic, ack->payload, false, *site});
  }
}

void World::kill_bridge(BridgeSim& bridge, int64_t away_ms) {
  ++figures_.kills;
  bridge.core.reset();
  bridge.writer.reset();
  bridge.inbox.reset();
  bridge.stalled.reset();
  bridge.die_before_ack = false;
  bridge.start_at_ns = mono_ns_ + away_ms * kMilli;
}

// The aggregator.

void World::start_aggregator() {
  merge::WriterConfig config;
  config.path = folder("state");
  config.sync = false;
  for (int64_t& retention : config.retention_s) retention = 300LL * 365 * 86400;
  auto writer = merge::StateWriter::open(config);
  if (!writer) {
    if (!DiskFaults::is_full(config.path)) fail("the aggregator does not start: " + writer.error().message);
    aggregator_start_at_ns_ = mono_ns_ + kNanosPerSecond;
    return;
  }
  writer_ = std::move(*writer);
  auto reader = log::open_reader(log_config());
  if (!reader) fail("the aggregator finds no log: " + reader.error().message);
  aggregator_reader_ = std::move(*reader);
  api::MergerConfig merging;
  const size_t sizes[] = {1, 3, 20, 1000};
  merging.records_max = sizes[random_.below(4)];
  merging.wait_ms = 0;
  api::MergerDependencies parts;
  parts.writer = writer_.get();
  parts.log = [this]() -> Result<log::Reader*> { return aggregator_reader_.get(); };
  parts.now_ns = [this] { return wall_ns(); };
  parts.committed = [] {};
  log_end_ = std::make_unique<query::LogEndNote>();
  parts.end = log_end_.get();
  merger_ = std::make_unique<api::Merger>(merging, std::move(parts));
  query_ = query::LocalQuery::make({&writer_->state()}, {log_end_.get()});
}

void World::step_aggregator() {
  if (!writer_) {
    if (mono_ns_ < aggregator_start_at_ns_) return;
    start_aggregator();
    if (!writer_) return;
  }
  for (int i = 0; i < 300; ++i) {
    const uint64_t before = writer_->position();
    const auto bounds = aggregator_reader_->bounds(0);
    if (!bounds) fail(bounds.error().message);
    const api::Merger::Round round = merger_->round();
    if (DiskFaults::killed()) {
      note("the aggregator dies at a commit");
      drop_aggregator(static_cast<int64_t>(random_.below(2000)));
      return;
    }
    if (round == api::Merger::Round::kTrouble && DiskFaults::is_full(folder("state"))) {
      require(merger_->trouble().find("disk is full") != std::string::npos,
              "a full disk is not told by the aggregator");
      return;
    }
    if (round == api::Merger::Round::kTrouble || round == api::Merger::Round::kRefused) {
      fail("the aggregator stands still: " + merger_->trouble());
    }
    if (before < bounds->begin && writer_->position() >= bounds->begin) excuse_hole(before, bounds->begin);
    if (round == api::Merger::Round::kIdle && writer_->position() == before) return;
  }
}

void World::drop_aggregator(int64_t away_ms) {
  ++figures_.kills;
  query_.reset();
  merger_.reset();
  writer_.reset();
  aggregator_reader_.reset();
  DiskFaults::revive();
  aggregator_start_at_ns_ = mono_ns_ + away_ms * kMilli;
}

}  // namespace tributary::faults
