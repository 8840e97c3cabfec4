// SPDX-License-Identifier: Apache-2.0
// Summaries and rows of a range: see rows.h.
#include "cloud/query/question/rows.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <tuple>

#include "cloud/query/plan.h"
#include "cloud/query/query.h"
#include "cloud/query/select.h"

namespace tributary::query {
namespace {

struct RowRef {
  StepRow row;
  const state::Snapshot* snapshot = nullptr;
  bool before(const RowRef& other) const {
    return std::tie(row.start_s, row.width_s) < std::tie(other.row.start_s, other.row.width_s);
  }
  bool same(const RowRef& other) const { return row.start_s == other.row.start_s && row.width_s == other.row.width_s; }
};
using Groups = std::map<std::string, std::vector<RowRef>>;

// One step's width at a time is read before the answer's size is known; a group's rows are as many as its distinct
// windows.
uint64_t count_rows(std::vector<RowRef>& refs) {
  std::sort(refs.begin(), refs.end(), [](const RowRef& a, const RowRef& b) { return a.before(b); });
  uint64_t rows = 0;
  for (size_t i = 0; i < refs.size(); ++i) rows += i == 0 || !refs[i].same(refs[i - 1]);
  return rows;
}

void decode_stored(const RowRef& ref, stats::Summary& out) {
  const state::StageTimer timer(ref.snapshot->trace(), &state::ReadTrace::merge_ns);
  CHECK(out.decode(ref.row.summary));
}

// What is said of rows that are not given.
struct SeriesFacts {
  WidthS unfit_s = 0;
  uint64_t rows = 0;
};

using KeySink = std::function<void(const std::string& group, const Row& row)>;
// Each row to the sink; when there are more than the question allows, each row's key to too_many instead, if it is not
// null.
SeriesFacts read_series(const AskSeries& ask, const Snapshots& snapshots, const AskSeries::Sink& sink,
                        const KeySink& too_many) {
  const Span span = to_span(ask.range);
  SeriesFacts facts;
  Groups groups;
  for (const state::Snapshot& snapshot : snapshots) {
    const std::vector<SeriesMember> members = select(snapshot, ask.selection, ask.by);
    std::vector<std::vector<RowRef>*> targets;
    targets.reserve(members.size());
    for (const SeriesMember& member : members) targets.push_back(&groups[member.group]);
    WidthS unfit = 0;
    auto add = [&](size_t index, const StepRow& row) { targets[index]->push_back({row, &snapshot}); };
    if (!collect_steps(snapshot, numbers_of(members), span, ask.step_s, add, &unfit))
      facts.unfit_s = least_unfit(facts.unfit_s, unfit);
  }
  if (facts.unfit_s != 0) return facts;
  for (auto& [group, refs] : groups) facts.rows += count_rows(refs);
  if (facts.rows > ask.rows_max && !too_many) return facts;
  auto sum = std::make_unique<stats::Summary>();
  for (const auto& [group, refs] : groups) {
    for (size_t first = 0, last = 0; first < refs.size(); first = last) {
      const Row row{refs[first].row.start_s, refs[first].row.width_s};
      last = first + 1;
      if (facts.rows > ask.rows_max) {
        while (last < refs.size() && refs[last].same(refs[first])) ++last;
        too_many(group, row);
        continue;
      }
      decode_stored(refs[first], *sum);
      for (; last < refs.size() && refs[last].same(refs[first]); ++last) {
        merge_stored(*refs[last].snapshot, refs[last].row.summary, *sum);
      }
      sink(group, row, *sum);
    }
  }
  return facts;
}

Status refusal(const AskSeries& ask, const SeriesFacts& facts) {
  if (facts.unfit_s != 0) {
    return Error{ErrorCode::kInvalid, "found step " + std::to_string(ask.step_s) + " s, expected a multiple of " +
                                          std::to_string(facts.unfit_s) + " s, the width of the stored rows"};
  }
  if (facts.rows > ask.rows_max) {
    return Error{ErrorCode::kInvalid,
                 "found " + std::to_string(facts.rows) + " rows, expected at most " + std::to_string(ask.rows_max)};
  }
  return {};
}

// Summaries in memory at once, of 8 KiB each.
constexpr size_t kKeysAtOnce = 128;

// A row of the numbers (ascending, unique), each into its own sum.
void merge_rows(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, const Row& row,
                const std::vector<stats::Summary*>& sums) {
  const int level = state::level_of(row.width_s);
  const state::Tables& tables = snapshot.tables();
  const bool all_time = row.width_s == kAllTime;
  if (!all_time && (row.start_s < -kStartMax || row.start_s > kStartMax)) return;
  for (size_t i = 0; i < numbers.size(); ++i) {
    snapshot.rows(tables.rows, level, numbers[i], row.start_s, row.start_s + 1, [&](const state::StoredRow& stored) {
      if (stored.width_s == row.width_s) merge_stored(snapshot, stored.summary, *sums[i]);
    });
  }
  const Span span = all_time ? Span{} : Span{row.start_s, row.start_s + static_cast<int64_t>(row.width_s)};
  snapshot.fresh(numbers, span.from_s, span.to_s, [&](size_t i, const state::StoredRow& stored) {
    // A base row is its own window; a coarser one holds every finer partial.
    const bool inside = level == state::kBaseLevel
                            ? stored.start_s == row.start_s && stored.width_s == row.width_s
                            : all_time || (stored.width_s != kAllTime && stored.width_s <= row.width_s);
    if (inside) merge_stored(snapshot, stored.summary, *sums[i]);
  });
}

// A question between aggregators has room for so many keys, whatever their names are.
constexpr size_t kKeysOfQuestion = kQuestionBytesMax / 1'024;

}  // namespace

Result<stats::Summary> AskSummary::answer(const Snapshots& snapshots) const {
  stats::Summary out;
  for (const state::Snapshot& snapshot : snapshots) {
    merge_span(snapshot, numbers_of(select(snapshot, selection, "")), to_span(range), out);
  }
  return out;
}

void AskSummary::put(Out& out) const {
  query::put(out, selection);
  query::put(out, range);
}

void AskSummary::add(Part& all, Part&& more) { all.merge(more); }

void put(Out& out, const stats::Summary& summary) { out.text(encoded_summary(summary)); }
bool get(In& in, stats::Summary& summary) {
  std::string bytes;
  return get_summary(in, bytes) && summary.decode(as_bytes(bytes));
}

Status AskSeries::stream(const Snapshots& snapshots, const Sink& sink) const {
  return refusal(*this, read_series(*this, snapshots, sink, nullptr));
}

Result<AskSeries::Part> AskSeries::answer(const Snapshots& snapshots) const {
  Part part;
  size_t bytes = 0;
  const auto keep = [&](const std::string& group, const Row& row, const stats::Summary& summary) {
    if (bytes > kAnswerBytesMax) return;
    part.list.push_back({group, row, encoded_summary(summary)});
    bytes += part.list.back().summary.size();
  };
  // Keys of rows that are too many are given, so that the asker can say how many there are.
  const auto too_many = [&](const std::string& group, const Row& row) {
    if (part.list.size() < kRowsMax) part.list.push_back({group, row, ""});
  };
  const SeriesFacts facts = read_series(*this, snapshots, keep, too_many);
  if (bytes > kAnswerBytesMax) return too_large();
  part.unfit_s = facts.unfit_s;
  part.rows = facts.rows;
  return part;
}

void AskSeries::put(Out& out) const {
  query::put(out, selection);
  query::put(out, range);
  out.varint(step_s).text(by).varint(std::min(rows_max, kRowsMax));
}
bool AskSeries::get(In& in) {
  if (!query::get(in, selection) || !query::get(in, range)) return false;
  step_s = in.u32();
  if (!query::get(in, by)) return false;
  rows_max = in.varint();
  return in.ok() && rows_max <= kRowsMax;
}

void AskSeries::add(Part& all, Part&& more) {
  all.unfit_s = least_unfit(all.unfit_s, more.unfit_s);
  // An aggregator with more rows than it gives keys for says how many: the answer then has at least as many.
  all.rows = std::max(all.rows, more.rows);
  all.list.insert(all.list.end(), std::make_move_iterator(more.list.begin()), std::make_move_iterator(more.list.end()));
}

Status AskSeries::conclude(Part&& part, const Coverage&, const Sink& sink) const {
  std::map<std::tuple<std::string, int64_t, WidthS>, std::vector<const std::string*>> rows;
  for (const PartRow& row : part.list) rows[{row.group, row.row.start_s, row.row.width_s}].push_back(&row.summary);
  const Status refused = refusal(*this, {part.unfit_s, std::max<uint64_t>(part.rows, rows.size())});
  if (!refused) return refused;
  auto sum = std::make_unique<stats::Summary>();
  for (const auto& [key, summaries] : rows) {
    sum->clear();
    for (const std::string* summary : summaries) {
      if (!summary->empty()) CHECK(sum->merge_encoded(as_bytes(*summary)));
    }
    if (!sum->empty()) sink(std::get<0>(key), {std::get<1>(key), std::get<2>(key)}, *sum);
  }
  return {};
}

// A group's name stands before its first row only.
void put(Out& out, const AskSeries::Part& part) {
  out.varint(part.unfit_s).varint(part.rows).varint(part.list.size());
  const std::string* group = nullptr;
  for (const AskSeries::PartRow& row : part.list) {
    const bool next = group == nullptr || *group != row.group;
    out.u8(static_cast<uint8_t>(next | (row.summary.empty() ? 2 : 0)));
    if (next) out.text(row.group);
    group = &row.group;
    put(out, row.row);
    if (!row.summary.empty()) out.text(row.summary);
  }
}
bool get(In& in, AskSeries::Part& part) {
  part.unfit_s = in.u32();
  part.rows = in.varint();
  const uint64_t count = in.varint();
  part.list.clear();
  if (!in.ok() || count > kRowsMax || count > in.remaining() || count > part.rows) return false;
  for (uint64_t i = 0; i < count; ++i) {
    const uint8_t how = in.u8();
    if (how > 3 || (i == 0 && (how & 1) == 0)) return false;
    AskSeries::PartRow row;
    if ((how & 1) != 0) {
      if (!in.text(row.group, kTextBytesMax)) return false;
    } else {
      row.group = part.list.back().group;
    }
    if (!get(in, row.row)) return false;
    if ((how & 2) == 0 && !get_summary(in, row.summary)) return false;
    part.list.push_back(std::move(row));
  }
  return true;
}

Status rows(const Query& query, const std::string& tenant, const std::vector<RowKey>& keys, const AskRows::Sink& sink) {
  if (keys.size() <= kKeysOfQuestion) return query.ask(AskRows{tenant, keys}, sink);
  const auto one = query.one_answer();
  for (size_t first = 0; first < keys.size(); first += kKeysOfQuestion) {
    const auto begin = keys.begin() + static_cast<ptrdiff_t>(first);
    const size_t count = std::min(kKeysOfQuestion, keys.size() - first);
    const Status done = one->ask(AskRows{tenant, {begin, begin + static_cast<ptrdiff_t>(count)}},
                                 [&](size_t index, const stats::Summary& sum) { sink(first + index, sum); });
    if (!done) return done;
  }
  return {};
}

void merge_row(const state::Snapshot& snapshot, uint32_t no, const Row& row, stats::Summary& out) {
  merge_rows(snapshot, {no}, row, {&out});
}

Status AskRows::stream(const Snapshots& snapshots, const Sink& sink) const {
  const size_t at_once = std::min(kKeysAtOnce, keys.size());
  std::vector<std::unique_ptr<stats::Summary>> sums;
  for (size_t i = 0; i < at_once; ++i) sums.push_back(std::make_unique<stats::Summary>());
  for (size_t first = 0; first < keys.size(); first += at_once) {
    const size_t count = std::min(at_once, keys.size() - first);
    for (size_t i = 0; i < count; ++i) sums[i]->clear();
    for (const state::Snapshot& snapshot : snapshots) {
      const std::optional<uint32_t> tenant_no = snapshot.tenant(tenant);
      if (!tenant_no) continue;
      // By window and number. A key that stands twice has a sum of its own each time, so each in a round of its own.
      std::map<std::pair<int64_t, WidthS>, std::multimap<uint32_t, stats::Summary*>> windows;
      for (size_t i = 0; i < count; ++i) {
        const RowKey& key = keys[first + i];
        const bool fleet = key.series.device.empty() && !key.series.overflow;
        const std::string id = key.series.id();
        if (id.size() > kSeriesIdBytesMax) continue;
        const auto no = snapshot.txn().get(snapshot.tables().series, state::series_key(*tenant_no, fleet, id));
        if (!no) continue;
        windows[{key.row.start_s, key.row.width_s}].emplace(state::KeyReader(*no).u32(), sums[i].get());
      }
      for (auto& [window, members] : windows) {
        while (!members.empty()) {
          std::vector<uint32_t> numbers;
          std::vector<stats::Summary*> targets;
          for (auto member = members.begin(); member != members.end();) {
            const bool again = !numbers.empty() && numbers.back() == member->first;
            if (!again) {
              numbers.push_back(member->first);
              targets.push_back(member->second);
            }
            member = again ? std::next(member) : members.erase(member);
          }
          merge_rows(snapshot, numbers, {window.first, window.second}, targets);
        }
      }
    }
    for (size_t i = 0; i < count; ++i) {
      if (!sums[i]->empty()) sink(first + i, *sums[i]);
    }
  }
  return {};
}

Result<AskRows::Part> AskRows::answer(const Snapshots& snapshots) const {
  Part part;
  size_t bytes = 0;
  const auto keep = [&](size_t index, const stats::Summary& summary) {
    if (bytes > kAnswerBytesMax) return;
    part.emplace_back(index, encoded_summary(summary));
    bytes += part.back().second.size();
  };
  if (Status done = stream(snapshots, keep); !done) return done.error();
  if (bytes > kAnswerBytesMax) return too_large();
  return part;
}

void AskRows::put(Out& out) const {
  query::put(out, tenant);
  query::put(out, keys);
}

// Equal numbers side by side; conclude() makes one of them.
void AskRows::add(Part& all, Part&& more) {
  const auto middle = static_cast<ptrdiff_t>(all.size());
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  std::inplace_merge(all.begin(), all.begin() + middle, all.end(),
                     [](const PartRow& a, const PartRow& b) { return a.first < b.first; });
}

Status AskRows::conclude(Part&& part, const Coverage&, const Sink& sink) const {
  auto sum = std::make_unique<stats::Summary>();
  for (size_t i = 0; i < part.size();) {
    const uint64_t number = part[i].first;
    sum->clear();
    for (; i < part.size() && part[i].first == number; ++i) CHECK(sum->merge_encoded(as_bytes(part[i].second)));
    if (!sum->empty()) sink(static_cast<size_t>(number), *sum);
  }
  return {};
}

bool AskRows::sound(const Part& part, const Share&) {
  for (size_t i = 0; i < part.size(); ++i) {
    if (i > 0 && part[i].first <= part[i - 1].first) return false;
  }
  return true;
}

void put(Out& out, const AskRows::PartRow& row) { out.varint(row.first).text(row.second); }
bool get(In& in, AskRows::PartRow& row) {
  row.first = in.varint();
  return in.ok() && get_summary(in, row.second);
}

}  // namespace tributary::query
