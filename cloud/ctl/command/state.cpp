// SPDX-License-Identifier: Apache-2.0
// tributaryctl state, see state.h. Only digest opens a state as an aggregator does; the others read.
#include "cloud/ctl/command/state.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <set>

#include "cloud/ctl/describe.h"
#include "cloud/ctl/state_view.h"
#include "cloud/state/chunk.h"
#include "cloud/state/state.h"
#include "common/series/series.h"

namespace tributary::ctl {
namespace {

constexpr int64_t kCheckMsMax = 60'000;

// Calls show for each partition that was asked for. What cannot be opened, or is damaged, is said; the others follow.
int each_partition(const Arguments& arguments, const std::function<bool(const StateView&)>& show) {
  const auto folders = partition_dirs(arguments.text("--dir"), arguments.number("--partition"));
  if (!folders) return fail(folders.error().message);
  int status = 0;
  for (const std::string& folder : *folders) {
    std::printf("%s\n", folder.c_str());
    const auto view = StateView::open(folder);
    if (!view) {
      status = fail(view.error().message);
      continue;
    }
    // LMDB trusts its pages: one that is damaged is found before it is followed.
    if (const auto checked = (*view)->env().check(kCheckMsMax); !checked) {
      status = fail(checked.error().message);
      continue;
    }
    if (!show(**view)) status = 1;
  }
  return status;
}

std::optional<uint32_t> u32_of(std::string_view bytes) {
  if (bytes.size() != 4) return std::nullopt;
  return state::KeyReader(bytes).u32();
}

std::string meta_number(const store::Txn& txn, const StateView& view, const char* key) {
  const auto bytes = txn.get(view.tables().meta, key);
  return bytes && bytes->size() == 8 ? hex_text(state::KeyReader(*bytes).u64()) : "not readable";
}

bool show_head(const store::Txn& txn, const StateView& view) {
  std::printf("  state id %s, log id %s\n", meta_number(txn, view, "state_id").c_str(),
              meta_number(txn, view, "log_id").c_str());
  const auto head = state::read_head(txn, view.tables());
  if (!head) {
    std::printf("  head: %s\n", head.error().message.c_str());
    return false;
  }
  std::printf("  position %" PRIu64 ", clock %s, rows before %s are materialised\n", head->position,
              time_text(head->clock_ns).c_str(), seconds_text(head->rolled_s).c_str());
  std::printf("  rows are kept from: base %s, 60 s %s, 900 s %s, 3600 s %s; coarser ones for ever\n",
              seconds_text(head->cutoff_s[0]).c_str(), seconds_text(head->cutoff_s[1]).c_str(),
              seconds_text(head->cutoff_s[2]).c_str(), seconds_text(head->cutoff_s[3]).c_str());
  std::printf("  changes of %" PRIu64 " rows, of revisions after %" PRIu64 "\n", head->changes_entries,
              head->changes_low);
  return true;
}

void show_tables(const store::Txn& txn, const StateView& view) {
  std::printf("  %-14s %12s %12s\n", "table", "entries", "bytes");
  for (const state::TableRow& row : state::kTables) {
    MDB_stat stat{};
    if (mdb_stat(txn.raw(), view.tables().*row.table, &stat) != MDB_SUCCESS) {
      std::printf("  %-14s cannot be read\n", row.name);
      continue;
    }
    const uint64_t pages = stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    std::printf("  %-14s %12zu %12" PRIu64 "\n", row.name, stat.ms_entries, pages * stat.ms_psize);
  }
}

// Calls visit with each gateway that can be read; false if one cannot.
bool each_gateway(const store::Txn& txn, const StateView& view,
                  const std::function<void(std::string_view no, const state::GatewayRecord&)>& visit) {
  bool sound = true;
  store::Cursor cursor(txn, view.tables().gateways);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    state::GatewayRecord gateway;
    const auto no = u32_of(cursor.key());
    if (!no || !gateway.decode(cursor.value())) {
      std::printf("  gateway %s: its record is damaged\n", no ? std::to_string(*no).c_str() : "?");
      sound = false;
      continue;
    }
    visit(cursor.key(), gateway);
  }
  return sound;
}

std::string name_of(const state::GatewayRecord& gateway) {
  return safe_text(gateway.tenant) + "/" + safe_text(gateway.gateway);
}

bool show_state(const StateView& view) {
  auto txn = view.read();
  if (!txn) return fail(txn.error().message) == 0;
  bool sound = show_head(*txn, view);
  show_tables(*txn, view);
  sound &= each_gateway(*txn, view, [&](std::string_view no, const state::GatewayRecord& gateway) {
    const auto bytes = txn->get(view.tables().ledgers, no);
    const auto ledger = bytes ? ledger::GatewayLedger::decode(as_bytes(*bytes)) : std::nullopt;
    std::printf("  gateway %s: messages from %s to %s, %zu gaps, %zu alarms%s\n", name_of(gateway).c_str(),
                time_text(gateway.first_seen_ns).c_str(), time_text(gateway.last_seen_ns).c_str(), gateway.gaps.size(),
                gateway.alarms.size(), txn->get(view.tables().retired, no) ? ", retired" : "");
    if (!ledger) {
      std::printf("    ledger: %s\n", bytes ? "damaged" : "none");
      return;
    }
    std::printf("    epoch %s, frontier %s, mark %s, lost %" PRIu64 ", rejected %" PRIu64 ", parked %" PRIu64 "\n",
                hex_text(ledger->current_epoch()).c_str(), time_text(ledger->frontier_ns()).c_str(),
                time_text(ledger->mark_ns()).c_str(), ledger->lost_count(), ledger->rejected_count(),
                ledger->parked_count());
  });
  return sound;
}

int state_show(const Arguments& arguments) { return each_partition(arguments, show_state); }

const char* cause_name(ledger::LossCause cause) {
  switch (cause) {
    case ledger::LossCause::kLog:
      return "log";
    case ledger::LossCause::kGateway:
      return "gateway";
    case ledger::LossCause::kRejected:
      return "rejected";
  }
  return "unknown cause";
}

void show_ranges(const char* name, const ledger::RangeSet& set) {
  for (const ledger::MarkedRange& range : set.ranges()) {
    std::printf("      %s %" PRIu64 " to %" PRIu64 " (%s)\n", name, range.seqs.first, range.seqs.last,
                cause_name(range.cause));
  }
}

void show_epoch(uint64_t epoch, const ledger::EpochState& state) {
  std::printf("    epoch %s: low %" PRIu64 ", highest settled %" PRIu64 "%s%s\n", hex_text(epoch).c_str(), state.low,
              state.highest(), state.opened ? "" : ", its opening is missing",
              state.trusted ? "" : ", inherited partials are parked");
  if (state.predecessor != 0) {
    std::printf("      after epoch %s seq %" PRIu64 "\n", hex_text(state.predecessor).c_str(), state.predecessor_last);
  }
  if (state.successor != 0) std::printf("      before epoch %s\n", hex_text(state.successor).c_str());
  if (const uint64_t size = state.settled.size(); size > 0) {
    std::string window;
    for (uint64_t i = 0; i < size; ++i) window.push_back(state.settled[i] ? '1' : '0');
    std::printf("      window from %" PRIu64 ": %s\n", state.low, window.c_str());
  }
  show_ranges("lost", state.lost);
  show_ranges("rejected", state.rejected);
  if (!state.forgotten.empty()) {
    std::printf("      between %" PRIu64 " and %" PRIu64 " lost %" PRIu64 ", rejected %" PRIu64
                " more, which ones is forgotten\n",
                state.forgotten.hull.first, state.forgotten.hull.last, state.forgotten.lost, state.forgotten.rejected);
  }
  for (const ledger::Claim& claim : state.claims) {
    std::printf("      claim up to seq %" PRIu64 ": frontier %s, mark %s\n", claim.last_seq,
                time_text(claim.frontier_ns).c_str(), time_text(claim.mark_ns).c_str());
  }
}

int state_ledger(const Arguments& arguments) {
  const std::string tenant = arguments.text("--tenant"), name = arguments.text("--gateway");
  size_t shown = 0;
  const int status = each_partition(arguments, [&](const StateView& view) {
    auto txn = view.read();
    if (!txn) return fail(txn.error().message) == 0;
    bool sound = each_gateway(*txn, view, [&](std::string_view no, const state::GatewayRecord& gateway) {
      if ((!tenant.empty() && gateway.tenant != tenant) || (!name.empty() && gateway.gateway != name)) return;
      ++shown;
      const auto bytes = txn->get(view.tables().ledgers, no);
      const auto ledger = bytes ? ledger::GatewayLedger::decode(as_bytes(*bytes)) : std::nullopt;
      if (!ledger) {
        std::printf("  %s: %s\n", name_of(gateway).c_str(), bytes ? "its ledger is damaged" : "no ledger");
        return;
      }
      std::printf("  %s: epoch %s, frontier %s, mark %s, lost %" PRIu64 ", rejected %" PRIu64 ", parked %" PRIu64 "\n",
                  name_of(gateway).c_str(), hex_text(ledger->current_epoch()).c_str(),
                  time_text(ledger->frontier_ns()).c_str(), time_text(ledger->mark_ns()).c_str(), ledger->lost_count(),
                  ledger->rejected_count(), ledger->parked_count());
      for (const auto& [epoch, state] : ledger->open_epochs()) show_epoch(epoch, state);
      for (const ledger::ClosedEpoch& closed : ledger->closed_epochs()) {
        std::printf("    epoch %s: closed, all up to seq %" PRIu64 " settled%s%s\n", hex_text(closed.epoch).c_str(),
                    closed.last_seq, closed.successor == 0 ? "" : ", before epoch ",
                    closed.successor == 0 ? "" : hex_text(closed.successor).c_str());
      }
    });
    return sound;
  });
  if (shown == 0 && status == 0) return fail("found no such gateway");
  return status;
}

// The levels by their names on the command line.
constexpr const char* kLevelNames[state::kLevels] = {"base", "1m", "15m", "1h", "1d", "all"};

// Prints rows until there have been enough, and counts all.
class RowPrinter {
 public:
  RowPrinter(std::optional<int> level, uint64_t rows_max, bool hex) : level_(level), rows_max_(rows_max), hex_(hex) {}
  uint64_t total() const { return total_; }
  bool sound() const { return sound_; }

  // Materialised rows of a series: table "rows" or "direct".
  void chunks(const store::Txn& txn, store::Table table, const char* name, uint32_t no) {
    for (int level = 0; level < state::kLevels; ++level) {
      if (level_ && *level_ != level) continue;
      const state::Key prefix = state::Key().u8(static_cast<uint8_t>(level)).u32(no);
      store::Cursor cursor(txn, table);
      for (bool more = cursor.seek(prefix); more && cursor.key().starts_with(prefix.view()); more = cursor.next()) {
        if (cursor.key().size() != prefix.view().size() + 8) continue;
        const int64_t chunk_s = state::KeyReader(cursor.key().substr(prefix.view().size())).time();
        state::ChunkReader reader(level, chunk_s, cursor.value());
        state::ChunkRow row;
        bool any = false;
        while (reader.next(row)) {
          any = true;
          print(name, row.start_s, row.width_s, row.summary);
        }
        if (any && !reader.corrupt()) continue;
        std::printf("    %-6s %s: the chunk is damaged\n", name, seconds_text(chunk_s).c_str());
        sound_ = false;
      }
    }
  }
  // Fresh rows of all the series: they stand by time.
  void fresh(const store::Txn& txn, store::Table table, uint32_t no) {
    store::Cursor cursor(txn, table);
    for (bool more = cursor.first(); more; more = cursor.next()) {
      if (cursor.key().size() != 16) continue;
      state::KeyReader key(cursor.key());
      const int64_t start_s = key.time();
      const WidthS width_s = key.u32();
      if (key.u32() != no || (level_ && state::level_of(width_s) != *level_)) continue;
      print("fresh", start_s, width_s, as_bytes(cursor.value()));
    }
  }

 private:
  void print(const char* name, int64_t start_s, WidthS width_s, Bytes summary) {
    if (total_++ >= rows_max_) return;
    const std::string start = width_s == kAllTime ? "" : seconds_text(start_s) + " + ";
    std::printf("    %-6s %s%s  %s\n", name, start.c_str(), width_text(width_s).c_str(),
                summary_line(summary, hex_).c_str());
    if (!summary_fault(summary).empty()) sound_ = false;
  }
  const std::optional<int> level_;
  const uint64_t rows_max_;
  const bool hex_;
  uint64_t total_ = 0;
  bool sound_ = true;
};

// The series that were asked for: those of devices, or, with --device '*', of the fleet.
bool is_chosen(const state::SeriesInfo& info, const Arguments& arguments) {
  const auto series = series_from_id(info.id);
  const std::string device = arguments.text("--device");
  if (!series || series->metric != arguments.text("--metric")) return false;
  return device == "*" ? info.fleet : !info.fleet && (device.empty() || series->device == device);
}

int state_rows(const Arguments& arguments) {
  std::optional<int> level;
  if (const std::string name = arguments.text("--level"); !name.empty()) {
    const auto* found = std::find(std::begin(kLevelNames), std::end(kLevelNames), name);
    if (found == std::end(kLevelNames)) {
      return fail("found level \"" + safe_text(name) + "\", expected base, 1m, 15m, 1h, 1d or all");
    }
    level = static_cast<int>(found - std::begin(kLevelNames));
  }
  size_t series = 0;
  const int status = each_partition(arguments, [&](const StateView& view) {
    auto txn = view.read();
    if (!txn) return fail(txn.error().message) == 0;
    const std::string tenant = arguments.text("--tenant");
    const auto tenant_bytes =
        tenant.size() > state::kNameBytesMax ? std::nullopt : txn->get(view.tables().tenants, tenant);
    const auto tenant_no = tenant_bytes ? u32_of(*tenant_bytes) : std::nullopt;
    RowPrinter rows(level, arguments.number("--count").value_or(100), arguments.has("--hex"));
    bool sound = true;
    store::Cursor cursor(*txn, view.tables().series_info);
    for (bool more = tenant_no && cursor.first(); more; more = cursor.next()) {
      state::SeriesInfo info;
      const auto no = u32_of(cursor.key());
      if (!no || !info.decode(cursor.value())) {
        std::printf("  a series is damaged\n");
        sound = false;
        continue;
      }
      if (info.tenant_no != *tenant_no || !is_chosen(info, arguments)) continue;
      ++series;
      std::printf("  %s %s, series %u\n", series_text(info.id).c_str(), std::string(to_string(info.kind)).c_str(), *no);
      rows.chunks(*txn, view.tables().rows, "rows", *no);
      rows.chunks(*txn, view.tables().direct, "direct", *no);
      rows.fresh(*txn, view.tables().fresh, *no);
    }
    const uint64_t shown = std::min(rows.total(), arguments.number("--count").value_or(100));
    std::printf("  %" PRIu64 " rows, %" PRIu64 " shown\n", rows.total(), shown);
    return sound && rows.sound();
  });
  if (series == 0 && status == 0) return fail("found no such series of that tenant");
  return status;
}

// The digest of a partition's state: equal where everything merged is equal, byte for byte.
int state_digest(const Arguments& arguments) {
  state::StateConfig config;
  config.partition = static_cast<uint32_t>(arguments.number("--partition").value_or(0));
  config.path = partition_dir(arguments.text("--dir"), config.partition);
  if (!std::filesystem::exists(config.path)) return fail("found no state in " + config.path);
  auto state = state::State::open(config);
  if (!state) return fail(state.error().message);
  std::printf("%s position %" PRIu64 "\n", (*state)->digest().c_str(), (*state)->position());
  return 0;
}

constexpr Option kDirOption = {"--dir,--state,dir", "[state] dir of the aggregator, or the folder of one partition",
                               Option::Takes::kText, true};
constexpr Option kPartitionOption = {"--partition", "Only this partition", Option::Takes::kNumber};
constexpr Option kStateShowOptions[] = {kDirOption, kPartitionOption};
constexpr Option kLedgerOptions[] = {
    kDirOption, kPartitionOption, {"--tenant", "Only of this tenant"}, {"--gateway", "Only of this gateway"}};
constexpr Option kRowsOptions[] = {
    kDirOption,
    kPartitionOption,
    {"--tenant", "The tenant", Option::Takes::kText, true},
    {"--metric", "The metric", Option::Takes::kText, true},
    {"--device", "Only of this device; * for the fleet's rows"},
    {"--level", "Only rows of base, 1m, 15m, 1h, 1d or all"},
    {"--hex", "The bytes of each summary as well, for summary show", Option::Takes::kFlag},
    {"--count", "At most so many rows a partition", Option::Takes::kNumber, false, "100"},
};
constexpr Option kDigestOptions[] = {kDirOption, {"--partition", "The partition", Option::Takes::kNumber, false, "0"}};

}  // namespace

constexpr Command kStateShow = {"state", "show", "Head, tables and gateways; it may be in use", kStateShowOptions,
                                state_show};
constexpr Command kStateRows = {"state", "rows", "Stored rows of a metric; it may be in use", kRowsOptions, state_rows};
constexpr Command kStateLedger = {"state", "ledger", "What is settled of each gateway; it may be in use",
                                  kLedgerOptions, state_ledger};
constexpr Command kStateDigest = {"state", "digest",
                                  "A hash of everything merged, and the position in the log; it must not be in use",
                                  kDigestOptions, state_digest};

}  // namespace tributary::ctl
