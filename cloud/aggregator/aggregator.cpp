// SPDX-License-Identifier: Apache-2.0
// Aggregator, see aggregator.h.
#include "cloud/aggregator/aggregator.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "cloud/query/question/system.h"
#include "common/runtime/program.h"

namespace tributary::api {
namespace {

constexpr auto kReaderRetryInterval = std::chrono::milliseconds(450);

// The count of a log that is not there yet; it is stored with the log when it is made.
uint32_t default_partitions(const std::string& url) { return url.starts_with("kafka:") ? 16 : 1; }

}  // namespace

Result<std::unique_ptr<Aggregator>> Aggregator::open(const AggregatorConfig& config, AggregatorAdapters adapters) {
  std::unique_ptr<Aggregator> aggregator(new Aggregator(config, std::move(adapters)));
  if (Status states = aggregator->open_states(); !states) return states.error();
  if (Status cluster = aggregator->open_cluster(); !cluster) return cluster.error();
  if (Status feed = aggregator->open_feed(); !feed) return feed.error();
  aggregator->open_exporters();
  if (Status server = aggregator->open_server(); !server) return server.error();
  aggregator->make_mergers();
  return aggregator;
}

Aggregator::Aggregator(const AggregatorConfig& config, AggregatorAdapters adapters)
    : config_(config),
      adapters_(std::move(adapters)),
      started_(runtime::now()),
      auth_(std::make_unique<Auth>(config.keys_file, config.state_dir + "/signed-out")) {}

Aggregator::~Aggregator() { stop(); }

Status Aggregator::open_states() {
  uint32_t partitions = config_.log.partitions.value_or(default_partitions(config_.log.url));
  if (const auto log = reader()) {
    partitions = log.value()->settings().partitions;
  } else if (log.error().code == ErrorCode::kMismatch || log.error().code == ErrorCode::kInvalid ||
             log.error().code == ErrorCode::kCorrupt) {
    return log.error();
  }
  partitions_ = partitions;
  if (config_.replicas > partitions) {
    return Error{ErrorCode::kInvalid, "found " + std::to_string(config_.replicas) + " replicas, but the log has " +
                                          std::to_string(partitions) +
                                          " partitions: expected at least one for each. [log] partitions says how many "
                                          "a log gets when it is made"};
  }
  std::string damage;
  for (uint32_t partition = config_.ordinal; partition < partitions; partition += config_.replicas) {
    if (Status opened = open_state(partition, damage); !opened) return opened;
  }
  std::vector<const state::State*> views;
  std::vector<TakenUp> taken_up;
  std::vector<const query::LogEnd*> ends;
  for (const auto& writer : writers_) {
    views.push_back(&writer->state());
    ends.push_back(log_ends_.emplace_back(std::make_unique<query::LogEndNote>()).get());
    taken_up.push_back({writer->position(), writer->state().log_id() == 0});
  }
  watch_ = std::make_unique<MergeWatch>(std::move(taken_up), std::move(damage), started_, recoveries_);
  query_ = query::LocalQuery::make(std::move(views), std::move(ends));
  return {};
}

// damage: what was wrong with states that were moved aside, so far.
Status Aggregator::open_state(uint32_t partition, std::string& damage) {
  merge::WriterConfig one = config_.state;
  one.partition = partition;
  one.path = config_.state_dir + "/partition-" + std::to_string(partition);
  auto writer = merge::StateWriter::open(one);
  if (!writer && writer.error().code == ErrorCode::kCorrupt) {
    const auto aside = set_aside(one.path, partition, writer.error().message);
    if (!aside) return aside.error();
    runtime::log_warn("state: " + *aside);
    damage += (damage.empty() ? "" : "; ") + *aside;
    writer = merge::StateWriter::open(one);
  }
  if (!writer) return writer.error();
  writers_.push_back(std::move(writer).value());
  return {};
}

// The last step: what they tell of their commits is there.
void Aggregator::make_mergers() {
  const auto committed = [this] {
    api_->changed();
    if (feed_) feed_->wake();
    if (cluster_) cluster_->committed();
  };
  const auto merged = [this](const std::vector<log::StoredRecord>& batch) {
    const int64_t now_ns = runtime::now().wall_ns;
    for (const auto& one : batch) traffic_.add(one.record, now_ns);
  };
  for (size_t index = 0; index < writers_.size(); ++index) {
    const auto looked = [this, index](MergeLook look) {
      look.index = index;
      watch_->look(look, runtime::now());
    };
    mergers_.push_back(
        std::make_unique<Merger>(MergerConfig{.partition = partition_of(index), .partitions = partitions_},
                                 MergerDependencies{.writer = writers_[index].get(),
                                                    .log = [this] { return reader(); },
                                                    .now_ns = [] { return runtime::now().wall_ns; },
                                                    .committed = committed,
                                                    .merged = merged,
                                                    .say = [](const std::string& line) { runtime::log_info(line); },
                                                    .looked = looked,
                                                    .end = log_ends_[index].get()}));
  }
}

// A state is a function of the log: where the log still has everything, the state made again from it is the same, byte
// for byte. Where it has not, a person decides: a copy put back catches up; the folder moved away begins with a gap.
Result<std::string> Aggregator::set_aside(const std::string& path, uint32_t partition, const std::string& damage) {
  const auto refuse = [&](const std::string& why) {
    return Error{ErrorCode::kCorrupt,
                 damage + ". Nothing was changed, since it cannot be made again from the log: " + why +
                     ". Put a copy of " + path +
                     " back (it catches up), or move it away to begin from what the log has, which every answer will "
                     "name as a gap"};
  };
  const auto log = reader();
  if (!log) return refuse(log.error().message);
  const uint64_t log_id = log.value()->settings().log_id, noted = state::State::noted_log_id(path);
  if (noted == 0) return refuse("which log it was merged from is not noted in " + path + "/log_id");
  if (noted != log_id) return refuse(config_.log.url + " is another log than the one it was merged from");
  const auto bounds = log.value()->bounds(partition);
  if (!bounds) return refuse(bounds.error().message);
  if (bounds->begin != 0) {
    return refuse("its partition begins at record " + std::to_string(bounds->begin) + ", the older ones are trimmed");
  }
  for (int n = 1; n < 100'000; ++n) {
    const std::string target = path + ".damaged-" + std::to_string(n);
    std::error_code error;
    if (std::filesystem::exists(target, error)) continue;
    std::filesystem::rename(path, target, error);
    if (error) return Error{ErrorCode::kIo, "cannot move " + path + " to " + target + ": " + error.message()};
    return damage + ", and was moved to " + target;
  }
  return Error{ErrorCode::kIo, "too many folders " + path + ".damaged-…; remove those no longer needed"};
}

Status Aggregator::open_feed() {
  if (!config_.feed_windows && !config_.feed_dead_letters) return {};
  auto sink = adapters_.open_feed_sink(config_.feed);
  if (!sink) return sink.error();
  feed_sink_ = std::move(sink).value();
  feed::FeedConfig config{.windows = config_.feed_windows, .dead_letters = config_.feed_dead_letters};
  config.places_file = config_.state_dir + "/feed.places";
  config.ordinal = config_.ordinal;
  config.replicas = config_.replicas;
  config.max_future_s = config_.state.max_future_s;
  feed::FeedDependencies parts;
  for (const auto& writer : writers_) parts.states.push_back(&writer->state());
  parts.sink = feed_sink_.get();
  parts.open_log = [this] { return adapters_.open_log(config_.log); };
  parts.say = [](const std::string& line) { runtime::log_info(line); };
  auto feed = feed::Feed::open(config, std::move(parts));
  if (!feed) return feed.error();
  feed_ = std::move(feed).value();
  return {};
}

Status Aggregator::open_cluster() {
  own_system_ = std::make_unique<OwnSystem>(
      OwnSystem::Dependencies{.query = query_.get(), .traffic = &traffic_, .service = [this] { return service(); }});
  if (config_.replicas == 1) return {};
  const cluster::Layout layout{config_.ordinal, config_.replicas, partitions_};
  auto cluster = AggregatorCluster::open(
      config_.cluster, layout,
      {.local = query_.get(),
       .system = [this](const std::string& tenant, int64_t now_ns) { return own_system_->part(tenant, now_ns); },
       .log_id = [this] { return log_id(); },
       .changed = [this] { api_->changed(); },
       .say = [](const std::string& line) { runtime::log_info(line); }});
  if (!cluster) return cluster.error();
  cluster_ = std::move(cluster).value();
  return {};
}

void Aggregator::open_exporters() {
  for (const OtlpConfig& otlp : config_.otlp) {
    otlp_.push_back(std::make_unique<OtlpExporter>(
        otlp, OtlpExporter::Dependencies{.query = query_.get(),
                                         .instance = "aggregator-" + std::to_string(config_.ordinal),
                                         .now_ns = [] { return runtime::now().wall_ns; },
                                         .say = [](const std::string& line) { runtime::log_info(line); }}));
  }
}

Status Aggregator::open_server() {
  const query::Query* query = query_.get();
  if (cluster_) query = &cluster_->query();
  const auto ready = [this](JsonWriter& json) {
    json.key("log").begin_object().field("durability", durability()).end_object();
    if (cluster_) cluster_->ready(json);
  };
  const auto members = [this](const std::string& tenant, int64_t now_ns) {
    return cluster_ ? cluster_->members(tenant, now_ns) : own_system_->alone(tenant, now_ns);
  };
  auto api = Api::make(config_.api, {.query = query,
                                     .auth = auth_.get(),
                                     .now_ns = [] { return runtime::now().wall_ns; },
                                     .trouble = [this] { return trouble(); },
                                     .ready = ready,
                                     .metrics = [this](Exposition& text) { families(text); },
                                     .members = members});
  if (!api) return api.error();
  api_ = std::move(api).value();
  auto server = http::HttpServer::open(config_.http);
  if (!server) return server.error();
  server_ = std::move(server).value();
  api_->attach(*server_);
  return {};
}

uint64_t Aggregator::log_id() const {
  for (const auto& writer : writers_) {
    if (writer->state().log_id() != 0) return writer->state().log_id();
  }
  return 0;
}

// One reader for all partitions, opened when the log is there.
Result<log::Reader*> Aggregator::reader() {
  std::lock_guard lock(reader_mutex_);
  if (!reader_) {
    // One attempt serves all partitions: brokers that are away are waited for once, not once a partition.
    if (std::chrono::steady_clock::now() < reader_retry_) return reader_failure_;
    auto opened = adapters_.open_log(config_.log);
    if (!opened) {
      reader_failure_ = opened.error();
      reader_retry_ = std::chrono::steady_clock::now() + kReaderRetryInterval;
      return opened.error();
    }
    reader_ = std::move(opened).value();
    const log::LogSettings& settings = reader_->settings();
    runtime::log_info("log " + config_.log.url + ": " + std::to_string(settings.partitions) +
                      " partitions, durability " + settings.durability);
    std::lock_guard told(durability_mutex_);
    durability_ = settings.durability;
  }
  return reader_.get();
}

std::string Aggregator::durability() const {
  std::lock_guard lock(durability_mutex_);
  return durability_;
}

Status Aggregator::start() {
  if (cluster_) {
    if (Status started = cluster_->start(); !started) return started;
  }
  if (Status started = server_->start(); !started) return started;
  for (auto& merger : mergers_) merger->start();
  if (feed_) feed_->start();
  for (auto& exporter : otlp_) exporter->start();
  return {};
}

void Aggregator::stop() {
  if (server_) server_->stop();
  for (auto& exporter : otlp_) exporter->stop();
  if (cluster_) cluster_->stop();
  for (auto& merger : mergers_) merger->stop();
  if (feed_) feed_->stop();
}

std::string Aggregator::trouble() const {
  for (const auto& merger : mergers_) {
    if (auto text = merger->trouble(); !text.empty()) return text;
  }
  return cluster_ ? cluster_->trouble() : "";
}

query::ServiceInfo Aggregator::service() {
  query::ServiceInfo info{.service = "aggregator " + std::to_string(config_.ordinal),
                          .version = runtime::kVersion,
                          .trouble = trouble(),
                          .durability = durability(),
                          .started_ns = started_.wall_ns,
                          .memory_bytes = runtime::resident_bytes(),
                          .recovery = recoveries_.last()};
  if (info.trouble.empty()) info.trouble = auth_->trouble();
  if (info.durability == "unknown") info.durability.clear();
  for (size_t i = 0; i < writers_.size(); ++i) {
    const merge::MergeCounters& counters = writers_[i]->counters();
    info.records += counters.records_total.load();
    info.partials += counters.partials_merged_total.load();
    info.rejected += counters.rejected_total.load();
    const uint64_t position = writers_[i]->position();
    info.partitions.push_back({.partition = partition_of(i),
                               .position = position,
                               .end = std::max<uint64_t>(position, mergers_[i]->log_end())});
  }
  return info;
}

void Aggregator::families(Exposition& text) const {
  if (cluster_) cluster_->families(text);
  recoveries_.families(text);
  otlp_families(text, otlp_);
  merge_families(text);
  text.gauge("tributary_log_durability", "1 for what an acknowledged record survives: power, process or unknown.")
      .sample(uint64_t{1}, {{"durability", durability()}});
  if (feed_) feed_families(text);
}

void Aggregator::merge_families(Exposition& text) const {
  const auto each = [&](const auto& value) {
    for (size_t i = 0; i < writers_.size(); ++i)
      text.sample(uint64_t{value(i)}, {{"partition", std::to_string(partition_of(i))}});
  };
  using Counters = merge::MergeCounters;
  struct Counter {
    const char *name, *help;
    std::atomic<uint64_t> Counters::*value;
  };
  static constexpr Counter kCounters[] = {
      {"tributary_aggregator_records_total", "Records of the log merged since the start.", &Counters::records_total},
      {"tributary_aggregator_batches_total", "Transactions committed since the start.", &Counters::batches_total},
      {"tributary_aggregator_partials_total", "Partials merged since the start.", &Counters::partials_merged_total},
      {"tributary_aggregator_duplicates_total", "Partials that had been merged before.", &Counters::duplicates_total},
      {"tributary_aggregator_late_partials_total", "Partials merged below what was materialised.",
       &Counters::late_partials_total},
      {"tributary_aggregator_parked_total", "Partials parked in the dead letter.", &Counters::parked_total},
      {"tributary_aggregator_rejected_total", "Items that could not be merged.", &Counters::rejected_total},
      {"tributary_aggregator_lost_total", "Seqs named as lost.", &Counters::lost_total},
  };
  for (const Counter& one : kCounters) {
    text.counter(one.name, one.help);
    each([&](size_t i) { return (writers_[i]->counters().*one.value).load(); });
  }
  text.counter("tributary_aggregator_log_holes_total", "Offsets of the log that held no record of it, named as gaps.");
  each([&](size_t i) { return mergers_[i]->holes_total(); });
  text.gauge("tributary_aggregator_merging_stands", "1 while a partition's records are not merged; /ready says why.");
  each([&](size_t i) { return uint64_t{!mergers_[i]->trouble().empty()}; });
  text.gauge("tributary_aggregator_position", "The next record of the log to merge.");
  each([&](size_t i) { return writers_[i]->position(); });
  text.gauge("tributary_aggregator_lag_records", "Records of the log that are not merged yet, as far as was seen.");
  each([&](size_t i) {
    const uint64_t position = writers_[i]->position(), end = mergers_[i]->log_end();
    return end > position ? end - position : uint64_t{0};
  });
}

void Aggregator::feed_families(Exposition& text) const {
  const feed::FeedCounters& feed = feed_->counters();
  text.counter("tributary_feed_rows_total", "Changed rows delivered since the start.").sample(feed.rows_total.load());
  text.counter("tributary_feed_dead_letters_total", "Dead letters delivered since the start.")
      .sample(feed.dead_letters_total.load());
  text.counter("tributary_feed_failures_total", "Rounds that were not delivered and are repeated.")
      .sample(feed.failures_total.load());
  text.counter("tributary_feed_full_passes_total", "Times that every row kept was published anew.")
      .sample(feed.full_passes_total.load());
  text.gauge("tributary_feed_up", "1 while the feed delivers.").sample(uint64_t{feed_->trouble().empty() ? 1U : 0U});
  text.gauge("tributary_feed_lag_records", "Merged records whose rows or dead letters are not delivered yet.");
  for (const auto& [partition, behind] : feed_->lag()) text.sample(behind, {{"partition", std::to_string(partition)}});
}

}  // namespace tributary::api
