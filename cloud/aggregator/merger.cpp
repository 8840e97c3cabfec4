// SPDX-License-Identifier: Apache-2.0
// Merger, see merger.h.
#include "cloud/aggregator/merger.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "common/base/hex.h"

namespace tributary::api {
namespace {

// Why the state could not be written.
std::string waiting_text(const Error& error) {
  if (error.code != ErrorCode::kFull) return "merging stands: " + error.message;
  return "the disk is full, merging waits and nothing is lost: " + error.message;
}

int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

// Not ready until the first round has gone well.
Merger::Merger(const MergerConfig& config, MergerDependencies parts)
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
  {
    std::lock_guard lock(mutex_);
    if (!trouble_.empty()) return trouble_;
  }
  const int64_t since_ms = merging_since_ms_;
  if (since_ms == 0 || steady_ms() - since_ms < config_.stands_ms) return "";
  return "partition " + std::to_string(config_.partition) + ": merging stands since " +
         std::to_string((steady_ms() - since_ms) / 1000) + " s within records " + std::to_string(merging_first_) +
         " to " + std::to_string(merging_last_);
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
Merger::Round Merger::fail(Round round, const std::string& text, bool full) {
  const std::string sentence = text.empty() ? "" : "partition " + std::to_string(config_.partition) + ": " + text;
  {
    std::lock_guard lock(mutex_);
    full_ = full;
    if (trouble_ == sentence) return round;
    trouble_ = sentence;
  }
  if (parts_.say && !sentence.empty()) parts_.say(sentence);
  return round;
}

Merger::Round Merger::fail_to_write(const Error& error) {
  return fail(Round::kTrouble, waiting_text(error) + " (at record " + std::to_string(parts_.writer->position()) + ")",
              error.code == ErrorCode::kFull);
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
  if (config_.partitions != 0 && config_.partitions != settings.partitions) {
    return fail(Round::kRefused, "refusing to merge: the log has " + std::to_string(settings.partitions) +
                                     " partitions, this aggregator began with " + std::to_string(config_.partitions) +
                                     ". Start it again, or set [log] partitions");
  }
  merge::StateWriter& writer = *parts_.writer;
  const uint64_t known = writer.state().log_id();
  if (known != 0 && known != settings.log_id) {
    return fail(Round::kRefused, "refusing to go on: the state was merged from log " + hex16(known) + ", this is log " +
                                     hex16(settings.log_id) +
                                     ". Give it the old log back, or begin with an empty state folder");
  }
  if (known == 0) {
    if (Status adopted = writer.adopt_log(settings.log_id); !adopted) return fail_to_write(adopted.error());
  }
  if (const Round placed = place(); placed == Round::kTrouble || placed == Round::kRefused) return placed;
  const auto begin = reader_->bounds(config_.partition);
  if (!begin) return fail(Round::kTrouble, begin.error().message);
  if (const Round checked = check_past(begin.value().begin); checked != Round::kIdle) return checked;
  tied_ = true;
  ask_end_at_ = {};
  return Round::kIdle;
}

Merger::Round Merger::place() {
  const auto bounds = reader_->bounds(config_.partition);
  if (!bounds) return fail(Round::kTrouble, bounds.error().message);
  merge::StateWriter& writer = *parts_.writer;
  const log::Offset at = writer.position();
  if (at > bounds.value().end) {
    return fail(Round::kRefused, "refusing to go on: the state has merged up to record " + std::to_string(at) +
                                     ", the log ends at " + std::to_string(bounds.value().end) +
                                     ": the log is shorter than it was");
  }
  if (at < bounds.value().begin) {
    const std::string hole = "records " + std::to_string(at) + " to " + std::to_string(bounds.value().begin - 1);
    if (Status skipped = writer.skip_to(bounds.value().begin, "trimmed", parts_.now_ns()); !skipped) {
      return fail_to_write(skipped.error());
    }
    gap_offsets_ += bounds.value().begin - at;
    if (parts_.say)
      parts_.say("partition " + std::to_string(config_.partition) + ": log gap: " + hole +
                 " were trimmed before they were merged");
    parts_.committed();
    return Round::kMerged;
  }
  return Round::kIdle;
}

// A log that was made again under the same id holds only what was appended after everything that has been merged. The
// last record merged cannot be newer than the state's clock.
Merger::Round Merger::check_past(log::Offset begin) {
  const log::Offset at = parts_.writer->position();
  if (at <= begin) return Round::kIdle;
  const auto last = reader_->read(config_.partition, at - 1, 1, 1, 0);
  if (!last) return fail(Round::kTrouble, last.error().message);
  if (last.value().empty() || !last.value().front().hole.empty()) return Round::kIdle;
  if (last.value().front().record.append_ns <= parts_.writer->state().clock_ns()) return Round::kIdle;
  return fail(Round::kRefused, "refusing to go on: record " + std::to_string(at - 1) +
                                   " is newer than all that was merged up to it: the log was made again. Give the "
                                   "aggregator the old log back, or begin with an empty state folder");
}

// What is no record of this log becomes a named gap; the records around it are merged.
Status Merger::merge(const std::vector<log::StoredRecord>& batch) {
  merge::StateWriter& writer = *parts_.writer;
  const auto is_hole = [](const log::StoredRecord& one) { return !one.hole.empty(); };
  auto from = batch.begin();
  while (from != batch.end()) {
    const auto hole = std::find_if(from, batch.end(), is_hole);
    if (from == batch.begin() && hole == batch.end()) return writer.merge(batch);
    if (from != hole) {
      const std::vector<log::StoredRecord> records(from, hole);
      if (Status merged = writer.merge(records); !merged) return merged;
    }
    if (hole == batch.end()) break;
    const std::string what = hole->hole_end - hole->offset == 1 ? "offset " + std::to_string(hole->offset) + " holds"
                                                                : "offsets " + std::to_string(hole->offset) + " to " +
                                                                      std::to_string(hole->hole_end - 1) + " hold";
    if (Status skipped = writer.skip_to(hole->hole_end, hole->hole, parts_.now_ns()); !skipped) return skipped;
    holes_total_ += hole->hole_end - hole->offset;
    gap_offsets_ += hole->hole_end - hole->offset;
    if (parts_.say) {
      parts_.say("partition " + std::to_string(config_.partition) + ": log gap: " + what + " no record of this log (" +
                 hole->hole + ")");
    }
    from = hole + 1;
  }
  return {};
}

// By the thread that reads: a partition has one reader at a time. Asking may be a way to another machine and back, so
// not for each batch.
void Merger::ask_log_end() {
  const auto now = std::chrono::steady_clock::now();
  if (now < ask_end_at_) return;
  const int64_t asked_ns = parts_.now_ns();
  if (const auto bounds = reader_->bounds(config_.partition)) {
    log_end_ = asked_end_ = bounds->end;
    asked_ns_ = asked_ns;
  }
  ask_end_at_ = now + std::chrono::milliseconds(config_.wait_ms);
}

// What was durable when the log was asked lies before the end that it told. On the way there, nothing durable before
// the records merged now was left out, as far as their writers' clocks agree.
void Merger::tell_log_end(const std::vector<log::StoredRecord>& merged) {
  const log::Offset position = parts_.writer->position();
  if (log_end_ < position) log_end_ = position;
  if (parts_.end == nullptr || asked_ns_ == 0) return;
  if (position >= asked_end_) {
    parts_.end->raise(asked_ns_);
    return;
  }
  int64_t least_ns = asked_ns_;
  for (const log::StoredRecord& one : merged) {
    if (one.hole.empty()) least_ns = std::min(least_ns, one.record.append_ns);
  }
  if (!merged.empty()) parts_.end->raise(least_ns);
}

Merger::Round Merger::round() {
  const Round result = work();
  if (parts_.looked) {
    MergeLook look{.position = parts_.writer->position(), .end = log_end_, .gap_offsets = gap_offsets_};
    {
      std::lock_guard lock(mutex_);
      look.full = full_;
      look.trouble = trouble_;
    }
    parts_.looked(std::move(look));
  }
  return result;
}

Merger::Round Merger::work() {
  if (!tied_) {
    if (const Round tied = tie(); tied != Round::kIdle) return tied;
  }
  merge::StateWriter& writer = *parts_.writer;
  auto batch =
      reader_->read(config_.partition, writer.position(), config_.records_max, config_.bytes_max, config_.wait_ms);
  if (!batch) {
    tied_ = false;  // it may be another log when it comes back
    if (batch.error().code != ErrorCode::kNotFound) return fail(Round::kTrouble, batch.error().message);
    return place();
  }
  ask_log_end();
  if (batch.value().empty()) {
    tell_log_end({});
    return fail(Round::kIdle, "");
  }
  const log::Offset before = writer.position();
  merging_first_ = batch.value().front().offset;
  merging_last_ = batch.value().back().offset;
  merging_since_ms_ = steady_ms();
  const Status merged = merge(batch.value());
  merging_since_ms_ = 0;
  if (!merged) {
    // What lies before a hole is committed by itself.
    if (writer.position() != before) parts_.committed();
    return fail_to_write(merged.error());
  }
  tell_log_end(batch.value());
  if (parts_.merged) parts_.merged(batch.value());
  parts_.committed();
  return fail(Round::kMerged, "");
}

}  // namespace tributary::api
