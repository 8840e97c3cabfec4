// SPDX-License-Identifier: Apache-2.0
// The series table: a hash table over (device, metric) that compares against the series' own identity, and a set over
// whole identities for series whose labels are their readings' own.
#include "edge/window/series_table.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace tributary::edge {
namespace {

constexpr size_t kSlotsMin = 64;

}  // namespace

SeriesTable::SeriesTable(SeriesTableConfig config)
    : config_(std::move(config)), slots_(kSlotsMin), labelled_(0, IdHash{&series_}, IdEqual{&series_}) {
  std::sort(config_.labels.begin(), config_.labels.end());
}

uint64_t SeriesTable::hash(std::string_view device, std::string_view metric) {
  const std::hash<std::string_view> hasher;
  return hasher(device) * 0x9E3779B97F4A7C15ULL ^ hasher(metric);
}

uint32_t SeriesTable::find_plain(std::string_view device, std::string_view metric) const {
  const uint64_t key = hash(device, metric);
  const auto tag = static_cast<uint32_t>(key >> 32);
  const size_t mask = slots_.size() - 1;
  for (size_t at = key & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.index == 0) return kNone;
    if (slot.tag != tag) continue;
    const SeriesState& series = series_[slot.index - 1];
    if (series.device_bytes == device.size() && series.metric_bytes == metric.size() &&
        std::memcmp(series.id.data(), device.data(), device.size()) == 0 &&
        std::memcmp(series.id.data() + device.size() + 1, metric.data(), metric.size()) == 0) {
      return slot.index - 1;
    }
  }
}

// Builds the identity as describe and Series::id would, without their allocations. Labels that check_series refuses
// make an identity that no series has.
uint32_t SeriesTable::find_labelled(const reading::Reading& reading) {
  if (reading.device.empty() || reading.labels.size() > kLabelsMax) return kNone;
  std::array<LabelView, 2 * kLabelsMax + 2> labels;
  size_t count = 0;
  for (const LabelView& label : reading.labels) labels[count++] = label;
  if (!reading.unit.empty()) labels[count++] = {"unit", reading.unit};
  const auto add_missing = [&](std::string_view key, std::string_view value) {
    const auto end = labels.begin() + static_cast<std::ptrdiff_t>(count);
    if (count == labels.size() || std::any_of(labels.begin(), end, [&](const auto& one) { return one.key == key; }))
      return;
    labels[count++] = {key, value};
  };
  if (const auto unit = config_.unit_by_metric.find(reading.metric); unit != config_.unit_by_metric.end()) {
    add_missing("unit", unit->second);
  }
  for (const Label& label : config_.labels) add_missing(label.key, label.value);
  const auto end = labels.begin() + static_cast<std::ptrdiff_t>(count);
  std::sort(labels.begin(), end, [](const auto& a, const auto& b) { return a.key < b.key; });
  id_.clear();
  id_.append(reading.device).push_back('\0');
  id_.append(reading.metric).push_back('\0');
  for (auto label = labels.begin(); label != end; ++label) {
    id_.append(label->key).push_back('\0');
    id_.append(label->value).push_back('\0');
  }
  return find_described(reading.device, reading.metric, kind_of(reading.metric), id_);
}

uint32_t SeriesTable::find_described(std::string_view device, std::string_view metric, MetricKind kind,
                                     std::string_view id) const {
  if (const uint32_t plain = find_plain(device, metric); plain != kNone && series_[plain].id == id) return plain;
  const auto found = labelled_.find(id);
  return found == labelled_.end() || series_[*found].kind != kind ? kNone : *found;
}

WidthS SeriesTable::width_of(std::string_view metric) const {
  const auto found = config_.base_width_by_metric.find(metric);
  return found == config_.base_width_by_metric.end() ? config_.base_width_s : found->second;
}

MetricKind SeriesTable::kind_of(std::string_view metric) const {
  const auto found = config_.kind_by_metric.find(metric);
  return found == config_.kind_by_metric.end() ? MetricKind::kGauge : found->second;
}

double SeriesTable::reset_below_of(std::string_view metric) const {
  const auto found = config_.reset_below_by_metric.find(metric);
  return found == config_.reset_below_by_metric.end() ? 0 : found->second;
}

std::vector<Label> SeriesTable::configured_labels(std::string_view metric) const {
  std::vector<Label> labels = config_.labels;
  if (const auto unit = config_.unit_by_metric.find(metric); unit != config_.unit_by_metric.end()) {
    std::erase_if(labels, [](const Label& label) { return label.key == "unit"; });
    labels.push_back({"unit", unit->second});
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

Series SeriesTable::describe(const reading::Reading& reading) const {
  Series series;
  series.device = reading.device;
  series.metric = reading.metric;
  series.labels = configured_labels(reading.metric);
  reading::add_labels(reading, series.labels);
  series.kind = kind_of(reading.metric);
  return series;
}

// Labels of its own would make an overflow series of every value that a sender makes up; but what has another unit must
// not be added up.
Series SeriesTable::describe_overflow(const reading::Reading& reading) const {
  reading::Reading of_metric;
  of_metric.metric = reading.metric;
  of_metric.unit = reading.unit;
  for (const LabelView& label : reading.labels) {
    if (label.key == "unit") of_metric.unit = label.value;
  }
  Series series = describe(of_metric);
  series.overflow = true;
  return series;
}

Result<uint32_t> SeriesTable::add(const reading::Reading& reading) {
  Series described = describe(reading);
  if (Status status = check_series(described); !status) return status.error();
  std::string id = described.id();
  uint32_t index = find_described(described.device, described.metric, described.kind, id);
  if (index == kNone && count_ - overflow_count_ >= config_.series_max) {
    described = describe_overflow(reading);
    id = described.id();
    index = find_described("", described.metric, described.kind, id);
    if (index == kNone && overflow_count_ >= 256 + config_.series_max / 16) {
      return Error{ErrorCode::kFull,
                   "more than " + std::to_string(overflow_count_) + " metrics beyond the limit of series"};
    }
  }
  if (index != kNone) return index;
  index = place();
  SeriesState& series = series_[index];
  series.id = std::move(id);
  series.device_bytes = static_cast<uint16_t>(described.device.size());
  series.metric_bytes = static_cast<uint16_t>(described.metric.size());
  series.width_s = width_of(described.metric);
  series.reset_below = reset_below_of(described.metric);
  series.kind = described.kind;
  series.overflow = described.overflow;
  if (described.overflow) ++overflow_count_;
  ++count_;
  insert(index, described);
  return index;
}

void SeriesTable::restore(uint32_t index, const std::string& id, MetricKind kind) {
  while (series_.size() <= index) {
    unused_.push_back(size());
    series_.emplace_back();
  }
  std::erase(unused_, index);
  SeriesState& series = series_[index];
  series.id = id;
  series.kind = kind;
  series.stored = true;
  auto parsed = series_from_id(id);
  if (!parsed) return;
  ++count_;
  series.device_bytes = static_cast<uint16_t>(parsed->device.size());
  series.metric_bytes = static_cast<uint16_t>(parsed->metric.size());
  series.width_s = width_of(parsed->metric);
  series.reset_below = reset_below_of(parsed->metric);
  series.overflow = parsed->overflow;
  if (series.overflow) ++overflow_count_;
  if (kind != kind_of(parsed->metric)) return;
  insert(index, *parsed);
}

void SeriesTable::insert(uint32_t index, const Series& series) {
  if (series.labels == configured_labels(series.metric)) {
    insert_plain(index);
  } else {
    labelled_.insert(index);
  }
}

uint32_t SeriesTable::place() {
  if (!unused_.empty()) {
    const uint32_t index = unused_.back();
    unused_.pop_back();
    series_[index] = {};
    return index;
  }
  series_.emplace_back();
  return size() - 1;
}

void SeriesTable::insert_plain(uint32_t index) {
  if ((used_slots_ + 1) * 2 > slots_.size()) grow();
  const SeriesState& series = series_[index];
  const std::string_view id = series.id;
  const uint64_t key = hash(id.substr(0, series.device_bytes), id.substr(series.device_bytes + 1, series.metric_bytes));
  const size_t mask = slots_.size() - 1;
  size_t at = key & mask;
  while (slots_[at].index != 0) at = (at + 1) & mask;
  slots_[at] = {static_cast<uint32_t>(key >> 32), index + 1};
  ++used_slots_;
}

void SeriesTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  used_slots_ = 0;
  for (const Slot& slot : old) {
    if (slot.index != 0) insert_plain(slot.index - 1);
  }
}

}  // namespace tributary::edge
