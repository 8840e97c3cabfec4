// SPDX-License-Identifier: Apache-2.0
// Opening the outbox: what a predecessor left is checked and taken over. Every step is a transaction of its own after
// which the file is a valid outbox of the old epoch, so that a kill between two of them only means that the next start
// does the rest. The new epoch begins in begin.cpp.
#include <algorithm>
#include <filesystem>
#include <set>

#include "common/base/bugs.h"
#include "common/store/file_check.h"
#include "edge/outbox/outbox.h"
#include "edge/outbox/write.h"

namespace tributary::edge {
namespace {

constexpr size_t kRecoveryBatchBytes = 128 << 10;
constexpr size_t kRecoveryBatchEntriesMax = 1024;

Error corrupt(const std::string& what) { return {ErrorCode::kCorrupt, what}; }

Result<std::string> move_aside(const std::string& folder) {
  for (int n = 1; n < 100000; ++n) {
    const std::string target = folder + ".corrupt-" + std::to_string(n);
    std::error_code error;
    if (std::filesystem::exists(target, error)) continue;
    std::filesystem::rename(folder, target, error);
    if (error) return Error{ErrorCode::kIo, "cannot move " + folder + " to " + target + ": " + error.message()};
    return target;
  }
  return Error{ErrorCode::kIo, "too many folders " + folder + ".corrupt-…; remove those no longer needed"};
}

// The newest folder that was moved aside; empty if there is none.
std::string find_moved_aside(const std::string& folder) {
  const std::filesystem::path path(folder);
  const std::string prefix = path.filename().string() + ".corrupt-";
  std::filesystem::path newest;
  int newest_n = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(path.parent_path(), error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.compare(0, prefix.size(), prefix) != 0) continue;
    const int n = std::atoi(name.c_str() + prefix.size());
    if (n > newest_n) newest = at->path();
    newest_n = std::max(newest_n, n);
  }
  return newest.string();
}

}  // namespace

Result<std::unique_ptr<Outbox>> Outbox::open(const OutboxConfig& config) {
  if (config.budget_bytes < kBudgetBytesMin) {
    return Error{ErrorCode::kInvalid, "a budget of " + std::to_string(config.budget_bytes) +
                                          " bytes is too small: at least " + std::to_string(kBudgetBytesMin) +
                                          " are needed"};
  }
  std::string moved_to, moved_why;
  for (;;) {
    auto outbox = std::unique_ptr<Outbox>(new Outbox(config));
    bool fresh = false, empty = false;
    Status status = store::check_file(config.folder);
    if (status) status = outbox->open_tables();
    if (status) status = outbox->check_identity(fresh, empty);
    if (status) status = outbox->mend_flight_keys();
    if (status) status = outbox->load();
    if (!status) {
      if (status.error().code != ErrorCode::kCorrupt || !moved_to.empty()) return status.error();
      outbox.reset();
      auto moved = move_aside(config.folder);
      if (!moved) return moved.error();
      moved_to = *moved;
      moved_why = status.error().message;
      continue;
    }
    // Moved aside by a run that died, or found the disk full, before the new outbox could say so.
    if (empty && moved_to.empty()) moved_to = find_moved_aside(config.folder);
    outbox->recovery_.fresh = fresh && moved_to.empty();
    outbox->recovery_.moved_aside = !moved_to.empty();
    outbox->recovery_.moved_to = moved_to;
    outbox->recovery_.moved_why = moved_why;
    outbox->recovery_.clean_stop =
        outbox->meta_.epoch != 0 && outbox->meta_.clean_stop && !outbox->undated_.state().clock.crashed;
    for (const auto& [number, boot] : outbox->undated_.state().boots) outbox->recovery_.boots.push_back(boot);
    if (Status adopted = outbox->adopt_checkpoint(); !adopted) return adopted.error();
    if (Status forgotten = outbox->forget_unused_series(); !forgotten) return forgotten.error();
    return outbox;
  }
}

Status Outbox::open_tables() {
  auto env = store::Env::open({.path = config_.folder,
                               .map_bytes = config_.budget_bytes,
                               .map_bytes_max = config_.budget_bytes,
                               .tables_max = 9,
                               .sync = config_.sync,
                               .readers_max = 8,
                               .exclusive = true,
                               .preallocate = true});
  if (!env) return env.error();
  env_ = std::move(*env);
  for (const OutboxTable& one : kOutboxTables) {
    auto opened = env_->table(one.name);
    if (!opened) return opened.error();
    tables_.*one.table = *opened;
  }
  // A table whose name is damaged would be taken for missing, and what was in it be lost without a word.
  const auto count = env_->table_count();
  if (!count) return count.error();
  if (*count != kOutboxTables.size()) {
    return corrupt(config_.folder + ": " + std::to_string(*count) + " tables, expected " +
                   std::to_string(kOutboxTables.size()));
  }
  return {};
}

Status Outbox::check_identity(bool& fresh, bool& empty) {
  auto txn = env_->read();
  if (!txn) return txn.error();
  uint64_t entries = 0;
  for (const OutboxTable& one : kOutboxTables) entries += txn->count(tables_.*one.table);
  fresh = empty = entries == 0;
  if (fresh) return {};
  const auto identity_value = txn->get(tables_.meta, kIdentityKey);
  const auto content = identity_value ? unseal(kIdentityKey, *identity_value) : std::nullopt;
  if (!content || content->size() < 4) return corrupt(config_.folder + ": no identity in it");
  const uint32_t version = ByteReader(as_bytes(*content)).u32();
  if (version > kOutboxVersion) {
    return Error{ErrorCode::kUnsupported, config_.folder + " has format version " + std::to_string(version) +
                                              ", this program knows up to " + std::to_string(kOutboxVersion)};
  }
  const auto identity = decode_identity(*content);
  if (!identity) return corrupt(config_.folder + ": its identity is not one");
  if (identity->tenant == config_.tenant && identity->gateway == config_.gateway) {
    fresh = entries == 1;  // begun anew under this name by a run that died before its first epoch
    return {};
  }

  bool data = txn->count(tables_.waiting) > 0 || txn->count(tables_.checkpoint) > 0 || txn->count(tables_.undated) > 0;
  store::Cursor cursor(*txn, tables_.flight);
  for (bool more = cursor.first(); more && !data; more = cursor.next()) {
    const auto item_content = unseal(cursor.key(), cursor.value());
    const auto item = item_content ? decode_item(*item_content) : std::nullopt;
    data = !item || item->kind == ItemKind::kPartial || item->kind == ItemKind::kLost;
  }
  if (data && !bug("tenant_unchecked")) {
    return Error{ErrorCode::kMismatch, config_.folder + " holds data of tenant " + identity->tenant + ", gateway " +
                                           identity->gateway + " that was not sent yet; configured are tenant " +
                                           config_.tenant + ", gateway " + config_.gateway};
  }
  { auto done = std::move(*txn); }
  fresh = true;
  return begin_anew();
}

// Nothing of the old identity is left to send: the file begins anew under the other name.
Status Outbox::begin_anew() {
  return env_->write([&](store::Txn& write) {
    for (store::Table table : {tables_.meta, tables_.epochs, tables_.series, tables_.previous, tables_.flight}) {
      write.clear(table);
    }
    // A file with nothing in it would be taken for one that was moved aside.
    std::string value;
    encode_identity({config_.tenant, config_.gateway}, value);
    std::string sealed;
    seal(kIdentityKey, value, sealed);
    write.put(tables_.meta, kIdentityKey, sealed);
    return true;
  });
}

// A flipped bit in a key would settle the wrong seq as lost, and the right one never. The checksum of an item covers
// its key, so it tells which of the keys one bit away is the true one; an item that fits none of them is damaged
// itself.
Status Outbox::mend_flight_keys() {
  std::vector<std::pair<std::string, std::string>> mended;  // key found → key meant
  if (auto txn = env_->read()) {
    store::Cursor items(*txn, tables_.flight);
    for (bool more = items.first(); more; more = items.next()) {
      if (items.key().size() != FlightKey::kBytes || unseal(items.key(), items.value())) continue;
      std::string key(items.key());
      for (size_t bit = 0; bit < 8 * key.size(); ++bit) {
        const auto flip = [&] { key[bit / 8] = static_cast<char>(key[bit / 8] ^ 1 << bit % 8); };
        flip();
        if (unseal(key, items.value()) && !txn->get(tables_.flight, key)) mended.emplace_back(items.key(), key);
        flip();
      }
    }
  }
  if (mended.empty()) return {};
  return env_->write([&](store::Txn& txn) {
    for (const auto& [found, meant] : mended) {
      const std::string value(txn.get(tables_.flight, found).value_or(std::string_view{}));
      txn.erase(tables_.flight, found);
      txn.put(tables_.flight, meant, value);
    }
    return true;
  });
}

// Reads what memory must know of the file: counters, flight, amounts waiting, series.
Status Outbox::load() {
  auto txn = env_->read();
  if (!txn) return txn.error();
  const auto state = txn->get(tables_.meta, kStateKey);
  if (!state) {
    const bool begun = txn->count(tables_.meta) <= 1 && txn->count(tables_.epochs) == 0;  // its identity, at most
    return begun ? Status{} : Status(corrupt(config_.folder + ": no state in it"));
  }
  const auto content = unseal(kStateKey, *state);
  const auto meta = content ? decode_meta(*content) : std::nullopt;
  if (!meta) return corrupt(config_.folder + ": its state record cannot be read");
  meta_ = *meta;
  std::set<uint32_t> used;  // series of which there is data
  Status status = load_epochs(*txn);
  if (status) status = load_flight(*txn, used);
  if (status) status = load_windows(*txn, used);
  if (status) status = undated_.load(*txn, tables_, config_.folder, used);
  if (status) status = load_series(*txn, used);
  return status;
}

Status Outbox::load_epochs(const store::Txn& txn) {
  store::Cursor epochs(txn, tables_.epochs);
  for (bool more = epochs.first(); more; more = epochs.next()) {
    const auto index = decode_index_key(epochs.key());
    const auto content = unseal(epochs.key(), epochs.value());
    const auto epoch = content ? decode_epoch(*content) : std::nullopt;
    if (!index || !epoch) return corrupt(config_.folder + ": the identity of an epoch cannot be read");
    auto flight = std::make_unique<FlightEpoch>();
    flight->index = *index;
    flight->epoch = *epoch;
    flight_.push_back(std::move(flight));
  }
  if (flight_.empty() || flight_.back()->index != meta_.epoch_index) {
    return corrupt(config_.folder + ": the newest epoch is missing");
  }
  return {};
}

Status Outbox::load_flight(const store::Txn& txn, std::set<uint32_t>& used) {
  auto flight = flight_.begin();
  std::vector<std::pair<uint64_t, uint64_t>> sizes;  // of the epoch at flight
  const auto finish = [&] {
    const uint64_t next = (*flight)->index == meta_.epoch_index ? meta_.next_seq
                          : sizes.empty()                       ? 1
                                                                : sizes.back().first + 1;
    (*flight)->window = ledger::SendWindow(next);
    for (const auto& [seq, bytes] : sizes) (*flight)->window.restore(seq, bytes);
    sizes.clear();
  };
  store::Cursor items(txn, tables_.flight);
  for (bool more = items.first(); more; more = items.next()) {
    const auto key = FlightKey::decode(items.key());
    if (!key) return corrupt(config_.folder + ": a key in flight is not one");
    while (flight != flight_.end() && (*flight)->index != key->epoch_index) {
      finish();
      ++flight;
    }
    if (flight == flight_.end()) return corrupt(config_.folder + ": flight of an unknown epoch");
    if (key->epoch_index == meta_.epoch_index && key->seq >= meta_.next_seq) {
      return corrupt(config_.folder + ": flight beyond the next seq");
    }
    const auto item_content = unseal(items.key(), items.value());
    const auto item = item_content ? decode_item(*item_content) : std::nullopt;
    if (item && item->kind == ItemKind::kPartial) used.insert(item->series);
    (*flight)->start_ns[key->seq] = item ? item_start_ns(*item) : kUnknownStart;
    sizes.emplace_back(key->seq, FlightKey::kBytes + items.value().size());
    ++recovery_.flight_items;
  }
  for (; flight != flight_.end(); ++flight) finish();
  return {};
}

Status Outbox::load_windows(const store::Txn& txn, std::set<uint32_t>& used) {
  store::Cursor waiting(txn, tables_.waiting);
  for (bool more = waiting.first(); more; more = waiting.next()) {
    const auto key = WaitingKey::decode(waiting.key());
    if (!key || !is_width(key->width_s)) return corrupt(config_.folder + ": a key in waiting is not one");
    WaitingCount& count = waiting_[key->width_s];
    count.partials += 1;
    count.bytes += waiting.value().size();
    used.insert(key->series);
  }
  store::Cursor checkpoint(txn, tables_.checkpoint);
  for (bool more = checkpoint.first(); more; more = checkpoint.next()) {
    const auto key = CheckpointKey::decode(checkpoint.key());
    if (!key || !is_width(key->width_s)) return corrupt(config_.folder + ": a key in the checkpoint is not one");
    used.insert(key->series);
  }
  return {};
}

Status Outbox::load_series(const store::Txn& txn, const std::set<uint32_t>& used) {
  store::Cursor series(txn, tables_.series);
  for (bool more = series.first(); more; more = series.next()) {
    const auto index = decode_index_key(series.key());
    if (!index) return corrupt(config_.folder + ": a key of a series is not one");
    StoredSeries stored;
    stored.id = *index;
    stored.previous = edge::read_previous(txn, tables_, *index);
    const auto content = unseal(series.key(), series.value());
    if (const auto record = content ? decode_series(*content) : std::nullopt) {
      stored.kind = record->kind;
      stored.identity = record->identity;
    }
    // A series without data is forgotten, except for a counter's last value.
    if (used.count(stored.id) > 0 || (stored.previous && !stored.identity.empty()))
      series_.push_back(std::move(stored));
  }
  return {};
}

Status Outbox::forget_unused_series() {
  std::set<uint32_t> kept;
  for (const StoredSeries& series : series_) kept.insert(series.id);
  return env_->write([&](store::Txn& txn) {
    for (store::Table table : {tables_.series, tables_.previous}) {
      store::Cursor cursor(txn, table);
      bool more = cursor.first();
      while (more) {
        const auto index = decode_index_key(cursor.key());
        if (index && kept.count(*index) > 0) {
          more = cursor.next();
        } else {
          cursor.erase();
          more = cursor.valid();
        }
      }
    }
    return true;
  });
}

// Windows that were open become waiting partials of the epoch that opened them, a bounded number a transaction.
Status Outbox::adopt_checkpoint() {
  bool more = false;
  if (auto txn = env_->read()) recovery_.checkpoint_windows = txn->count(tables_.checkpoint);
  more = recovery_.checkpoint_windows > 0;
  // Keys of windows far apart touch a page each: the number of entries is what the free reserve must hold.
  size_t entries_max = std::min(kRecoveryBatchEntriesMax, static_cast<size_t>(config_.budget_bytes >> 16));
  int attempts = 0;
  while (more) {
    if (env_->used_bytes() > config_.budget_bytes / 4 * 3) {
      auto coarsened = coarsen(kRecoveryBatchBytes);
      if (!coarsened && coarsened.error().code != ErrorCode::kFull) return coarsened.error();
      if (coarsened && *coarsened) continue;
    }
    bool left = false;
    Status status = run([&](Write& write) { left = adopt_some(write, entries_max); });
    if (!status) {
      if (status.error().code != ErrorCode::kFull || ++attempts > kRoomAttemptsMax) return status;
      entries_max = std::max<size_t>(entries_max / 2, 1);
      auto coarsened = coarsen(kRecoveryBatchBytes >> std::min(attempts, 6));
      if (!coarsened && coarsened.error().code != ErrorCode::kFull) return coarsened.error();
      if (coarsened && !*coarsened && entries_max == 1) return status;
      continue;
    }
    more = left;
  }
  return {};
}

// True if there are more.
bool Outbox::adopt_some(Write& write, size_t entries_max) const {
  std::vector<std::pair<std::string, std::string>> entries;
  bool left = false;
  {
    size_t bytes = 0;
    store::Cursor cursor(write.txn, tables_.checkpoint);
    for (left = cursor.first(); left; left = cursor.next()) {
      if (entries.size() >= entries_max || bytes > kRecoveryBatchBytes) break;
      entries.emplace_back(cursor.key(), cursor.value());
      bytes += cursor.value().size();
    }
  }
  auto summary = std::make_unique<stats::Summary>();
  std::vector<uint8_t> encoded(stats::kSummaryBytesMax);
  for (const auto& [key_bytes, value] : entries) {
    const auto key = CheckpointKey::decode(key_bytes);
    const auto content = unseal(key_bytes, value);
    summary->clear();
    const bool sound = content && read_checkpoint(*content, *summary);
    const size_t size = summary->empty() ? 0 : summary->encode(encoded);
    const WaitingKey target{key->width_s, key->start_s, write.plan.meta.epoch_index, key->series};
    if (size > 0 || !sound) {
      write.put_waiting(target, sound ? uint8_t{0} : WaitingValue::kLost, Bytes(encoded).first(size));
    }
    write.txn.erase(tables_.checkpoint, key_bytes);
  }
  return left;
}

}  // namespace tributary::edge
