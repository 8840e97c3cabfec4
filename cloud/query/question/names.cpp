// SPDX-License-Identifier: Apache-2.0
// Names that exist, and those near a wrong one: see names.h.
#include "cloud/query/question/names.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "cloud/query/query.h"

namespace tributary::query {
namespace {

// Insertions, deletions and substitutions from one name to the other (Levenshtein).
uint64_t distance(std::string_view a, std::string_view b) {
  std::vector<uint64_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    uint64_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const uint64_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

void keep_nearest(std::vector<AskNames::Near>& near) {
  std::sort(near.begin(), near.end());
  near.erase(std::unique(near.begin(), near.end()), near.end());
  if (near.size() > AskNames::kNearTold) near.resize(AskNames::kNearTold);
}

// Every device once: from one name straight to the next.
void append_near(const state::Snapshot& snapshot, uint32_t tenant_no, const std::string& wrong,
                 std::vector<AskNames::Near>& near) {
  const state::Key all = state::series_key(tenant_no, false, "");
  store::Cursor cursor(snapshot.txn(), snapshot.tables().series);
  bool more = cursor.seek(all);
  for (size_t read = 0; more && read < AskNames::kNamesRead && cursor.key().starts_with(all.view()); ++read) {
    const std::string_view id = cursor.key().substr(all.view().size());
    const std::string device(id.substr(0, id.find('\0')));
    if (!device.empty()) {  // empty: overflow series
      const uint64_t far = distance(wrong, device);
      if (far <= std::max<size_t>(2, wrong.size() / 3)) near.push_back({far, device});
      if (near.size() > 1'000) keep_nearest(near);
    }
    more = cursor.seek(state::series_key(tenant_no, false, device + '\x01'));
  }
  keep_nearest(near);
}

}  // namespace

void AskNames::put(Out& out) const {
  query::put(out, tenant);
  query::put(out, devices);
  out.u8(near);
}
bool AskNames::get(In& in) { return query::get(in, tenant) && query::get(in, devices, kListMax) && in.flag(near); }

Result<AskNames::Part> AskNames::answer(const Snapshots& snapshots) const {
  std::set<std::string> known;
  Part part;
  for (const state::Snapshot& snapshot : snapshots) {
    const std::optional<uint32_t> tenant_no = snapshot.tenant(tenant);
    if (!tenant_no) continue;
    for (const std::string& device : devices) {
      if (device.empty() || device.size() > kDeviceBytesMax || device.find('\0') != std::string::npos) continue;
      snapshot.each(snapshot.tables().series, state::series_key(*tenant_no, false, device + '\0'),
                    [&](std::string_view, std::string_view) {
                      known.insert(device);
                      return false;
                    });
    }
    if (near && !devices.empty()) append_near(snapshot, *tenant_no, devices.front(), part.near);
  }
  part.known.assign(known.begin(), known.end());
  return part;
}

void AskNames::add(Part& all, Part&& more) {
  all.known.insert(all.known.end(), std::make_move_iterator(more.known.begin()),
                   std::make_move_iterator(more.known.end()));
  all.near.insert(all.near.end(), std::make_move_iterator(more.near.begin()), std::make_move_iterator(more.near.end()));
}

Result<AskNames::Names> AskNames::conclude(Part&& part, const Coverage&) const {
  Names names;
  const std::set<std::string> known(part.known.begin(), part.known.end());
  std::copy_if(devices.begin(), devices.end(), std::back_inserter(names.unknown),
               [&](const std::string& device) { return !known.contains(device); });
  keep_nearest(part.near);
  for (Near& one : part.near) names.near.push_back(std::move(one.device));
  return names;
}

void put(Out& out, const AskNames::Part& part) {
  put(out, part.known);
  put(out, part.near);
}
bool get(In& in, AskNames::Part& part) {
  return get(in, part.known, kListMax) && get(in, part.near, AskNames::kNearTold * kPartitionsMax);
}
void put(Out& out, const AskNames::Near& near) { out.varint(near.distance).text(near.device); }
bool get(In& in, AskNames::Near& near) {
  near.distance = in.varint();
  return in.text(near.device, kTextBytesMax);
}

Result<AskNames::Names> unknown_devices(const Query& query, const std::string& tenant,
                                        const std::vector<std::string>& devices) {
  if (devices.empty()) return AskNames::Names{};
  auto names = query.ask(AskNames{tenant, devices});
  if (!names || names->unknown.empty()) return names;
  auto near = query.ask(AskNames{tenant, {names->unknown.front()}, true});
  if (!near) return near;
  names->near = std::move(near->near);
  return names;
}

}  // namespace tributary::query
