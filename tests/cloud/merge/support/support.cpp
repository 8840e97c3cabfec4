// SPDX-License-Identifier: Apache-2.0
// Shared by the tests of merge and query: see support.h.
#include "tests/cloud/merge/support/support.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/check.h"

namespace tributary::testing {

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "tributary-merge-XXXXXX").string();
  CHECK(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string encoded(const stats::Summary& summary) {
  std::array<uint8_t, stats::kSummaryBytesMax> buffer;
  const size_t size = summary.encode(buffer);
  CHECK(size > 0);
  return std::string(as_text(Bytes(buffer.data(), size)));
}

stats::Summary random_summary(Random& random, int64_t start_s, WidthS width_s) {
  stats::Summary summary;
  const int64_t span_s = width_s == kAllTime ? 1'000'000 : width_s;
  const uint64_t count = 1 + pick(random, 8);
  for (uint64_t i = 0; i < count; ++i) {
    const int64_t at = start_s * kNanosPerSecond + static_cast<int64_t>(pick(random, span_s * 1000)) * 1'000'000;
    const double value = (static_cast<double>(pick(random, 2'000'000)) - 1'000'000) / 1000.0;
    summary.add(at, chance(random, 5) ? value * 1e200 : value);
  }
  return summary;
}

Part make_part(Random& random, const Series& series, int64_t start_s, WidthS width_s) {
  Part part;
  part.series = series;
  part.start_s = window_start_s(start_s, width_s);
  part.width_s = width_s;
  part.summary = encoded(random_summary(random, part.start_s, width_s));
  return part;
}

Series make_series(const std::string& device, const std::string& metric, std::vector<Label> labels) {
  Series series;
  series.device = device;
  series.metric = metric;
  series.labels = std::move(labels);
  return series;
}

std::string make_message(uint64_t epoch, uint64_t first_seq, const std::vector<Item>& items, int64_t frontier_ns,
                         int64_t mark_ns) {
  std::vector<uint8_t> buffer(wire::kMessageBytesMax);
  wire::MessageBuilder builder(buffer);
  std::map<std::string, uint32_t> table;
  for (const Item& item : items) {
    bool fits = true;
    if (const Part* part = std::get_if<Part>(&item)) {
      const std::string id = part->series.id();
      if (!table.contains(id)) {
        wire::SeriesView view;
        view.device = part->series.device;
        view.metric = part->series.metric;
        view.kind = static_cast<uint8_t>(part->series.kind);
        view.overflow = part->series.overflow;
        for (const Label& label : part->series.labels) view.labels[view.label_count++] = {label.key, label.value};
        std::optional<uint32_t> index = builder.add_series(view);
        CHECK(index.has_value());
        table[id] = *index;
      }
      wire::Partial partial;
      partial.series = table[id];
      partial.start_s = part->start_s;
      partial.width_s = part->width_s;
      partial.inherited = part->inherited;
      partial.time_estimated = part->time_estimated;
      partial.summary = as_bytes(part->summary);
      fits = builder.add(partial);
    } else if (const auto* opening = std::get_if<wire::Opening>(&item)) {
      fits = builder.add(*opening);
    } else if (const auto* gap = std::get_if<wire::Gap>(&item)) {
      fits = builder.add(*gap);
    } else {
      fits = builder.add(std::get<wire::LostAtGateway>(item));
    }
    CHECK(fits);
  }
  wire::Header header;
  header.epoch = epoch;
  header.first_seq = first_seq;
  header.frontier_ns = frontier_ns;
  header.mark_ns = mark_ns;
  return std::string(as_text(builder.finish(header)));
}

log::Record make_record(log::RecordKind kind, const std::string& tenant, const std::string& gateway, int64_t append_s,
                        std::string payload) {
  log::Record record;
  record.kind = kind;
  record.tenant = tenant;
  record.gateway = gateway;
  record.append_ns = append_s * kNanosPerSecond;
  record.log_id = 7;
  record.payload = std::move(payload);
  return record;
}

log::Record GatewaySim::send(const std::vector<Item>& items, int64_t append_s, int64_t frontier_s) {
  std::string message =
      make_message(epoch_, next_seq_, items, frontier_s * kNanosPerSecond, append_s * kNanosPerSecond);
  next_seq_ += items.size();
  return make_record(log::RecordKind::kMessage, tenant_, name_, append_s, std::move(message));
}

std::vector<log::StoredRecord> Records::slice(size_t first, size_t count) const {
  const size_t last = std::min(all_.size(), first + count);
  return {all_.begin() + static_cast<ptrdiff_t>(first), all_.begin() + static_cast<ptrdiff_t>(last)};
}

merge::WriterConfig state_config(const std::string& path) {
  merge::WriterConfig config;
  config.path = path;
  config.sync = false;
  for (int64_t& retention : config.retention_s) retention = 100LL * 365 * 86400;
  return config;
}

std::unique_ptr<merge::StateWriter> open_state(const merge::WriterConfig& config) {
  Result<std::unique_ptr<merge::StateWriter>> writer = merge::StateWriter::open(config);
  if (!writer.ok()) {
    ADD_FAILURE() << writer.error().message;
    return nullptr;
  }
  return std::move(writer).value();
}

void merge_all(merge::StateWriter& writer, const Records& records, size_t batch, Random& random) {
  while (writer.position() < records.size()) {
    const size_t count = batch == 0 ? 1 + pick(random, 40) : batch;
    const Status done = writer.merge(records.slice(writer.position(), count));
    ASSERT_TRUE(done.ok()) << done.error().message;
  }
}

bool matches(const query::Selection& selection, const std::string& tenant, const Series& series) {
  if (tenant != selection.tenant || series.metric != selection.metric) return false;
  if (!selection.devices.empty() &&
      std::find(selection.devices.begin(), selection.devices.end(), series.device) == selection.devices.end()) {
    return false;
  }
  return std::all_of(selection.labels.begin(), selection.labels.end(), [&](const Label& label) {
    return std::find(series.labels.begin(), series.labels.end(), label) != series.labels.end();
  });
}

namespace {

bool contains(const query::Range& range, int64_t start_s) {
  const __int128 start_ns = static_cast<__int128>(start_s) * kNanosPerSecond;
  return (!range.from_ns || start_ns >= *range.from_ns) && (!range.to_ns || start_ns < *range.to_ns);
}

void merge_bytes(stats::Summary& sum, const std::string& bytes) { CHECK(sum.merge_encoded(as_bytes(bytes))); }

}  // namespace

std::string Oracle::summary(const query::Selection& selection, const query::Range& range) const {
  stats::Summary sum;
  for (const auto& [tenant, part] : parts_) {
    if (matches(selection, tenant, part.series) && contains(range, part.start_s)) merge_bytes(sum, part.summary);
  }
  return encoded(sum);
}

Oracle::Rows Oracle::series(const query::Selection& selection, const query::Range& range, WidthS step_s,
                            const std::string& by) const {
  std::map<std::tuple<std::string, int64_t, WidthS>, stats::Summary> sums;
  for (const auto& [tenant, part] : parts_) {
    if (!matches(selection, tenant, part.series)) continue;
    std::string group;
    if (by == "device") group = part.series.device;
    for (const Label& label : part.series.labels) {
      if (label.key == by) group = label.value;
    }
    int64_t start_s = part.start_s;
    WidthS width_s = part.width_s;
    if (step_s != 0 && width_s != kAllTime && step_s % width_s == 0) {
      start_s = window_start_s(start_s, step_s);
      width_s = step_s;
    }
    if (contains(range, start_s) && contains({std::nullopt, range.to_ns}, part.start_s))
      merge_bytes(sums[{group, start_s, width_s}], part.summary);
  }
  Rows rows;
  for (const auto& [key, sum] : sums) rows[key] = encoded(sum);
  return rows;
}

Result<std::vector<query::Change>> changes_of(const query::Query& query, const std::string& tenant, uint64_t after,
                                              size_t max, uint64_t* upto) {
  const query::Place place = query.place();
  CHECK(place.size() == 1);
  auto found = query.ask(query::AskChanges{tenant, {{place.front().state_id, after}}, max});
  if (!found) return found.error();
  *upto = found->upto.front().revision;
  return std::move(found->changes);
}

Result<stats::Summary> row_of(const query::Query& query, const std::string& tenant, const Series& series,
                              const query::Row& row) {
  std::optional<stats::Summary> found;
  const Status done =
      query.ask(query::AskRows{tenant, {{series, row}}}, [&](size_t, const stats::Summary& sum) { found = sum; });
  if (!done) return done.error();
  if (!found) return Error{ErrorCode::kNotFound, "no row of metric " + series.metric + " starts there"};
  return *found;
}

}  // namespace tributary::testing
