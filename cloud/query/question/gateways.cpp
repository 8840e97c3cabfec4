// SPDX-License-Identifier: Apache-2.0
// The gateways of a tenant: see gateways.h.
#include "cloud/query/question/gateways.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "cloud/query/gateways.h"
#include "cloud/query/page.h"
#include "common/base/hex.h"

namespace tributary::query {
namespace {

constexpr size_t kStatusBytesMax = 1 << 20;

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

// The order of gateways in an answer.
void sort(std::vector<GatewayInfo>& gateways) {
  std::sort(gateways.begin(), gateways.end(), [](const GatewayInfo& a, const GatewayInfo& b) {
    return std::tie(a.gateway, a.first_seen_ns, a.frontier_ns) < std::tie(b.gateway, b.first_seen_ns, b.frontier_ns);
  });
}

}  // namespace

Result<AskGateways::Part> AskGateways::answer(const Snapshots& snapshots) const {
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
      tell(view, {}, info);
      info.version = view.version;
      info.status_json = view.status_json;
      info.state = view.retired ? "retired" : view.state(now_ns, now_ns - info.frontier_ns > kLateAfterNs);
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
  sort(infos);
  cut_page(infos, page);
  return infos;
}

void AskGateways::put(Out& out) const {
  query::put(out, tenant);
  out.zigzag(now_ns);
  query::put(out, page);
}
bool AskGateways::get(In& in) {
  if (!query::get(in, tenant)) return false;
  now_ns = in.zigzag();
  return query::get(in, page);
}

void AskGateways::add(Part& all, Part&& more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

Result<AskGateways::Answer> AskGateways::conclude(Part&& part, const Coverage&) const {
  sort(part);
  cut_page(part, page);
  return std::move(part);
}

void cut_page(std::vector<GatewayInfo>& gateways, const NamePage& page) {
  cut_to_page(gateways, page, &GatewayInfo::gateway);
}

void put(Out& out, const GatewayInfo& info) {
  out.text(info.gateway).text(info.state).text(info.version);
  out.zigzag(info.frontier_ns).zigzag(info.mark_ns).zigzag(info.last_seen_ns).zigzag(info.first_seen_ns);
  out.varint(info.devices).text(info.status_json).varint(info.parked);
  put(out, info.gaps);
  put(out, info.lost);
  put(out, info.rejected);
  put(out, info.alarms);
}
bool get(In& in, GatewayInfo& info) {
  if (!in.text(info.gateway, kTextBytesMax) || !in.text(info.state, kTextBytesMax) ||
      !in.text(info.version, kNoteBytesMax)) {
    return false;
  }
  info.frontier_ns = in.zigzag();
  info.mark_ns = in.zigzag();
  info.last_seen_ns = in.zigzag();
  info.first_seen_ns = in.zigzag();
  info.devices = in.varint();
  if (!in.text(info.status_json, kStatusBytesMax)) return false;
  info.parked = in.varint();
  return get(in, info.gaps) && get(in, info.lost) && get(in, info.rejected) && get(in, info.alarms);
}

}  // namespace tributary::query
