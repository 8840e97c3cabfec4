// SPDX-License-Identifier: Apache-2.0
// StateWriter: the transactions that change a state. See writer.h.
#include "cloud/merge/writer.h"

#include <optional>
#include <utility>

#include "cloud/merge/batch.h"
#include "cloud/state/records.h"
#include "common/base/bugs.h"

namespace tributary::merge {

StateWriter::StateWriter(const WriterConfig& config, std::unique_ptr<state::State> state)
    : config_(config), state_(std::move(state)), memory_(std::make_unique<BatchMemory>()) {}

StateWriter::~StateWriter() = default;

Result<std::unique_ptr<StateWriter>> StateWriter::open(const WriterConfig& config) {
  Result<std::unique_ptr<state::State>> state = state::State::open(config);
  if (!state) return state.error();
  return std::unique_ptr<StateWriter>(new StateWriter(config, std::move(state).value()));
}

Status StateWriter::adopt_log(uint64_t log_id) {
  std::lock_guard lock(mutex_);
  const uint64_t known = state_->log_id();
  if (log_id == known) return {};
  if (known != 0) {
    return Error{ErrorCode::kMismatch, "the state in " + config_.path + " belongs to log " + std::to_string(known) +
                                           ", found log " + std::to_string(log_id)};
  }
  return state_->set_log_id(log_id);
}

Status StateWriter::merge(const std::vector<log::StoredRecord>& batch) {
  if (batch.empty()) return {};
  std::lock_guard lock(mutex_);
  if (Status fits = check_batch(batch); !fits.ok()) return fits;
  BatchCounts counts;
  memory_->rows.clear();
  int attempts = 0;
  const auto work = [&](state::WriteTxn& write) {
    // A second run begins anew: what the first one learned of was never written.
    if (attempts++ > 0) memory_->clear();
    Batch records(write, config_, *memory_);
    for (const log::StoredRecord& record : batch) records.apply(record);
    records.finish();
    counts = records.counts();
    return true;
  };
  Status done = state_->write(work, [&] {
    add(counts);
    return counts.dead_letters;
  });
  if (!done.ok()) {
    memory_->clear();
    return done;
  }
  memory_->catalog.bound();
  return {};
}

Status StateWriter::skip_to(log::Offset offset, const std::string& cause, int64_t now_ns) {
  std::lock_guard lock(mutex_);
  const uint64_t from = position();
  if (offset < from) {
    return Error{ErrorCode::kInvalid, "cannot skip back from offset " + std::to_string(from) + " to " +
                                          std::to_string(offset) + ": what was merged would be merged again"};
  }
  if (offset == from) return {};
  return state_->write([&](state::WriteTxn& write) {
    write.head.position = offset;
    const state::LogGap gap{.to_offset = offset, .noticed_ns = now_ns, .cause = cause};
    if (!bug("log_gap_silent")) write.txn.put(write.tables.log_gaps, state::Key().u64(from), gap.encode());
    return true;
  });
}

Status StateWriter::set_retired(const std::string& tenant, const std::string& gateway, bool retired) {
  std::lock_guard lock(mutex_);
  bool found = false;
  Status done = state_->write([&](state::WriteTxn& write) {
    found = retire_gateway(write, tenant, gateway, retired);
    return found;
  });
  if (!done.ok()) return done;
  if (!found) return Error{ErrorCode::kNotFound, "no gateway " + gateway + " is known"};
  return {};
}

Status StateWriter::check_batch(const std::vector<log::StoredRecord>& batch) const {
  uint64_t expected = position();
  const uint64_t log_id = state_->log_id();
  for (const log::StoredRecord& stored : batch) {
    if (stored.offset != expected) {
      return Error{ErrorCode::kInvalid, "found record " + std::to_string(stored.offset) + ", expected " +
                                            std::to_string(expected) + " next"};
    }
    ++expected;
    if (log_id != 0 && stored.record.log_id != 0 && stored.record.log_id != log_id) {
      return Error{ErrorCode::kMismatch, "record " + std::to_string(stored.offset) + " is of log " +
                                             std::to_string(stored.record.log_id) + ", the state belongs to log " +
                                             std::to_string(log_id)};
    }
  }
  return {};
}

void StateWriter::add(const BatchCounts& counts) {
  counters_.records_total += counts.records;
  counters_.partials_merged_total += counts.merged;
  counters_.duplicates_total += counts.duplicates;
  counters_.parked_total += counts.parked;
  counters_.rejected_total += counts.rejected;
  counters_.late_partials_total += counts.late;
  counters_.lost_total += counts.lost;
  counters_.batches_total += 1;
}

}  // namespace tributary::merge
