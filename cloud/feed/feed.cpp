// SPDX-License-Identifier: Apache-2.0
// Feed, see feed.h.
#include "cloud/feed/feed.h"

#include <chrono>
#include <set>
#include <utility>

#include "cloud/state/snapshot.h"

namespace tributary::feed {
namespace {

constexpr size_t kLogBytesMax = 4 << 20;
constexpr int kStopWaitMs = 1'000;

int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

// The messages of a round on their way. Shared with the sink, which may answer after the feed has given up.
struct Feed::Delivery {
  std::mutex mutex;
  std::condition_variable settled;
  size_t waiting = 0;
  std::string failure;
};

Result<std::unique_ptr<Feed>> Feed::open(const FeedConfig& config, FeedDependencies parts) {
  auto places = read_places(config.places_file);
  if (!places) return places.error();
  std::unique_ptr<Feed> feed(new Feed(config, std::move(parts)));
  feed->kept_ = *places;
  for (const state::State* state : feed->parts_.states) {
    Partition partition{.state = state, .number = state->partition()};
    const auto kept = places->find(partition.number);
    if (kept != places->end()) partition.place = kept->second;
    const uint64_t position = state->position();
    if (partition.place.state_id != state->state_id() || partition.place.revision > position) {
      // Another state, or an older copy of this one.
      if (kept != places->end() && config.windows) {
        feed->begin_pass(partition, position,
                         partition.place.state_id != state->state_id() ? "the state is another one than before"
                                                                       : "the state is an older copy");
      }
      const bool older = partition.place.state_id == state->state_id();
      partition.place = {.state_id = state->state_id(),
                         .dead_letters = older ? std::min(partition.place.dead_letters, position) : 0};
    }
    feed->shown_[partition.number] = partition.place;
    feed->partitions_.push_back(std::move(partition));
  }
  return feed;
}

void Feed::start() {
  thread_ = std::thread([this] { run(); });
}

void Feed::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  if (!thread_.joinable()) return;
  thread_.join();
  keep_places(true);
}

void Feed::wake() {
  {
    std::lock_guard lock(mutex_);
    awake_ = true;
  }
  woken_.notify_one();
}

void Feed::run() {
  while (true) {
    const Round result = round();
    std::unique_lock lock(mutex_);
    if (stopping_) return;
    if (result == Round::kPublished) continue;
    const auto pause = std::chrono::milliseconds(result == Round::kTrouble ? config_.retry_ms : config_.wait_ms);
    woken_.wait_for(lock, pause, [&] { return stopping_ || (awake_ && result == Round::kIdle); });
    awake_ = false;
    if (stopping_) return;
  }
}

std::string Feed::trouble() const {
  std::lock_guard lock(mutex_);
  return trouble_;
}

std::map<uint32_t, uint64_t> Feed::lag() const {
  std::map<uint32_t, uint64_t> lag;
  for (const state::State* state : parts_.states) lag[state->partition()] = state->position();
  std::lock_guard lock(mutex_);
  for (auto& [partition, behind] : lag) {
    const FeedPosition& place = shown_.at(partition);
    uint64_t reached = behind;
    if (config_.windows) reached = std::min(reached, place.revision);
    if (config_.dead_letters) reached = std::min(reached, place.dead_letters);
    behind -= reached;
  }
  return lag;
}

Feed::Round Feed::fail(const std::string& text) {
  {
    std::lock_guard lock(mutex_);
    if (trouble_ == text) return Round::kTrouble;
    trouble_ = text;
  }
  if (!text.empty() && parts_.say) parts_.say("feed: " + text);
  return Round::kTrouble;
}

void Feed::begin_pass(Partition& partition, uint64_t revision, const std::string& why) {
  partition.pass.emplace();
  partition.pass_revision = revision;
  ++counters_.full_passes_total;
  if (parts_.say) {
    parts_.say("feed: partition " + std::to_string(partition.number) + ": publishing every row that is kept (" + why +
               ")");
  }
}

// Rows of all partitions, read from all states at one instant: a device or a fleet row may have readings in several.
Status Feed::gather_rows(std::vector<FeedRecord>& out) {
  std::vector<state::Snapshot> snapshots;
  Teller teller{.ordinal = config_.ordinal, .replicas = config_.replicas};
  for (const Partition& partition : partitions_) {
    auto snapshot = state::Snapshot::take(*partition.state);
    if (!snapshot) return snapshot.error();
    teller.revision += snapshot->head().position;
    teller.state_id ^= partition.state->state_id();
    snapshots.push_back(std::move(snapshot).value());
  }
  std::set<std::string> told;
  auto summary = std::make_unique<stats::Summary>();
  for (size_t i = 0; i < partitions_.size(); ++i) {
    Partition& partition = partitions_[i];
    const state::Snapshot& snapshot = snapshots[i];
    const state::Head& head = snapshot.head();
    NameBook names(snapshot);
    const auto tell = [&](uint32_t no, int64_t start_s, WidthS width_s) {
      const RowName name = names.name(no, start_s, width_s);
      if (!told.insert(row_key(name, teller)).second) return;
      summary->clear();
      for (const state::Snapshot& one : snapshots) add_row(one, name, *summary);
      if (!summary->empty()) out.push_back(row_message(name, *summary, teller));  // else its retention has ended
    };
    if (!partition.pass && partition.place.revision < head.changes_low) {
      begin_pass(partition, head.position,
                 "what changed after revision " + std::to_string(partition.place.revision) + " is kept from " +
                     std::to_string(head.changes_low) + " on only");
    }
    if (partition.pass) {
      walk_rows(snapshot, *partition.pass, config_.rows_max, tell);
      more_ = true;
      on_delivered_.push_back([&partition, walk = *partition.pass] {
        if (!walk.done()) return;
        partition.place.revision = partition.pass_revision;
        partition.pass.reset();
      });
      continue;
    }
    uint64_t upto = head.position;
    size_t rows = 0;
    store::Cursor cursor(snapshot.txn(), snapshot.tables().changes);
    state::ChangeRecord record;
    for (bool more = cursor.seek(state::Key().u64(partition.place.revision)); more; more = cursor.next()) {
      const uint64_t offset = state::KeyReader(cursor.key()).u64();
      if (rows >= config_.rows_max) {
        upto = offset;
        more_ = true;
        break;
      }
      CHECK(record.decode(cursor.value()));
      for (const state::ChangedRow& row : record.rows) tell(row.series_no, row.start_s, row.width_s);
      rows += record.rows.size();
    }
    on_delivered_.push_back([&partition, upto] { partition.place.revision = upto; });
  }
  return {};
}

Status Feed::gather_dead_letters(Partition& partition, std::vector<FeedRecord>& out, uint64_t& upto) {
  // The position first: what is counted before it was written belongs to records before it, or later.
  const uint64_t position = partition.state->position();
  const uint64_t refused_now = partition.state->dead_letters_total();
  uint64_t from = partition.place.dead_letters;
  upto = position;
  if (from >= position || (partition.refused_known && partition.refused_seen == refused_now)) return {};
  if (!log_) {
    auto opened = parts_.open_log();
    if (!opened) return opened.error();
    log_ = std::move(opened).value();
  }
  const auto bounds = log_->bounds(partition.number);
  if (!bounds) return bounds.error();
  if (from < bounds->begin) {
    if (parts_.say && from > 0) {
      parts_.say("feed: partition " + std::to_string(partition.number) + ": records " + std::to_string(from) + " to " +
                 std::to_string(bounds->begin - 1) + " are trimmed; rejected ones among them are not published");
    }
    from = std::min(bounds->begin, position);
  }
  std::map<std::string, DeadLetter> letters;  // parked and rejected of the same records, by place
  const auto place_of = [](const DeadLetter& letter) {
    state::Key key;
    key.u64(letter.offset).u8(letter.kind == DeadLetter::Kind::kParked ? 1 : 0);
    return std::string(key.u64(letter.seqs.empty() ? 0 : letter.seqs.front().first).view());
  };
  DeadLetterScanner scanner(config_.max_future_s);
  uint64_t reached = from;
  while (reached < position && reached - from < config_.records_max) {
    const auto records = log_->read(partition.number, reached, config_.records_max, kLogBytesMax, 0);
    if (!records) return records.error();
    if (records->empty()) return Error{ErrorCode::kIo, "the log gives no record " + std::to_string(reached)};
    for (const log::StoredRecord& stored : *records) {
      if (stored.offset >= position) break;
      if (auto letter = scanner.look(partition.number, stored)) letters.emplace(place_of(*letter), std::move(*letter));
      reached = stored.offset + 1;
    }
  }
  auto snapshot = state::Snapshot::take(*partition.state);
  if (!snapshot) return snapshot.error();
  store::Cursor cursor(snapshot->txn(), snapshot->tables().deadletter);
  for (bool more = cursor.seek(state::Key().u64(from)); more; more = cursor.next()) {
    if (state::KeyReader(cursor.key()).u64() >= reached) break;
    state::ParkedPartial stored;
    CHECK(stored.decode(cursor.value()));
    DeadLetter letter = parked_letter(partition.number, cursor.key(), stored);
    letters.emplace(place_of(letter), std::move(letter));
  }
  for (const auto& [place, letter] : letters) {
    FeedRecord message{.topic = Topic::kDeadLetters, .placed_by = letter.tenant + "/" + letter.gateway};
    message.key = message.placed_by;
    message.value = dead_letter_json(letter, nullptr, true);
    message.reason = letter.reason;
    out.push_back(std::move(message));
  }
  upto = reached;
  if (reached == position) {
    on_delivered_.push_back([&partition, refused_now] {
      partition.refused_seen = refused_now;
      partition.refused_known = true;
    });
  } else {
    more_ = true;
  }
  return {};
}

bool Feed::deliver(const std::vector<FeedRecord>& messages, std::string& trouble) {
  auto delivery = std::make_shared<Delivery>();
  const int64_t give_up_ms = steady_ms() + config_.delivery_ms_max;
  int64_t stopping_since_ms = 0;
  // True while it is worth waiting a little longer.
  const auto patient = [&] {
    const int64_t now_ms = steady_ms();
    std::lock_guard lock(mutex_);
    if (stopping_ && stopping_since_ms == 0) stopping_since_ms = now_ms;
    return now_ms < give_up_ms && (stopping_since_ms == 0 || now_ms < stopping_since_ms + kStopWaitMs);
  };
  for (const FeedRecord& message : messages) {
    while (true) {
      {
        std::lock_guard lock(delivery->mutex);
        ++delivery->waiting;
      }
      const Status put = parts_.sink->put(message, [delivery](const Status& status) {
        std::lock_guard lock(delivery->mutex);
        if (!status && delivery->failure.empty()) delivery->failure = status.error().message;
        if (--delivery->waiting == 0) delivery->settled.notify_all();
      });
      if (put) break;
      std::unique_lock lock(delivery->mutex);
      --delivery->waiting;
      if (put.error().code != ErrorCode::kBusy || !patient()) {
        trouble = put.error().message;
        return false;
      }
      delivery->settled.wait_for(lock, std::chrono::milliseconds(20));
    }
  }
  std::unique_lock lock(delivery->mutex);
  while (delivery->waiting > 0) {
    delivery->settled.wait_for(lock, std::chrono::milliseconds(50), [&] { return delivery->waiting == 0; });
    if (delivery->waiting == 0) break;
    if (const std::string text = parts_.sink->trouble(); !text.empty()) fail(text);
    if (!patient()) {
      trouble = std::to_string(delivery->waiting) + " of " + std::to_string(messages.size()) +
                " messages were not taken in time";
      return false;
    }
  }
  trouble = delivery->failure;
  return trouble.empty();
}

Feed::Round Feed::round() {
  if (!prepared_) {
    if (Status prepared = parts_.sink->prepare(); !prepared) return fail(prepared.error().message);
    prepared_ = true;
  }
  on_delivered_.clear();
  more_ = false;
  std::vector<FeedRecord> messages;
  // A walk goes on in this round from where it stood, should the round fail.
  std::vector<std::optional<RowWalk>> walks;
  for (const Partition& partition : partitions_) walks.push_back(partition.pass);
  std::string trouble;
  if (config_.windows) {
    if (Status gathered = gather_rows(messages); !gathered) return fail(gathered.error().message);
  }
  const size_t rows = messages.size();
  std::string dead_letter_trouble;  // holds up no rows
  for (size_t i = 0; config_.dead_letters && i < partitions_.size(); ++i) {
    uint64_t upto = 0;
    if (Status gathered = gather_dead_letters(partitions_[i], messages, upto); !gathered) {
      dead_letter_trouble = "dead letters: " + gathered.error().message;
      log_.reset();
      break;
    }
    on_delivered_.push_back(
        [this, i, upto] { partitions_[i].place.dead_letters = std::max(partitions_[i].place.dead_letters, upto); });
  }
  if (!deliver(messages, trouble)) {
    ++counters_.failures_total;
    for (size_t i = 0; i < partitions_.size(); ++i) {
      if (partitions_[i].pass) partitions_[i].pass = walks[i] ? walks[i] : RowWalk{};
    }
    prepared_ = false;  // the topics may be gone
    return fail(trouble);
  }
  counters_.rows_total += rows;
  counters_.dead_letters_total += messages.size() - rows;
  for (const auto& settle : on_delivered_) settle();
  {
    std::lock_guard lock(mutex_);
    for (const Partition& partition : partitions_) shown_[partition.number] = partition.place;
    if (dead_letter_trouble.empty()) trouble_.clear();
  }
  keep_places(false);
  if (!dead_letter_trouble.empty()) return fail(dead_letter_trouble);
  return messages.empty() && !more_ ? Round::kIdle : Round::kPublished;
}

void Feed::keep_places(bool now) {
  std::map<uint32_t, FeedPosition> places = kept_;
  for (const Partition& partition : partitions_) {
    // While a pass is under way the next start begins it again.
    if (!partition.pass) places[partition.number] = partition.place;
  }
  if (places == kept_ || (!now && steady_ms() - kept_at_ms_ < config_.places_every_ms)) return;
  if (Status written = write_places(config_.places_file, places); !written) {
    if (parts_.say) parts_.say("feed: " + written.error().message);
    return;
  }
  kept_ = std::move(places);
  kept_at_ms_ = steady_ms();
}

}  // namespace tributary::feed
