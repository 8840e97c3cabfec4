// SPDX-License-Identifier: Apache-2.0
// One function a table of the outbox: see inspect.h.
#include "edge/inspect.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/reading/payload.h"
#include "common/series/series.h"
#include "common/store/env.h"
#include "edge/outbox/records.h"
#include "edge/outbox/tables.h"
#include "edge/outbox/undated/undated_records.h"

namespace tributary::edge {
namespace {

constexpr int64_t kCheckMsMax = 60'000;
constexpr size_t kLinesMax = 20;  // of one kind; what is left out is counted

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, value);
  return text;
}

std::string hex(const BootId& id) {
  std::string out;
  char text[3];
  for (const uint8_t byte : id) {
    std::snprintf(text, sizeof text, "%02x", byte);
    out += text;
  }
  return out;
}

std::string count_of(uint64_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string width_of(WidthS width_s) {
  return width_s == kAllTime ? "all time" : "width " + std::to_string(width_s) + " s";
}

// A window's start. One that is none is shown as it stands.
std::string start_of(int64_t start_s, WidthS width_s) {
  if (width_s == kAllTime) return "all time";
  const int64_t start_ns = window_start_ns(start_s, width_s);
  return start_ns == kUnknownStart ? std::to_string(start_s) + " s" : reading::format_timestamp(start_ns);
}

const char* cause_of(wire::GapCause cause) {
  switch (cause) {
    case wire::GapCause::kCrash:
      return "crash";
    case wire::GapCause::kStopped:
      return "stopped";
    case wire::GapCause::kOutboxReplaced:
      return "outbox replaced";
    default:
      return "of an unknown cause";
  }
}

// How many of what, from when to when.
struct Amount {
  uint64_t entries = 0, bytes = 0, readings = 0, inherited = 0, estimated = 0, unreadable = 0;
  int64_t first_ns = std::numeric_limits<int64_t>::max(), last_ns = std::numeric_limits<int64_t>::min();

  // False: it is none.
  bool add_summary(Bytes summary) {
    stats::Summary::Facts facts;
    if (!stats::Summary::inspect(summary, facts)) return false;
    readings += facts.count;
    if (facts.count == 0) return true;
    first_ns = std::min(first_ns, facts.first.time_ns);
    last_ns = std::max(last_ns, facts.last.time_ns);
    return true;
  }
  std::string text(const char* what) const {
    std::string out =
        count_of(entries, what) + ", " + std::to_string(bytes) + " bytes, " + count_of(readings, "reading");
    if (first_ns <= last_ns) {
      out += ", " + reading::format_timestamp(first_ns) + " to " + reading::format_timestamp(last_ns);
    }
    if (inherited > 0) out += ", " + std::to_string(inherited) + " inherited";
    if (estimated > 0) out += ", " + std::to_string(estimated) + " with an estimated time";
    if (unreadable > 0) out += ", " + std::to_string(unreadable) + " CANNOT BE READ";
    return out;
  }
};

class OutboxReport {
 public:
  OutboxReport(const store::Txn& txn, const OutboxTables& tables, const std::map<std::string, bool>& missing)
      : txn_(txn), tables_(tables), missing_(missing) {}

  std::string run() {
    identity();
    state();
    series();
    flight();
    waiting();
    checkpoint();
    undated();
    return std::move(out_);
  }

 private:
  void line(const std::string& text) { out_ += text + "\n"; }
  void detail(const std::string& text) { line("  " + text); }
  bool has(const char* table) {
    if (!missing_.contains(table)) return true;
    line(std::string(table) + ": THE TABLE IS MISSING");
    return false;
  }
  std::optional<std::string_view> content(store::Table table, std::string_view key) const {
    const auto value = txn_.get(table, key);
    return value ? unseal(key, *value) : std::nullopt;
  }
  template <class Visit>
  void each(store::Table table, const Visit& visit) const {
    store::Cursor cursor(txn_, table);
    for (bool more = cursor.first(); more; more = cursor.next()) visit(cursor.key(), cursor.value());
  }

  void identity() {
    if (!has("meta")) return;
    const auto found = content(tables_.meta, kIdentityKey);
    const auto identity = found ? decode_identity(*found) : std::nullopt;
    if (!identity) return line("identity: CANNOT BE READ");
    line("tenant " + identity->tenant + ", gateway " + identity->gateway + ", format version " +
         std::to_string(ByteReader(as_bytes(*found)).u32()));
  }

  void state() {
    if (missing_.contains("meta")) return;
    const auto found = content(tables_.meta, kStateKey);
    const auto meta = found ? decode_meta(*found) : std::nullopt;
    if (!meta) return line(txn_.count(tables_.meta) > 1 ? "state: CANNOT BE READ" : "state: nothing was written yet");
    epoch_index_ = meta->epoch_index;
    line("epoch " + hex(meta->epoch) + " (number " + std::to_string(meta->epoch_index) + "), after " +
         (meta->predecessor == 0 ? "none" : hex(meta->predecessor)) + ", next seq " + std::to_string(meta->next_seq));
    detail(std::string(meta->clean_stop ? "stopped cleanly" : "running or killed") + ", durable to " +
           reading::format_timestamp(meta->last_durable_ns));
    detail(count_of(meta->accepted_total, "reading") + " accepted, " + std::to_string(meta->overflow_total) +
           " of them in overflow series");
    for (const auto& [reason, count] : meta->rejected_total)
      detail("rejected " + reason + ": " + std::to_string(count));
    const auto clock_found = content(tables_.meta, kClockKey);
    const auto clock = clock_found ? decode_clock(*clock_found) : std::nullopt;
    if (!clock) return;
    detail("clock last set in boot " + hex(clock->set_boot) + (clock->crashed ? ", a run has crashed since" : "") +
           (clock->replaced ? ", the outbox was moved aside since" : ""));
  }

  void series() {
    if (!has("series") || !has("previous")) return;
    uint64_t unreadable = 0;
    each(tables_.series, [&](std::string_view key, std::string_view value) {
      const auto index = decode_index_key(key);
      const auto found = unseal(key, value);
      const auto record = found ? decode_series(*found) : std::nullopt;
      if (!index || !record || !series_from_id(record->identity).ok()) {
        ++unreadable;
        return;
      }
      names_[*index] = name_of(record->identity) + (record->kind == MetricKind::kCounter ? " (counter)" : "");
    });
    line(std::to_string(names_.size()) + " series known" +
         (unreadable > 0 ? ", " + std::to_string(unreadable) + " CANNOT BE READ" : ""));
    size_t lines = 0;
    for (const auto& [index, name] : names_) {
      if (++lines > kLinesMax) return detail("… " + std::to_string(names_.size() - kLinesMax) + " more");
      const auto found = content(tables_.previous, index_key(index));
      const auto previous = found ? decode_previous(*found) : std::nullopt;
      std::string last;
      if (previous) {
        char number[32];
        std::snprintf(number, sizeof number, "%.17g", previous->value);
        last = ": last value " + std::string(number);
        if (previous->time_ns != kUnknownStart) last += " at " + reading::format_timestamp(previous->time_ns);
      }
      detail(std::to_string(index).append(" ").append(name).append(last));
    }
  }

  void flight() {
    if (!has("flight") || !has("epochs")) return;
    struct Epoch {
      std::string name = "of an epoch that CANNOT BE READ";
      uint64_t first = 0, last = 0;
      Amount amount;
      std::vector<std::string> lines;
    };
    std::map<uint32_t, Epoch> epochs;
    each(tables_.epochs, [&](std::string_view key, std::string_view value) {
      const auto index = decode_index_key(key);
      const auto found = unseal(key, value);
      const auto epoch = found ? decode_epoch(*found) : std::nullopt;
      if (index && epoch) epochs[*index].name = "of epoch " + hex(*epoch);
    });
    uint64_t keys_unreadable = 0;
    each(tables_.flight, [&](std::string_view key_bytes, std::string_view value) {
      const auto key = FlightKey::decode(key_bytes);
      if (!key) {
        ++keys_unreadable;
        return;
      }
      Epoch& epoch = epochs[key->epoch_index];
      if (epoch.amount.entries++ == 0) epoch.first = key->seq;
      epoch.last = key->seq;
      epoch.amount.bytes += value.size();
      const auto found = unseal(key_bytes, value);
      const auto item = found ? decode_item(*found) : std::nullopt;
      if (!item) {
        ++epoch.amount.unreadable;
        return;
      }
      const std::string told = item_line(*item, epoch.amount);
      if (!told.empty()) epoch.lines.push_back("seq " + std::to_string(key->seq) + ": " + told);
    });
    line("flight:" + std::string(txn_.count(tables_.flight) == 0 ? " nothing" : ""));
    if (keys_unreadable > 0) detail(std::to_string(keys_unreadable) + " keys CANNOT BE READ");
    for (const auto& [index, epoch] : epochs) {
      if (epoch.amount.entries == 0) continue;
      detail(epoch.name + (index == epoch_index_ ? "" : " (an older one)") + ", seq " + std::to_string(epoch.first) +
             " to " + std::to_string(epoch.last) + ": " + epoch.amount.text("item"));
      for (size_t i = 0; i < std::min(epoch.lines.size(), kLinesMax); ++i) detail("  " + epoch.lines[i]);
    }
  }

  // What is told of an item by itself; empty for a partial, which counts only.
  static std::string item_line(const FlightItem& item, Amount& amount) {
    switch (item.kind) {
      case ItemKind::kPartial:
        amount.inherited += item.inherited ? 1 : 0;
        amount.estimated += item.time_estimated ? 1 : 0;
        if (!amount.add_summary(item.summary)) ++amount.unreadable;
        return {};
      case ItemKind::kOpening:
        return "opening, after " +
               (item.opening.predecessor_epoch == 0 ? "none"
                                                    : hex(item.opening.predecessor_epoch) + " seq " +
                                                          std::to_string(item.opening.predecessor_last_seq)) +
               ", last durable " + reading::format_timestamp(item.opening.last_durable_ns);
      case ItemKind::kGap:
        return std::string("gap, ") + cause_of(item.gap.cause) + ", " + reading::format_timestamp(item.gap.from_ns) +
               " to " + reading::format_timestamp(item.gap.to_ns);
      case ItemKind::kLost:
        return "lost, window " + start_of(item.start_s, item.width_s) + ", " + width_of(item.width_s);
    }
    return "of an unknown kind";
  }

  void waiting() {
    if (!has("waiting")) return;
    std::map<WidthS, Amount> widths;
    uint64_t keys_unreadable = 0, lost = 0;
    each(tables_.waiting, [&](std::string_view key_bytes, std::string_view value) {
      const auto key = WaitingKey::decode(key_bytes);
      if (!key) {
        ++keys_unreadable;
        return;
      }
      Amount& amount = widths[key->width_s];
      ++amount.entries;
      amount.bytes += value.size();
      const WaitingValue stored = open_waiting(key_bytes, value);
      amount.inherited += key->birth == epoch_index_ ? 0 : 1;
      amount.estimated += (stored.flags & WaitingValue::kTimeEstimated) != 0 ? 1 : 0;
      lost += (stored.flags & WaitingValue::kLost) != 0 && unseal(key_bytes, value) ? 1 : 0;
      const bool stands_for_loss = stored.summary.empty() && unseal(key_bytes, value);
      if (!stands_for_loss && !amount.add_summary(stored.summary)) ++amount.unreadable;
    });
    line("waiting:" + std::string(widths.empty() && keys_unreadable == 0 ? " nothing" : ""));
    for (const auto& [width_s, amount] : widths) detail(width_of(width_s) + ": " + amount.text("partial"));
    if (lost > 0) detail(count_of(lost, "loss") + (lost == 1 ? "" : "es") + " to be named");
    if (keys_unreadable > 0) detail(std::to_string(keys_unreadable) + " keys CANNOT BE READ");
  }

  void checkpoint() {
    if (!has("checkpoint")) return;
    std::vector<std::string> lines;
    uint64_t windows = 0;
    auto summary = std::make_unique<stats::Summary>();
    each(tables_.checkpoint, [&](std::string_view key_bytes, std::string_view value) {
      ++windows;
      if (lines.size() >= kLinesMax) return;
      const auto key = CheckpointKey::decode(key_bytes);
      const auto found = unseal(key_bytes, value);
      summary->clear();
      if (!key || !found || !read_checkpoint(*found, *summary)) {
        lines.push_back("a window that CANNOT BE READ");
        return;
      }
      lines.push_back(name_of(key->series) + ", " + start_of(key->start_s, key->width_s) + ", " +
                      width_of(key->width_s) + ": " + count_of(summary->numeric().count(), "reading"));
    });
    line("checkpoint: " + count_of(windows, "open window"));
    for (const std::string& text : lines) detail(text);
    if (windows > lines.size()) detail("… " + std::to_string(windows - lines.size()) + " more");
  }

  void undated() {
    if (!has("undated")) return;
    struct Level {
      uint64_t entries = 0, bytes = 0, readings = 0, unreadable = 0;
    };
    std::map<uint32_t, std::map<uint8_t, Level>> boots;
    std::map<uint32_t, std::optional<BootRecord>> records;
    uint64_t keys_unreadable = 0;
    each(tables_.undated, [&](std::string_view key_bytes, std::string_view value) {
      const auto key = UndatedKey::decode(key_bytes);
      if (!key) {
        ++keys_unreadable;
        return;
      }
      const auto found = unseal(key_bytes, value);
      if (key->level == kBootLevel) {
        records[key->boot] = found ? decode_boot(*found) : std::nullopt;
        return;
      }
      records.try_emplace(key->boot);
      Level& level = boots[key->boot][key->level];
      ++level.entries;
      level.bytes += value.size();
      std::vector<UndatedReading> readings;
      stats::Summary::Facts facts;
      if (key->level == 0 && found && decode_undated(*found, readings)) {
        level.readings += readings.size();
      } else if (key->level > 0 && found && stats::Summary::inspect(as_bytes(*found), facts)) {
        level.readings += facts.count;
      } else {
        ++level.unreadable;
      }
    });
    line("undated:" + std::string(records.empty() && keys_unreadable == 0 ? " nothing" : ""));
    if (keys_unreadable > 0) detail(std::to_string(keys_unreadable) + " keys CANNOT BE READ");
    for (const auto& [number, record] : records) {
      detail("boot " + std::to_string(number) + (record ? boot_line(*record) : ": its record CANNOT BE READ"));
      for (const auto& [at, level] : boots[number]) {
        detail("  " + (at == 0 ? std::string("as they came") : width_of(kUndatedWidths[at])) + ": " +
               std::to_string(level.entries) + (level.entries == 1 ? " entry, " : " entries, ") +
               std::to_string(level.bytes) + " bytes, " + count_of(level.readings, "reading") +
               (level.unreadable > 0 ? ", " + std::to_string(level.unreadable) + " CANNOT BE READ" : ""));
      }
    }
  }

  static std::string boot_line(const BootRecord& boot) {
    std::string out = " " + hex(boot.id) + ": " + count_of(boot.readings, "reading") + ", the newest " +
                      std::to_string(boot.last_mono_ns / kNanosPerSecond) + " s after its beginning";
    if (boot.state == BootState::kUndated) return out + ", no date yet";
    return out + (boot.state == BootState::kDated ? ", began " : ", began by estimate ") +
           reading::format_timestamp(boot.base_ns);
  }

  // device metric{key="value",…}, for people.
  static std::string name_of(std::string_view identity) {
    const auto series = series_from_id(identity);
    if (!series.ok()) return "a series whose name CANNOT BE READ";
    std::string out = (series->overflow ? "(overflow)" : series->device) + " " + series->metric;
    const char* separator = "{";
    for (const Label& label : series->labels) {
      out += separator + label.key + "=\"" + label.value + "\"";
      separator = ",";
    }
    return series->labels.empty() ? out : out + "}";
  }
  std::string name_of(uint32_t series) const {
    const auto known = names_.find(series);
    return known == names_.end() ? "series " + std::to_string(series) : known->second;
  }

  const store::Txn& txn_;
  const OutboxTables& tables_;
  const std::map<std::string, bool>& missing_;
  std::map<uint32_t, std::string> names_;
  uint32_t epoch_index_ = 0;
  std::string out_;
};

// Whether a process has the outbox open. The question itself holds the lock for a moment, shared.
bool is_in_use(const std::string& folder) {
  const int fd = ::open((folder + "/owner.lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0;
  ::close(fd);
  return held;
}

Result<std::string> inspect_folder(const std::string& folder, bool in_use) {
  auto env = store::Env::open({.path = folder,
                               .map_bytes = 1 << 20,  // the file's own size counts where it is larger
                               .tables_max = kOutboxTables.size() + 1,
                               .read_only = true,
                               .no_lock = !in_use,
                               .readers_max = 8});
  if (!env) return env.error();
  const uint64_t begun = (*env)->last_txn_id();
  const auto checked = (*env)->check(kCheckMsMax);
  if (!checked) return checked.error();
  OutboxTables tables;
  std::map<std::string, bool> missing;
  for (const OutboxTable& one : kOutboxTables) {
    auto table = (*env)->table(one.name);
    if (!table && table.error().code != ErrorCode::kNotFound) return table.error();
    if (table) {
      tables.*one.table = *table;
    } else {
      missing[one.name] = true;
    }
  }
  auto txn = (*env)->read();
  if (!txn) return txn.error();
  std::string out = "outbox " + folder + (in_use ? ", in use" : ", not in use") + ": " +
                    std::to_string((*env)->used_bytes()) + " of " + std::to_string((*env)->map_bytes()) +
                    " bytes used, its pages are sound" + (checked->complete ? "\n" : " as far as was looked\n");
  if (missing.size() == kOutboxTables.size()) return out + "nothing was ever written to it\n";
  out += OutboxReport(*txn, tables, missing).run();
  if (!in_use && (*env)->last_txn_id() != begun) {
    return Error{ErrorCode::kBusy, folder + " was opened by another process meanwhile"};
  }
  return out;
}

}  // namespace

Result<std::string> inspect_outbox(const std::string& dir) {
  std::error_code ignored;
  const bool inside = std::filesystem::exists(dir + "/outbox/data.mdb", ignored);
  const std::string folder = inside ? dir + "/outbox" : dir;
  if (!std::filesystem::exists(folder + "/data.mdb", ignored)) {
    return Error{ErrorCode::kNotFound, "found no outbox in " + dir + ", expected the state_dir of a gateway"};
  }
  auto told = inspect_folder(folder, is_in_use(folder));
  // Somebody began to write it: then as one reader more.
  if (!told && told.error().code == ErrorCode::kBusy) return inspect_folder(folder, true);
  return told;
}

}  // namespace tributary::edge
