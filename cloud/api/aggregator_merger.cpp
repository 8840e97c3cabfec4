// SPDX-License-Identifier: Apache-2.0
// Merger, see aggregator_merger.h.
#include "cloud/api/aggregator_merger.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tributary::api {
namespace {

std::string hex(uint64_t number) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = 16; i-- > 0; number >>= 4) text[i] = kDigits[number & 15];
  return text;
}

}  // namespace

// Not ready until the first round has gone well.
Merger::Merger(const MergerConfig& config, MergerParts parts)
    : config_(config),
      parts_(std::move(parts)),
      trouble_("partition " + std::to_string(config.partition) + ": opening the log") {}

void Merger::start() {
  thread_ = std::thread([this] { run(); });
}

void Merger::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::string Merger::trouble() const {
  std::lock_guard lock(mutex_);
  return trouble_;
}

void Merger::run() {
  while (true) {
    const Round result = round();
    std::unique_lock lock(mutex_);
    const bool pause = result == Round::kTrouble || result == Round::kRefused;
    if (pause) woken_.wait_for(lock, std::chrono::milliseconds(config_.retry_ms), [this] { return stopping_; });
    if (stopping_) return;
  }
}

// Says a sentence when it is new, keeps it for /ready.
Merger::Round Merger::fail(Round round, const std::string& text) {
  const std::string sentence = text.empty() ? "" : "partition " + std::to_string(config_.partition) + ": " + text;
  {
    std::lock_guard lock(mutex_);
    if (trouble_ == sentence) return round;
    trouble_ = sentence;
  }
  if (parts_.say && !sentence.empty()) parts_.say(sentence);
  return round;
}

Merger::Round Merger::tie() {
  if (reader_ == nullptr) {
    auto log = parts_.log();
    if (!log) {
      const bool missing = log.error().code == ErrorCode::kNotFound;
      return fail(Round::kTrouble, missing ? "waiting for the log: " + log.error().message : log.error().message);
    }
    reader_ = *log;
  }
  const log::LogSettings& settings = reader_->settings();
  if (config_.partition >= settings.partitions) {
    return fail(Round::kRefused,
                "the log has " + std::to_string(settings.partitions) + " partitions, so there is no such one");
  }
  merge::State& state = *parts_.state;
  if (state.log_id() != 0 && state.log_id() != settings.log_id) {
    return fail(Round::kRefused, "refusing to go on: the state was merged from log " + hex(state.log_id()) +
                                     ", this is log " + hex(settings.log_id) +
                                     ". Give it the old log back, or begin with an empty state folder");
  }
  if (state.log_id() == 0) {
    if (Status adopted = state.adopt_log(settings.log_id); !adopted)
      return fail(Round::kTrouble, adopted.error().message);
  }
  if (const Round placed = place(); placed == Round::kTrouble || placed == Round::kRefused) return placed;
  tied_ = true;
  if (parts_.say) {
    const auto bounds = reader_->bounds(config_.partition);
    const uint64_t left =
        bounds.ok() && bounds.value().end > state.position() ? bounds.value().end - state.position() : 0;
    parts_.say("partition " + std::to_string(config_.partition) + ": " + std::to_string(state.position()) +
               " records of log " + hex(settings.log_id) + " are merged, " + std::to_string(left) + " are waiting");
  }
  return Round::kIdle;
}

Merger::Round Merger::place() {
  const auto bounds = reader_->bounds(config_.partition);
  if (!bounds) return fail(Round::kTrouble, bounds.error().message);
  merge::State& state = *parts_.state;
  const log::Offset at = state.position();
  if (at > bounds.value().end) {
    return fail(Round::kRefused, "refusing to go on: the state has merged up to record " + std::to_string(at) +
                                     ", the log ends at " + std::to_string(bounds.value().end) +
                                     ": the log is shorter than it was");
  }
  if (at < bounds.value().begin) {
    const std::string hole = "records " + std::to_string(at) + " to " + std::to_string(bounds.value().begin - 1);
    if (Status skipped = state.skip_to(bounds.value().begin, "trimmed", parts_.now_ns()); !skipped) {
      return fail(Round::kTrouble, skipped.error().message);
    }
    if (parts_.say)
      parts_.say("partition " + std::to_string(config_.partition) + ": log gap: " + hole +
                 " were trimmed before they were merged");
    parts_.committed();
    return Round::kMerged;
  }
  return Round::kIdle;
}

Merger::Round Merger::round() {
  if (!tied_) {
    if (const Round tied = tie(); tied != Round::kIdle) return tied;
  }
  merge::State& state = *parts_.state;
  const auto batch =
      reader_->read(config_.partition, state.position(), config_.records_max, config_.bytes_max, config_.wait_ms);
  if (!batch) {
    if (batch.error().code != ErrorCode::kNotFound) return fail(Round::kTrouble, batch.error().message);
    return place();
  }
  if (batch.value().empty()) {
    log_end_ = state.position();
    return fail(Round::kIdle, "");
  }
  log_end_ = std::max<log::Offset>(log_end_, batch.value().back().offset + 1);
  // Asked for now and then and by the thread that reads: a partition has one reader at a time, and a question may have
  // to go to a broker.
  if (const int64_t now_ns = parts_.now_ns(); now_ns - bounds_asked_ns_ >= kNanosPerSecond) {
    bounds_asked_ns_ = now_ns;
    if (const auto bounds = reader_->bounds(config_.partition)) log_end_ = bounds->end;
  }
  if (Status merged = state.merge(batch.value()); !merged) {
    const bool full = merged.error().code == ErrorCode::kFull;
    return fail(Round::kTrouble, full ? "the disk is full, merging waits and nothing is lost: " + merged.error().message
                                      : merged.error().message);
  }
  if (parts_.merged) parts_.merged(batch.value());
  parts_.committed();
  return fail(Round::kMerged, "");
}

}  // namespace tributary::api
