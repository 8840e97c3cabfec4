// SPDX-License-Identifier: Apache-2.0
// Gateways as a state knows them: see gateways.h.
#include "cloud/query/gateways.h"

#include <simdjson.h>

#include "common/wire/message.h"

namespace tributary::query {
namespace {

// A declaration that is not understood whole declares nothing.
void read_serves(const simdjson::dom::element& json, GatewayView& view) {
  simdjson::dom::array list;
  if (json["serves"].get(list) != simdjson::SUCCESS) return;
  for (const auto& one : list) {
    std::string_view pattern;
    if (one.get(pattern) != simdjson::SUCCESS) return view.serves.clear();
    view.serves.emplace_back(pattern);
  }
}

// The status is the gateway's own text: whatever does not fit is left out.
void take_status(const state::StatusRecord& status, GatewayView& view) {
  view.status_json = status.json;
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element json;
  if (parser.parse(status.json).get(json) != simdjson::SUCCESS || !json.is_object()) return;
  auto text = [&](const char* name) {
    std::string_view found;
    return json[name].get(found) == simdjson::SUCCESS ? found : std::string_view();
  };
  view.version = text("version");
  // A message merged well after the last will says that the gateway came back.
  view.offline = text("state") == "offline" && view.record.last_seen_ns <= status.append_ns + 10 * kNanosPerSecond;
  read_serves(json, view);
  int64_t widest_s = 0;
  if (json["widest_window"].get(widest_s) == simdjson::SUCCESS && widest_s > 0 &&
      widest_s <= kWidestNs / kNanosPerSecond) {
    view.widest_ns = widest_s * kNanosPerSecond;
  }
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

}  // namespace

std::string GatewayView::absence(int64_t now_ns) const {
  if (offline) return "offline";
  if (now_ns - record.last_seen_ns > kSilentAfterNs) return "silent";
  return "";
}

std::optional<GatewayView> read_bare_gateway(const state::Snapshot& snapshot, uint32_t no) {
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
  return view;
}

void read_status(const state::Snapshot& snapshot, GatewayView& view) {
  const auto bytes = snapshot.txn().get(snapshot.tables().status, state::number_key(view.no));
  if (!bytes) return;
  state::StatusRecord status;
  CHECK(status.decode(*bytes));
  take_status(status, view);
}

std::optional<GatewayView> read_gateway(const state::Snapshot& snapshot, uint32_t no) {
  std::optional<GatewayView> view = read_bare_gateway(snapshot, no);
  if (view) read_status(snapshot, *view);
  return view;
}

void each_gateway(const state::Snapshot& snapshot, uint32_t tenant_no, const std::function<void(GatewayView&)>& visit) {
  snapshot.each(snapshot.tables().gateway_names, state::number_key(tenant_no),
                [&](std::string_view, std::string_view value) {
                  std::optional<GatewayView> view = read_bare_gateway(snapshot, state::KeyReader(value).u32());
                  CHECK(view.has_value());
                  visit(*view);
                  return true;
                });
}

void append_gaps(const GatewayView& gateway, const Range& range, std::vector<GapNote>& out) {
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

}  // namespace tributary::query
