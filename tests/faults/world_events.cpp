// SPDX-License-Identifier: Apache-2.0
// What a schedule can do to the system.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "cloud/bridge/ingest.h"
#include "tests/faults/disk_faults.h"
#include "tests/faults/world.h"
#include "tests/support/reading.h"

namespace tributary::faults {
namespace {

namespace fs = std::filesystem;

void copy_file(const std::string& from, const std::string& to) {
  fs::create_directories(fs::path(to).parent_path());
  fs::copy_file(from, to, fs::copy_options::overwrite_existing);
}

std::string text_of(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

}  // namespace

void World::apply(const Event& event) {
  Edge& edge = edge_of(event.a);
  Site& site = sites_[edge.site];
  BridgeSim& bridge = bridges_[event.a % bridges_.size()];
  const auto later = [&](uint64_t ms) { return mono_ns_ + static_cast<int64_t>(random_.below(ms)) * kMilli; };
  switch (event.kind) {
    case Kind::kReadings:
      for (uint32_t i = 0; i < 1 + event.b % 20; ++i) {
        if (edge.core) accept(edge, pick_time(edge));
        if (random_.chance(30)) pump(static_cast<int64_t>(random_.below(random_.chance(20) ? 12'000 : 500)));
      }
      break;
    case Kind::kBacklog:
      for (uint32_t i = 0; i < event.b; ++i) {
        if (edge.core) {
          accept(edge, wall_ns() - static_cast<int64_t>(random_.below(20 * 86400)) * kNanosPerSecond);
        }
        if (i % 64 == 63) {
          advance(200);
          step_edge(edge);
        }
      }
      break;
    case Kind::kPost:
      make_request(tenants_[event.a % tenants_.size()], 1 + event.b % 6);
      break;
    case Kind::kPause:
    case Kind::kCount:
      break;
    case Kind::kKillEdge:
      drop_edge(edge, static_cast<int64_t>(random_.below(random_.chance(20) ? 600'000 : 5'000)));
      break;
    case Kind::kKillEdgeCommit:
      edge.kill_countdown = 1 + static_cast<int>(event.b / 2 % 6);
      edge.kill_point = event.b % 2 == 0 ? edge::CommitPoint::kBefore : edge::CommitPoint::kAfter;
      break;
    case Kind::kStopEdge:
      (void)stop_edge(edge, static_cast<int64_t>(random_.below(60'000)));
      break;
    case Kind::kNetwork:
      set_network(site, event.b);
      break;
    case Kind::kKillBroker:
      ++figures_.kills;
      broker_up_ = false;
      broker_start_at_ns_ = later(30'000);
      held_.clear();
      up_.clear();
      down_.clear();
      break;
    case Kind::kKillBridge:
      if (bridge.core) kill_bridge(bridge, static_cast<int64_t>(random_.below(random_.chance(20) ? 900'000 : 5'000)));
      break;
    case Kind::kKillBridgeAck:
      bridge.die_before_ack = true;
      break;
    case Kind::kOverload:
      overload_until_ns_ = later(60'000);
      for (BridgeSim& each : bridges_) {
        if (each.core) kill_bridge(each, 0);  // started again with a small queue
      }
      break;
    case Kind::kLogTrouble:
      log_trouble_ = static_cast<LogTrouble>(1 + event.b % 3);
      log_trouble_until_ns_ = later(40'000);
      break;
    case Kind::kKillAggregator:
      drop_aggregator(static_cast<int64_t>(random_.below(random_.chance(30) ? 3'600'000 : 5'000)));
      break;
    case Kind::kKillAggregatorCommit:
      if (writer_) DiskFaults::kill_after_commits(folder("state"), static_cast<int>(event.b % 3));
      break;
    case Kind::kBackupState:
      if (!writer_) break;
      state_backup_ = folder("state-backup");
      copy_file(folder("state") + "/data.mdb", state_backup_ + "/data.mdb");
      break;
    case Kind::kRestoreState:
      if (state_backup_.empty()) break;
      drop_aggregator(static_cast<int64_t>(random_.below(5000)));
      fs::remove_all(folder("state"));
      copy_file(state_backup_ + "/data.mdb", folder("state") + "/data.mdb");
      break;
    case Kind::kSecondAggregator:
      second_aggregator();
      break;
    case Kind::kForeignLog:
      foreign_log();
      break;
    case Kind::kShorterLog:
      shorter_log();
      break;
    case Kind::kBackupOutbox:
      if (!edge.core || (!clocks() && is_undated(edge.site))) break;
      if (clocks()) note_backup(edge);
      site.backup = folder("outbox-backup" + std::to_string(edge.site));
      copy_file(edge.dir + "/outbox/data.mdb", site.backup + "/data.mdb");
      break;
    case Kind::kRestoreOutbox:
      if (site.backup.empty() || edge.may_be_moved_aside) break;
      drop_edge(edge, static_cast<int64_t>(random_.below(5000)));
      identity_trouble_ = true;
      if (clocks()) {
        excuse_restored(edge);
      } else {
        excuse_unlogged(edge, kExcuseCrash | kExcuseParked);
      }
      if (!site.parking_since) site.parking_since = oracle_.readings().size();
      fs::remove_all(edge.dir + "/outbox");
      copy_file(site.backup + "/data.mdb", edge.dir + "/outbox/data.mdb");
      if (clocks()) take_undated(edge, site.backup_undated);
      break;
    case Kind::kCloneOutbox: {
      if (!edge.core || site.cloned || edge.may_be_moved_aside || (!clocks() && is_undated(edge.site))) break;
      identity_trouble_ = site.cloned = true;
      auto clone = std::make_unique<Edge>();
      clone->site = edge.site;
      clone->dir = folder("clone" + std::to_string(edge.site));
      clone->start_at_ns = later(5000);
      clone->machine = edge.machine;
      take_undated(*clone, copied(edge));
      copy_file(edge.dir + "/outbox/data.mdb", clone->dir + "/outbox/data.mdb");
      edges_.push_back(std::move(clone));
      if (clocks()) clone_machine(*edges_.back(), event.b);
      // From here on either side may be the one whose partials are parked.
      excuse_unlogged(edge, kExcuseParked | (clocks() ? 0U : uint32_t{kExcuseCrash}));
      site.parking_since = 0;
      break;
    }
    case Kind::kCorruptOutbox:
      corrupt(edge, event.b);
      break;
    case Kind::kWipe:
      drop_edge(edge, static_cast<int64_t>(random_.below(60'000)));
      identity_trouble_ = true;
      excuse_unlogged(edge, known_to_cloud(edge.site) ? kExcuseWiped : kExcuseUnknown);
      fs::remove_all(edge.dir);
      edge.may_be_moved_aside = false;
      if (clocks()) take_undated(edge, {});
      break;
    case Kind::kForeignTenant:
      foreign_tenant(edge);
      break;
    case Kind::kPowerCut:
      cut_power(edge, event.b);
      break;
    case Kind::kClock:
      step_clock(edge, event.b);
      break;
    case Kind::kGarbageTimes: {
      const std::array<int64_t, 8> times = {std::numeric_limits<int64_t>::min(),
                                            std::numeric_limits<int64_t>::max(),
                                            0,
                                            -1'000'000'000'000'000'000,
                                            9'223'300'000'000'000'000,
                                            wall_ns() + 365 * kDay,
                                            wall_ns() - 365 * kDay,
                                            -1};
      for (int i = 0; edge.core && i < 6; ++i) accept(edge, times[random_.below(times.size())]);
      break;
    }
    case Kind::kDiskFullEdge:
      DiskFaults::fill(edge.dir);
      edge.disk_full_until_ns = later(120'000) + 1;
      break;
    case Kind::kDiskFullCloud:
      DiskFaults::fill(folder("state"));
      aggregator_full_until_ns_ = later(120'000) + 1;
      break;
    case Kind::kNewerVersion:
      site.newer_until_ns = later(120'000);
      break;
    case Kind::kDamagedMessage:
      damage(edge.site, event.b);
      break;
    case Kind::kEverything:
      for (auto& each : edges_) drop_edge(*each, static_cast<int64_t>(random_.below(5000)));
      for (BridgeSim& each : bridges_) {
        if (each.core) kill_bridge(each, static_cast<int64_t>(random_.below(5000)));
      }
      drop_aggregator(static_cast<int64_t>(random_.below(5000)));
      broker_up_ = false;
      broker_start_at_ns_ = later(5000);
      held_.clear();
      up_.clear();
      down_.clear();
      break;
    case Kind::kProbe:
      probe(Depth::kAnswers);
      break;
  }
}

// Readings.

uint32_t World::pick_series(size_t site_index) {
  Site& site = sites_[site_index];
  for (int attempt = 0; attempt < 4 && !site.series.empty() && !random_.chance(15); ++attempt) {
    const uint32_t series = site.series[random_.below(site.series.size())];
    if (oracle_.has_room(series)) return series;
  }
  // Now and then a device that another gateway of the tenant, or a client over HTTP, reports too.
  if (random_.chance(20)) {
    std::vector<uint32_t> others;
    for (uint32_t i = 0; i < oracle_.series().size(); ++i) {
      if (oracle_.series()[i].tenant == site.tenant && oracle_.has_room(i)) others.push_back(i);
    }
    if (!others.empty()) {
      site.series.push_back(others[random_.below(others.size())]);
      return site.series.back();
    }
  }
  Series name;
  name.device = "d" + std::to_string(next_number_++);
  name.metric = random_.chance(50) ? "temperature" : "power";
  site.series.push_back(oracle_.add_series(site.tenant, name, random_.next()));
  return site.series.back();
}

std::optional<int64_t> World::pick_time(const Edge& edge) {
  const int64_t now_ns = true_now(edge);
  const auto back = [&](uint64_t seconds) {
    return now_ns - static_cast<int64_t>(random_.below(seconds * 1000)) * kMilli;
  };
  switch (random_.below(20)) {
    case 0:
      return back(7 * 86400);
    case 1:
    case 2:
      return back(3 * 3600);
    case 3:
    case 4:
    case 5:
      return back(60);
    case 6:
      return now_ns + static_cast<int64_t>(random_.below(300'000)) * kMilli;
    case 7:
      return std::nullopt;
    default:
      return now_ns - static_cast<int64_t>(random_.below(2000)) * kMilli;
  }
}

void World::accept(Edge& edge, std::optional<int64_t> time_ns) {
  const Site& site = sites_[edge.site];
  const uint32_t series = pick_series(edge.site);
  const Instant now = edge_now(edge);
  const int64_t arrival_ns = true_now(edge);
  const uint32_t index =
      oracle_.add_reading(series, static_cast<int>(edge.site), time_ns.value_or(arrival_ns), arrival_ns);
  const OracleSeries& of = oracle_.series()[series];
  Reading& reading = oracle_.readings()[index];
  reading.true_ns = wall_ns();
  reading.edge = number_of(edge);
  if (!edge.core->accept(test::number(of.name.device, of.name.metric, time_ns, reading.value), now)) {
    // Refused: it must not count. No gateway will ever have it, and its value stands for nothing else.
    reading.refused = true;
    reading.excuses = kExcuseNoAnswer;
    return;
  }
  if (site.parking_since) reading.excuses |= kExcuseParked;
  edge.undurable.push_back(index);
  if (edge.core->clock_set()) return;
  reading.own_time = time_ns.has_value();
  // Refused when the clock is known.
  if (!clocks() && reading.time_ns > arrival_ns + 300 * kNanosPerSecond) reading.excuses |= kExcuseRejected;
  note_undated(edge, index);
}

// HTTP.

void World::make_request(const std::string& tenant, uint64_t count) {
  Request request;
  request.tenant = tenant;
  request.first_ns = mono_ns_;
  if (random_.chance(80)) request.key = "key-" + std::to_string(next_number_++);
  request.body = "[";
  for (uint64_t i = 0; i < count; ++i) {
    std::vector<uint32_t> with_room;
    for (uint32_t s = 0; s < oracle_.series().size(); ++s) {
      if (oracle_.series()[s].tenant == tenant && oracle_.has_room(s)) with_room.push_back(s);
    }
    uint32_t series = 0;
    if (with_room.empty() || random_.chance(30)) {
      Series name;
      name.device = "d" + std::to_string(next_number_++);
      name.metric = "temperature";
      series = oracle_.add_series(tenant, name, random_.next());
    } else {
      series = with_room[random_.below(with_room.size())];
    }
    const int64_t time_ns =
        wall_ns() - static_cast<int64_t>(random_.below(random_.chance(20) ? 9'000'000 : 5'000)) * kMilli;
    const uint32_t index = oracle_.add_reading(series, kOverHttp, time_ns, wall_ns());
    request.readings.push_back(index);
    const OracleSeries& of = oracle_.series()[series];
    request.body += std::string(i == 0 ? "" : ",") + R"({"device_id":")" + of.name.device + R"(",")" + of.name.metric +
                    R"(":)" + text_of(oracle_.readings()[index].value) + R"(,"timestamp":)" + std::to_string(time_ns) +
                    "}";
  }
  request.body += "]";
  for (const uint32_t index : request.readings) oracle_.readings()[index].excuses |= kExcuseNoAnswer;
  const bool answered = send_request(request);
  // The answer may be lost on its way, so that the client repeats what was answered.
  if (!request.key.empty() && (!answered || random_.chance(30))) requests_.push_back(std::move(request));
}

// True: answered 202.
bool World::send_request(Request& request) {
  std::vector<BridgeSim*> alive;
  for (BridgeSim& bridge : bridges_) {
    if (bridge.core) alive.push_back(&bridge);
  }
  if (alive.empty()) return false;
  BridgeSim& bridge = *alive[random_.below(alive.size())];
  const auto result = bridge::make_records({}, {request.tenant, request.body, request.key}, 1, cloud_now());
  require(result.accepted == request.readings.size(), "a request's readings are refused");
  bool durable = true;
  for (const log::Record& record : result.records) {
    if (log_trouble_ == LogTrouble::kBusy || log_trouble_ == LogTrouble::kRefuses) {
      durable = false;
      continue;
    }
    if (!bridge.writer->append(record, nullptr)) fail("the log refuses a request's record");
    if (log_trouble_ == LogTrouble::kTimesOut) durable = false;
  }
  bridge.writer->flush();
  watch_log();
  if (!durable) return false;
  for (const uint32_t index : request.readings) {
    oracle_.readings()[index].excuses &= ~static_cast<uint32_t>(kExcuseNoAnswer);
    oracle_.readings()[index].durable = true;
    oracle_.readings()[index].answered_ns = wall_ns();
  }
  return true;
}

void World::retry_requests(bool last) {
  for (size_t left = requests_.size(); left > 0; --left) {
    Request request = std::move(requests_.front());
    requests_.pop_front();
    // Beyond a day a key is forgotten, and a client must not repeat.
    if (mono_ns_ - request.first_ns > kDay / 2) continue;
    if (!send_request(request) && !last) requests_.push_back(std::move(request));
  }
}

// Faults with more to them.

void World::set_network(Site& site, uint32_t how) {
  site.link = Link{};
  switch (how % 8) {
    case 0:
      break;
    case 1:
      site.link.connected = false;
      break;
    case 2:
      site.link.lose_up = 100;  // one-way partition; half-open: the edge believes it is connected
      break;
    case 3:
      site.link.lose_down = 100;
      break;
    case 4:
      site.link = {true, 30, 30, 0, 0};
      break;
    case 5:
      site.link = {true, 0, 0, 60, 4000};
      break;
    default:
      site.link = {true, static_cast<uint32_t>(random_.below(60)), static_cast<uint32_t>(random_.below(60)),
                   static_cast<uint32_t>(random_.below(50)), static_cast<int64_t>(random_.below(10'000))};
      break;
  }
  if (!site.link.connected) return;
  for (auto& edge : edges_) {
    if (&sites_[edge->site] == &site && edge->core) edge->core->on_connected(edge_now(*edge));
  }
}

void World::corrupt(Edge& edge, uint32_t how) {
  const std::string file = edge.dir + "/outbox/data.mdb";
  if (!fs::exists(file)) return;
  drop_edge(edge, static_cast<int64_t>(random_.below(5000)));
  identity_trouble_ = true;
  edge.may_be_moved_aside = true;
  // If the newest commit's own page is damaged, the outbox is that of a commit earlier: as if restored.
  excuse_unlogged(edge, (is_undated(edge.site) ? uint32_t{kExcuseCrash} : 0U) | kExcuseReplaced | kExcuseParked |
                            (known_to_cloud(edge.site) ? 0U : uint32_t{kExcuseUnknown}));
  if (!sites_[edge.site].parking_since) sites_[edge.site].parking_since = oracle_.readings().size();
  const bool full = DiskFaults::is_full(edge.dir);
  DiskFaults::drain(edge.dir);  // this damage needs no room
  const auto size = static_cast<uint64_t>(fs::file_size(file));
  const int fd = ::open(file.c_str(), O_RDWR);
  require(fd >= 0, "the outbox cannot be opened to damage it");
  // Most of the file is not in use yet.
  const uint64_t pages = random_.chance(70) ? std::min<uint64_t>(size / 4096, 48) : size / 4096;
  switch (how % 3) {
    case 0:
      require(::ftruncate(fd, static_cast<off_t>(random_.below(pages * 4096))) == 0, "cannot truncate");
      break;
    case 1: {
      const std::string zeros(4096, '\0');
      require(::pwrite(fd, zeros.data(), zeros.size(), static_cast<off_t>(random_.below(pages) * 4096)) == 4096,
              "cannot write zeros");
      break;
    }
    default:
      // Some flipped bits, where something is written.
      for (uint64_t left = 1 + random_.below(4), tries = 400; left > 0 && tries > 0; --tries) {
        const auto at = static_cast<off_t>(random_.below(pages * 4096));
        uint8_t byte = 0;
        require(::pread(fd, &byte, 1, at) == 1, "cannot read");
        if (byte == 0) continue;
        byte ^= static_cast<uint8_t>(1U << random_.below(8));
        require(::pwrite(fd, &byte, 1, at) == 1, "cannot flip");
        --left;
      }
      break;
  }
  ::close(fd);
  if (full) DiskFaults::fill(edge.dir);
}

void World::damage(size_t site_index, uint32_t how) {
  const Site& site = sites_[site_index];
  std::string payload = site.last_message;
  if (payload.size() < 60) return;
  Packet packet{mono_ns_, "tributary/v1/" + site.tenant + "/" + site.name + "/partials", "", false, site_index};
  const auto flip = [&](size_t from, size_t to) {
    if (from < to) payload[from + random_.below(to - from)] ^= static_cast<char>(1 << random_.below(8));
  };
  switch (how % 7) {
    case 0:
    case 1:
      if (payload.size() == 60) return;
      flip(60, payload.size());
      break;
    case 2:
      flip(0, 60);
      break;
    case 3:
      payload.resize(random_.below(payload.size()));
      break;
    case 4:
      payload.append(70'000, '\0');
      break;
    case 5:
      packet.retained = true;
      break;
    default:
      packet.topic = "tributary/v1/" + site.tenant + "/some/where/else/partials";
      break;
  }
  packet.payload = payload;
  if (broker_up_) up_.push_back(packet);
}

void World::foreign_tenant(Edge& edge) {
  if (!edge.core || edge.may_be_moved_aside || (!clocks() && is_undated(edge.site))) return;
  const edge::GatewayStats stats = edge.core->stats();
  const bool data = stats.open_windows + stats.waiting_partials + stats.undated_readings > 0;
  if (!stop_edge(edge, 1000)) return;
  edge::GatewayConfig config = edge_config(edge);
  config.tenant = "tenant-of-others";
  Random random(random_.next());
  auto opened = edge::GatewayCore::open(
      config, [&] { return random.next(); }, edge_now(edge), nullptr);
  if (!opened) {
    if (!DiskFaults::is_full(edge.dir))
      require(opened.error().code == ErrorCode::kMismatch, "another tenant is refused otherwise");
    return;
  }
  require(!data, "data that waits is opened under another tenant");
  // Nothing was left to send, so the outbox begins anew, twice.
  (void)(*opened)->close(edge_now(edge));
  identity_trouble_ = true;
  excuse_unlogged(edge, known_to_cloud(edge.site) ? kExcuseWiped : kExcuseUnknown);
}

void World::second_aggregator() {
  if (!writer_) return;
  merge::WriterConfig config;
  config.path = folder("state");
  config.sync = false;
  auto second = merge::StateWriter::open(config);
  require(!second.ok() && second.error().code == ErrorCode::kBusy, "a second aggregator takes the same partition");
}

// The state meets a log that is not its own: it must stand still, and go on with its own.
void World::foreign_log() {
  if (!writer_ || writer_->state().log_id() == 0) return;
  log::LogConfig config = log_config();
  config.url = "lmdb://" + folder("foreign" + std::to_string(next_number_++));
  auto writer = log::open_writer(config);
  auto reader = log::open_reader(config);
  if (!writer || !reader) fail("a second log cannot be made");
  const uint64_t position = writer_->position();
  api::MergerDependencies parts;
  parts.writer = writer_.get();
  parts.log = [&]() -> Result<log::Reader*> { return reader->get(); };
  parts.now_ns = [this] { return wall_ns(); };
  parts.committed = [] {};
  api::MergerConfig merging;
  merging.wait_ms = 0;
  api::Merger merger(merging, std::move(parts));
  require(merger.round() == api::Merger::Round::kRefused, "another log is not refused");
  require(!merger.trouble().empty() && writer_->position() == position, "another log is taken");
}

void World::shorter_log() {
  const std::string path = folder("shorter" + std::to_string(next_number_++));
  copy_file(folder("log") + "/data.mdb", path + "/data.mdb");
  pump(3000);
  if (!writer_ || writer_->state().log_id() == 0 || DiskFaults::is_full(folder("state"))) return;
  log::LogConfig config = log_config();
  config.url = "lmdb://" + path;
  auto reader = log::open_reader(config);
  if (!reader) fail(reader.error().message);
  const uint64_t position = writer_->position();
  if ((*reader)->bounds(0).value().end >= position) return;
  api::MergerDependencies parts;
  parts.writer = writer_.get();
  parts.log = [&]() -> Result<log::Reader*> { return reader->get(); };
  parts.now_ns = [this] { return wall_ns(); };
  parts.committed = [] {};
  api::MergerConfig merging;
  merging.wait_ms = 0;
  api::Merger merger(merging, std::move(parts));
  require(merger.round() == api::Merger::Round::kRefused, "a shorter log is not refused");
  require(writer_->position() == position, "a shorter log moves the position");
}

}  // namespace tributary::faults
