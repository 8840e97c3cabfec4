// SPDX-License-Identifier: Apache-2.0
// Gateways as a state knows them: see gateways.h.
#include "cloud/query/gateways.h"

#include <simdjson.h>

#include "cloud/query/answers.h"
#include "common/base/hex.h"
#include "common/wire/message.h"

namespace tributary::query {
namespace {

// The status is the gateway's own text: whatever does not fit is left out.
void read_status(const state::StatusRecord& status, GatewayView& view) {
  view.status_json = status.json;
  thread_local simdjson::dom::parser parser;
  simdjson::dom::object json;
  if (parser.parse(status.json).get(json) != simdjson::SUCCESS) return;
  auto text = [&](const char* name) {
    std::string_view found;
    return json[name].get(found) == simdjson::SUCCESS ? found : std::string_view();
  };
  view.version = text("version");
  // A message merged well after the last will says that the gateway came back.
  view.offline = text("state") == "offline" && view.record.last_seen_ns <= status.append_ns + 10 * kNanosPerSecond;
  simdjson::dom::object rejected;
  if (json["counters"]["rejected"].get(rejected) != simdjson::SUCCESS) return;
  for (const auto& [reason, value] : rejected) {
    uint64_t count = 0;
    if (value.is_uint64() && value.get(count) == simdjson::SUCCESS && view.edge_rejected.size() < state::kReasonsMax) {
      view.edge_rejected[std::string(reason)] += count;
    }
  }
}

std::string cause_text(uint8_t cause) {
  switch (static_cast<wire::GapCause>(cause)) {
    case wire::GapCause::kCrash:
      return "crash";
    case wire::GapCause::kStopped:
      return "stopped";
    case wire::GapCause::kOutboxReplaced:
      return "outbox_replaced";
    default:
      break;
  }
  if (cause == state::kGapWiped) return "wiped";
  if (cause == state::kGapRestored) return "restored";
  if (cause == state::kGapCloned) return "cloned";
  return "unknown";
}

std::string alarm_text(const state::GatewayRecord& record, const state::GatewayAlarm& alarm) {
  const std::string end = " (epoch " + hex16(alarm.epoch) + ")";
  switch (alarm.kind) {
    case state::AlarmKind::kRestored:
      return "restored: gateway " + record.gateway + " went on from an older copy of its outbox" + end;
    case state::AlarmKind::kCloned:
      return "cloned: two gateways go on from one outbox of gateway " + record.gateway + end;
    case state::AlarmKind::kWiped:
      return "wiped: gateway " + record.gateway + " began anew without its outbox" + end;
  }
  return "unknown";
}

}  // namespace

std::string GatewayView::absence(int64_t now_ns) const {
  if (offline) return "offline";
  if (now_ns - record.last_seen_ns > kSilentAfterNs) return "silent";
  return "";
}

std::optional<GatewayView> read_gateway(const state::Snapshot& snapshot, uint32_t no) {
  const state::Tables& tables = snapshot.tables();
  const state::Key key = state::number_key(no);
  std::optional<std::string_view> record = snapshot.txn().get(tables.gateways, key);
  if (!record) return std::nullopt;
  GatewayView view;
  view.no = no;
  CHECK(view.record.decode(*record));
  if (std::optional<std::string_view> bytes = snapshot.txn().get(tables.ledgers, key)) {
    std::optional<ledger::GatewayLedger> ledger = ledger::GatewayLedger::decode(as_bytes(*bytes));
    CHECK(ledger.has_value());
    view.ledger = std::move(*ledger);
  }
  view.retired = snapshot.txn().get(tables.retired, key).has_value();
  if (std::optional<std::string_view> bytes = snapshot.txn().get(tables.status, key)) {
    state::StatusRecord status;
    CHECK(status.decode(*bytes));
    read_status(status, view);
  }
  return view;
}

void each_gateway(const state::Snapshot& snapshot, uint32_t tenant_no,
                  const std::function<void(const GatewayView&)>& visit) {
  snapshot.each(snapshot.tables().gateway_names, state::number_key(tenant_no),
                [&](std::string_view, std::string_view value) {
                  std::optional<GatewayView> view = read_gateway(snapshot, state::KeyReader(value).u32());
                  CHECK(view.has_value());
                  visit(*view);
                  return true;
                });
}

void append_gaps(const GatewayView& gateway, const Range& range, std::vector<GapNote>& out) {
  // Readings are dated at most an hour (the edge's greatest max_future) ahead of their acceptance.
  constexpr int64_t kAheadMaxNs = 3600 * kNanosPerSecond;
  for (const state::GatewayGap& gap : gateway.record.gaps) {
    const bool of_accepted = gap.cause >= static_cast<uint8_t>(wire::GapCause::kOutboxReplaced);
    if (range.from_ns && gap.to_ns <= *range.from_ns - (of_accepted ? kAheadMaxNs : 0)) continue;
    if (range.to_ns && gap.from_ns >= *range.to_ns) continue;
    out.push_back({gateway.record.gateway, gap.from_ns, gap.to_ns, cause_text(gap.cause)});
  }
}

void append_estimated(const GatewayView& gateway, const Range& range, std::vector<EstimatedNote>& out) {
  for (const state::EstimatedRange& estimated : gateway.record.estimated) {
    if (range.from_ns && estimated.to_ns <= *range.from_ns) continue;
    if (range.to_ns && estimated.from_ns >= *range.to_ns) continue;
    out.push_back({gateway.record.gateway, estimated.from_ns, estimated.to_ns});
  }
}

void append_lost(const GatewayView& gateway, std::vector<LostNote>& out) {
  for (const ledger::LostRange& lost : gateway.ledger.lost()) {
    out.push_back({gateway.record.gateway, lost.epoch, lost.seqs.first, lost.seqs.last, lost.cause});
  }
}

void add_rejected(const GatewayView& gateway, std::map<std::string, uint64_t>& out) {
  for (const auto& [reason, count] : gateway.record.rejected) out[reason] += count;
  for (const auto& [reason, count] : gateway.edge_rejected) out[reason] += count;
}

std::vector<GatewayInfo> answer_gateways(const Snapshots& snapshots, const std::string& tenant, int64_t now_ns,
                                         const NamePage& page) {
  std::vector<GatewayInfo> infos;
  struct Counted {
    size_t index = 0;  // in infos
    std::string device;
  };
  for (const state::Snapshot& snapshot : snapshots) {
    const std::optional<uint32_t> tenant_no = snapshot.tenant(tenant);
    if (!tenant_no) continue;
    std::map<uint32_t, Counted> numbers;
    const auto add = [&](const GatewayView& view) {
      GatewayInfo info;
      info.gateway = view.record.gateway;
      info.frontier_ns = view.ledger.frontier_ns();
      info.mark_ns = view.ledger.mark_ns();
      info.last_seen_ns = view.record.last_seen_ns;
      info.first_seen_ns = view.record.first_seen_ns;
      info.version = view.version;
      info.status_json = view.status_json;
      info.state = view.retired ? "retired" : view.absence(now_ns);
      if (info.state.empty()) info.state = now_ns - info.frontier_ns > kLateAfterNs ? "late" : "online";
      append_gaps(view, {}, info.gaps);
      append_lost(view, info.lost);
      info.parked = view.ledger.parked_count();
      add_rejected(view, info.rejected);
      for (const state::GatewayAlarm& alarm : view.record.alarms) info.alarms.push_back(alarm_text(view.record, alarm));
      numbers[view.no].index = infos.size();
      infos.push_back(std::move(info));
    };
    uint64_t names = 0;
    snapshot.each_from(snapshot.tables().gateway_names, state::number_key(*tenant_no), page.after,
                       [&](std::string_view name, std::string_view no) {
                         if (!page.after.empty() && name <= page.after) return true;
                         if (++names > page.max) return false;
                         const std::optional<GatewayView> view = read_gateway(snapshot, state::KeyReader(no).u32());
                         CHECK(view.has_value());
                         add(*view);
                         return true;
                       });
    if (numbers.empty()) continue;
    // Devices by gateway: a device's series stand together in the series table.
    snapshot.each(snapshot.tables().series, state::series_key(*tenant_no, false, ""),
                  [&](std::string_view id, std::string_view no) {
                    const std::string_view device = id.substr(0, id.find('\0'));
                    if (device.empty()) return true;
                    snapshot.each(snapshot.tables().contributors, no, [&](std::string_view gateway, std::string_view) {
                      const auto found = numbers.find(state::KeyReader(gateway).u32());
                      if (found == numbers.end()) return true;
                      if (found->second.device != device) infos[found->second.index].devices++;
                      found->second.device = device;
                      return true;
                    });
                    return true;
                  });
  }
  sort_gateways(infos);
  cut_page(infos, page);
  return infos;
}

}  // namespace tributary::query
