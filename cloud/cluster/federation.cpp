// SPDX-License-Identifier: Apache-2.0
// Federation, see federation.h.
#include "cloud/cluster/federation.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace tributary::cluster {

using query::Place;
using query::Range;
using query::Row;
using query::Selection;

namespace {

void merge(stats::Summary& sum, const std::string& bytes) {
  CHECK(sum.merge_encoded(as_bytes(bytes)));  // decode_answer has looked at it
}

void put_page(const query::NamePage& page, Question& question) {
  question.by = page.after;
  question.max = page.max > kRowsMax ? 0 : page.max;
}

}  // namespace

Question Federation::question(Op op, const std::string& tenant) const {
  Question question;
  question.op = op;
  question.replicas = layout_.replicas;
  question.partitions = layout_.partitions;
  question.selection.tenant = tenant;
  return question;
}

std::vector<uint32_t> Federation::partitions_of(const std::set<uint32_t>& ordinals) const {
  std::vector<uint32_t> all;
  for (uint32_t ordinal : ordinals) {
    for (uint32_t partition : layout_.partitions_of(ordinal)) all.push_back(partition);
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<uint32_t> Federation::missing() const {
  std::lock_guard lock(mutex_);
  return partitions_of(absent_);
}

template <class Body>
Federation::Told<Body> Federation::ask(Question question,
                                       const std::function<bool(uint32_t ordinal, Question&)>& fit) const {
  Told<Body> told;
  if (keeps_) {
    std::lock_guard lock(mutex_);
    told.absent = absent_;
  }
  std::vector<Peers::Ask> asks;
  std::optional<std::string> own;
  for (uint32_t ordinal = 0; ordinal < layout_.replicas; ++ordinal) {
    if (told.absent.contains(ordinal)) continue;
    question.ordinal = ordinal;
    if (fit && !fit(ordinal, question)) continue;
    std::string bytes = encode(question);
    if (ordinal == layout_.ordinal) {
      own = std::move(bytes);
    } else {
      asks.push_back({ordinal, std::move(bytes), std::nullopt});
    }
  }
  std::string own_answer;
  peers_.ask(asks, [&] {
    if (own) own_answer = own_.answer(as_bytes(*own));
  });
  AnswerHead head;
  std::optional<Error> error;
  Body body;
  if (own) {
    CHECK(decode_answer(as_bytes(own_answer), head, error, body));
    if (error) {
      told.error = error;
    } else {
      told.bodies.emplace_back(layout_.ordinal, std::move(body));
    }
  }
  for (Peers::Ask& ask : asks) {
    bool answered = false;
    if (!ask.answer) {
    } else if (!decode_answer(as_bytes(*ask.answer), head, error, body) || head.ordinal != ask.ordinal ||
               head.replicas != layout_.replicas || head.partitions != layout_.partitions) {
      peers_.distrust(ask.ordinal, "bad_answer");
    } else if (!error) {
      answered = true;
      told.bodies.emplace_back(ask.ordinal, std::move(body));
    } else if (question.op == Op::kChanges && error->code == ErrorCode::kNotFound) {
      answered = true;  // it does not go on from that place
      if (!told.error) told.error = error;
    }
    if (!answered) told.absent.insert(ask.ordinal);
    ask.answer.reset();
  }
  if (keeps_) {
    std::lock_guard lock(mutex_);
    absent_.insert(told.absent.begin(), told.absent.end());
  }
  return told;
}

Result<std::vector<query::MetricInfo>> Federation::metrics(const std::string& tenant) const {
  auto told = ask<MetricsBody>(question(Op::kMetrics, tenant));
  if (told.error) return *told.error;
  std::map<std::string, query::MetricInfo> all;
  for (auto& [ordinal, body] : told.bodies) {
    for (query::MetricInfo& metric : body.metrics) {
      const auto [found, added] = all.try_emplace(metric.name, metric);
      if (!added) add_metric(found->second, metric);
    }
  }
  std::vector<query::MetricInfo> out;
  for (auto& [name, metric] : all) out.push_back(std::move(metric));
  return out;
}

Result<std::vector<query::DeviceInfo>> Federation::devices(const std::string& tenant) const {
  return devices_page(tenant, {});
}

// A name that is among the first max of all is among the first max wherever it is.
Result<std::vector<query::DeviceInfo>> Federation::devices_page(const std::string& tenant,
                                                                const query::NamePage& page) const {
  Question one = question(Op::kDevices, tenant);
  put_page(page, one);
  auto told = ask<DevicesBody>(std::move(one));
  if (told.error) return *told.error;
  std::map<std::string, query::DeviceInfo> all;
  for (auto& [ordinal, body] : told.bodies) {
    for (query::DeviceInfo& device : body.devices) {
      const auto [found, added] = all.try_emplace(device.device, device);
      if (!added) add_device(found->second, device);
    }
  }
  std::vector<query::DeviceInfo> out;
  for (auto& [name, device] : all) out.push_back(std::move(device));
  cut_page(out, page);
  return out;
}

Result<std::vector<query::GatewayInfo>> Federation::gateways(const std::string& tenant, int64_t now_ns) const {
  return gateways_page(tenant, now_ns, {});
}

Result<std::vector<query::GatewayInfo>> Federation::gateways_page(const std::string& tenant, int64_t now_ns,
                                                                  const query::NamePage& page) const {
  Question one = question(Op::kGateways, tenant);
  one.now_ns = now_ns;
  put_page(page, one);
  auto told = ask<GatewaysBody>(std::move(one));
  if (told.error) return *told.error;
  std::vector<query::GatewayInfo> out;
  for (auto& [ordinal, body] : told.bodies) {
    for (query::GatewayInfo& gateway : body.gateways) out.push_back(std::move(gateway));
  }
  sort_gateways(out);
  cut_page(out, page);
  return out;
}

bool Federation::known(const std::string& tenant, const std::string& metric) const {
  // Most often the own partitions know, and nobody has to be asked.
  if (local_.known(tenant, metric)) return true;
  Question one = question(Op::kKnown, tenant);
  one.selection.metric = metric;
  auto told = ask<KnownBody>(std::move(one), [&](uint32_t ordinal, Question&) { return ordinal != layout_.ordinal; });
  return std::any_of(told.bodies.begin(), told.bodies.end(), [](const auto& one) { return one.second.known; });
}

Result<stats::Summary> Federation::summary(const Selection& selection, const Range& range) const {
  Question one = question(Op::kSummary, selection.tenant);
  one.selection = selection;
  one.range = range;
  auto told = ask<SummaryBody>(std::move(one));
  if (told.error) return *told.error;
  stats::Summary sum;
  for (const auto& [ordinal, body] : told.bodies) merge(sum, body.summary);
  return sum;
}

Status Federation::series(const Selection& selection, const Range& range, WidthS step_s, const std::string& by,
                          uint64_t rows_max, const RowSink& sink) const {
  Question one = question(Op::kSeries, selection.tenant);
  one.selection = selection;
  one.range = range;
  one.width_s = step_s;
  one.by = by;
  one.max = std::min(rows_max, kRowsMax);
  auto told = ask<SeriesBody>(std::move(one));
  if (told.error) return *told.error;
  query::SeriesFacts facts;
  std::map<std::tuple<std::string, int64_t, WidthS>, std::vector<const std::string*>> rows;
  for (const auto& [ordinal, body] : told.bodies) {
    facts.add_unfit(body.facts.unfit_s);
    // An aggregator with more rows than it gives keys for says how many: the answer then has at least as many.
    facts.rows = std::max(facts.rows, body.facts.rows);
    for (const SeriesRow& row : body.rows) {
      rows[{row.group, row.row.start_s, row.row.width_s}].push_back(&row.summary);
    }
  }
  if (facts.unfit_s != 0) return query::unfit_step(step_s, facts.unfit_s);
  facts.rows = std::max<uint64_t>(facts.rows, rows.size());
  if (facts.rows > rows_max) return query::too_many_rows(facts.rows, rows_max);
  auto sum = std::make_unique<stats::Summary>();
  for (const auto& [key, summaries] : rows) {
    sum->clear();
    for (const std::string* summary : summaries) {
      if (!summary->empty()) merge(*sum, *summary);
    }
    if (!sum->empty()) sink(std::get<0>(key), {std::get<1>(key), std::get<2>(key)}, *sum);
  }
  return {};
}

Result<query::Query::Newest> Federation::newest(const Selection& selection, WidthS window_s) const {
  Question one = question(Op::kNewest, selection.tenant);
  one.selection = selection;
  one.width_s = window_s;
  auto where = ask<NewestBody>(one);
  if (where.error) return *where.error;
  query::NewestPart part;
  for (const auto& [ordinal, body] : where.bodies) part.add(body.part);
  if (!part.any) return query::no_readings(selection.metric);
  one.op = Op::kNewestSum;
  one.choice = choose(part, window_s);
  auto told = ask<SummaryBody>(one);
  if (told.error) return *told.error;
  Newest newest{one.choice.row, {}};
  query::SeriesFacts facts;
  for (const auto& [ordinal, body] : told.bodies) {
    facts.add_unfit(body.unfit_s);
    merge(newest.summary, body.summary);
  }
  if (facts.unfit_s != 0) return query::unfit_window(window_s, facts.unfit_s);
  if (newest.summary.empty()) return query::no_readings(selection.metric);
  return newest;
}

// A series that is among the first max of all is among the first max wherever it is.
Result<std::vector<query::LastReading>> Federation::last(const Selection& selection, std::optional<int64_t> at_ns,
                                                         const std::string& after, size_t max) const {
  Question one = question(Op::kLast, selection.tenant);
  one.selection = selection;
  one.by = after;
  one.range.to_ns = at_ns;
  one.max = std::min<uint64_t>(max, kRowsMax);
  auto told = ask<LastBody>(std::move(one));
  if (told.error) return *told.error;
  query::LastReadings all;
  for (auto& [ordinal, body] : told.bodies) {
    for (query::LastReading& reading : body.readings) all.add(std::move(reading));
  }
  return all.take(max);
}

Result<query::Completeness> Federation::completeness(const Selection& selection, const Range& range,
                                                     int64_t now_ns) const {
  Question one = question(Op::kCompleteness, selection.tenant);
  one.selection = selection;
  one.range = range;
  one.now_ns = now_ns;
  auto told = ask<CompletenessBody>(std::move(one));
  if (told.error) return *told.error;
  query::CompletenessPart all;
  for (auto& [ordinal, body] : told.bodies) all.add(std::move(body.part));
  query::Completeness out = conclude(std::move(all), range, now_ns);
  out.partitions_missing = partitions_of(told.absent);
  out.partitions_expected = layout_.partitions;
  out.partitions_answered = layout_.partitions - static_cast<uint32_t>(out.partitions_missing.size());
  return out;
}

Place Federation::place() const {
  Place all(layout_.partitions);
  for (uint32_t ordinal = 0; ordinal < layout_.replicas; ++ordinal) {
    const Place one = ordinal == layout_.ordinal ? local_.place() : peers_.place(ordinal);
    for (uint32_t i = 0; i < one.size(); ++i) all[layout_.partition_of(ordinal, i)] = one[i];
  }
  return all;
}

Result<std::vector<query::Change>> Federation::changes(const std::string& tenant, const Place& after, size_t max,
                                                       Place* upto) const {
  if (after.size() != layout_.partitions) return Error{ErrorCode::kNotFound, "the place is of other partitions"};
  const Place now = place();
  for (size_t i = 0; i < now.size(); ++i) {
    // Changes since an unknown place are unknown too.
    const bool unknown = after[i].state_id == 0 && now[i].state_id != 0;
    const bool other = now[i].state_id != 0 && after[i].state_id != now[i].state_id;
    if (unknown || other) return Error{ErrorCode::kNotFound, "partition " + std::to_string(i) + " is another state"};
  }
  Question one = question(Op::kChanges, tenant);
  one.max = std::max<uint64_t>(max / layout_.replicas, 1);
  auto told = ask<ChangesBody>(std::move(one), [&](uint32_t ordinal, Question& fitted) {
    fitted.place.clear();
    // Who is down is asked all the same, so that it is named.
    bool news = ordinal != layout_.ordinal && !peers_.up(ordinal);
    for (uint32_t partition : layout_.partitions_of(ordinal)) {
      fitted.place.push_back(after[partition]);
      news = news || after[partition] != now[partition];
    }
    return news;
  });
  if (told.error) return *told.error;
  *upto = after;
  std::vector<query::Change> all;
  for (auto& [ordinal, body] : told.bodies) {
    if (body.upto.size() != layout_.count_of(ordinal)) {
      peers_.distrust(ordinal, "bad_answer");
      continue;
    }
    for (uint32_t i = 0; i < body.upto.size(); ++i) (*upto)[layout_.partition_of(ordinal, i)] = body.upto[i];
    for (query::Change& change : body.changes) all.push_back(std::move(change));
  }
  return all;
}

Status Federation::rows(const std::string& tenant, const std::vector<query::RowKey>& keys, const KeySink& sink) const {
  // A question has room for so many keys, whatever their names are.
  constexpr size_t kKeysAtOnce = kQuestionBytesMax / 1'024;
  auto sum = std::make_unique<stats::Summary>();
  for (size_t first = 0; first < keys.size(); first += kKeysAtOnce) {
    Question one = question(Op::kRows, tenant);
    const size_t count = std::min(kKeysAtOnce, keys.size() - first);
    one.keys.assign(keys.begin() + static_cast<ptrdiff_t>(first), keys.begin() + static_cast<ptrdiff_t>(first + count));
    auto told = ask<RowsBody>(std::move(one));
    if (told.error) return *told.error;
    std::vector<size_t> at(told.bodies.size(), 0);
    for (size_t index = 0; index < count; ++index) {
      sum->clear();
      for (size_t i = 0; i < told.bodies.size(); ++i) {
        const auto& rows = told.bodies[i].second.rows;
        if (at[i] < rows.size() && rows[at[i]].first == index) merge(*sum, rows[at[i]++].second);
      }
      if (!sum->empty()) sink(first + index, *sum);
    }
  }
  return {};
}

}  // namespace tributary::cluster
