// SPDX-License-Identifier: Apache-2.0
// MergeWatch, see merge_watch.h.
#include "cloud/aggregator/merge_watch.h"

#include <algorithm>

#include "common/runtime/program.h"

namespace tributary::api {
namespace {

using runtime::format_amount;
using runtime::format_duration;

// So many records take long enough that the start of catching up is told, too.
constexpr uint64_t kManyRecords = 10'000;

double seconds_between(int64_t from_ns, int64_t to_ns) {
  return static_cast<double>(std::max<int64_t>(to_ns - from_ns, 0)) / 1e9;
}

}  // namespace

std::vector<std::string> recovery_kinds() {
  return {"restart", "new_state", "damaged_state", "log_outage", "full_disk"};
}

MergeWatch::MergeWatch(std::vector<TakenUp> partitions, std::string damage, Instant start,
                       runtime::Recoveries& recoveries)
    : recoveries_(recoveries),
      damage_(std::move(damage)),
      fresh_(static_cast<size_t>(
          std::count_if(partitions.begin(), partitions.end(), [](const TakenUp& one) { return one.fresh; }))),
      since_ns_(start.mono_ns) {
  for (const TakenUp& one : partitions) {
    Partition& partition = partitions_.emplace_back();
    partition.position = partition.before = one.position;
  }
}

bool MergeWatch::caught_up() const {
  return std::all_of(partitions_.begin(), partitions_.end(),
                     [](const Partition& one) { return !one.trouble && one.aimed && one.position >= one.target; });
}

void MergeWatch::look(const MergeLook& look, Instant now) {
  std::lock_guard lock(mutex_);
  Partition& partition = partitions_[look.index];
  partition.position = look.position;
  partition.gap_offsets = look.gap_offsets;
  partition.trouble = !look.trouble.empty();
  if (partition.trouble) {
    if (phase_ == Phase::kWell) {
      phase_ = Phase::kTrouble;
      since_ns_ = now.mono_ns;
      full_ = false;
      announced_ = false;
      for (Partition& one : partitions_) {
        one.before = one.position;
        one.gap_before = one.gap_offsets;
        one.aimed = false;
      }
    }
    partition.aimed = false;
    full_ = look.full;
    why_ = look.trouble;
    well_since_ns_ = 0;
    return;
  }
  if (phase_ == Phase::kWell) return;
  if (!partition.aimed) {
    partition.aimed = true;
    partition.target = std::max(look.end, look.position);
  }
  const bool aimed =
      std::all_of(partitions_.begin(), partitions_.end(), [](const Partition& one) { return one.aimed; });
  if (!aimed) return;
  if (well_since_ns_ == 0) well_since_ns_ = now.mono_ns;
  if (caught_up()) return finish(now);
  uint64_t left = 0;
  for (const Partition& one : partitions_) left += one.target - std::min(one.position, one.target);
  if (announced_ || left < kManyRecords) return;
  announced_ = true;
  runtime::log_info("log: " + format_amount(left, "record") + " to catch up with");
}

void MergeWatch::finish(Instant now) {
  uint64_t before = 0, records = 0, gaps = 0;
  for (Partition& one : partitions_) {
    before += one.before;
    records += one.position - one.before;
    gaps += one.gap_offsets - one.gap_before;
  }
  const Phase phase = std::exchange(phase_, Phase::kWell);
  runtime::Recovery out;
  out.amounts = {{"records", records}, {"log_gap_offsets", gaps}};
  const int64_t begin_ns = phase == Phase::kStarting ? since_ns_ : well_since_ns_;
  const std::string caught = records == 0 ? "nothing new in the log"
                                          : format_amount(records, "record") + " caught up with in " +
                                                format_duration(seconds_between(begin_ns, now.mono_ns));
  const std::string gap =
      gaps == 0 ? "" : "; " + format_amount(gaps, "offset") + " the log no longer has, a gap that every answer names";
  if (phase == Phase::kStarting) {
    if (fresh_ == partitions_.size() && damage_.empty() && records == 0) return;  // the first start of all
    out.seconds = seconds_between(since_ns_, now.mono_ns);
    const std::string partitions = format_amount(partitions_.size(), "partition");
    if (!damage_.empty()) {
      out.kind = "damaged_state";
      out.line = "state: " + damage_ + "; rebuilt from the log, ";
    } else if (fresh_ == partitions_.size()) {
      out.kind = "new_state";
      out.line = "state: new, " + partitions + "; ";
    } else {
      out.kind = "restart";
      out.line = "state: taken up, " + partitions + (fresh_ > 0 ? ", " + std::to_string(fresh_) + " of them new" : "") +
                 ", " + format_amount(before, "record") + " merged before; ";
    }
    out.line += caught + gap;
  } else {
    out.kind = full_ ? "full_disk" : "log_outage";
    out.seconds = seconds_between(since_ns_, well_since_ns_);
    out.line = std::string(full_ ? "state: written" : "log: read") + " again after " + format_duration(out.seconds) +
               " (" + why_ + "); " + caught + gap;
  }
  recoveries_.note(out);
}

}  // namespace tributary::api
