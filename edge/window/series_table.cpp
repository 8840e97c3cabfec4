// SPDX-License-Identifier: Apache-2.0
// The series table: a hash table over (device, metric) that compares against the series' own identity.
#include "edge/window/series_table.h"

#include <algorithm>
#include <cstring>

namespace tributary::edge {
namespace {

constexpr size_t kSlotsMin = 64;

}  // namespace

SeriesTable::SeriesTable(SeriesTableConfig config) : config_(std::move(config)), slots_(kSlotsMin) {}

uint64_t SeriesTable::hash(std::string_view device, std::string_view metric) {
  const std::hash<std::string_view> hasher;
  return hasher(device) * 0x9E3779B97F4A7C15ULL ^ hasher(metric);
}

uint32_t SeriesTable::find(std::string_view device, std::string_view metric) const {
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

WidthS SeriesTable::width_of(std::string_view metric) const {
  const auto found = config_.base_width_by_metric.find(metric);
  return found == config_.base_width_by_metric.end() ? config_.base_width_s : found->second;
}

Series SeriesTable::describe(std::string_view device, std::string_view metric, bool overflow) const {
  Series series;
  series.device = overflow ? "" : device;
  series.metric = metric;
  series.overflow = overflow;
  series.labels = config_.labels;
  if (const auto unit = config_.unit_by_metric.find(metric); unit != config_.unit_by_metric.end()) {
    std::erase_if(series.labels, [](const Label& label) { return label.key == "unit"; });
    series.labels.push_back({"unit", unit->second});
  }
  std::sort(series.labels.begin(), series.labels.end());
  if (const auto kind = config_.kind_by_metric.find(metric); kind != config_.kind_by_metric.end()) {
    series.kind = kind->second;
  }
  return series;
}

Result<uint32_t> SeriesTable::add(std::string_view device, std::string_view metric) {
  if (Status status = check_series(describe(device, metric, false)); !status) return status.error();
  const bool overflow = count_ - overflow_count_ >= config_.series_max;
  if (overflow) {
    if (const uint32_t found = find("", metric); found != kNone) return found;
    if (overflow_count_ >= 256 + config_.series_max / 16) {
      return Error{ErrorCode::kFull,
                   "more than " + std::to_string(overflow_count_) + " metrics beyond the limit of series"};
    }
  }
  const Series described = describe(device, metric, overflow);
  const uint32_t index = place();
  SeriesState& series = series_[index];
  series.id = described.id();
  series.device_bytes = static_cast<uint16_t>(described.device.size());
  series.metric_bytes = static_cast<uint16_t>(described.metric.size());
  series.width_s = width_of(metric);
  series.kind = described.kind;
  series.overflow = overflow;
  if (overflow) ++overflow_count_;
  ++count_;
  insert(index);
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
  series.overflow = parsed->overflow;
  if (series.overflow) ++overflow_count_;
  const Series today = describe(parsed->device, parsed->metric, parsed->overflow);
  if (today.id() == id && today.kind == kind) insert(index);
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

void SeriesTable::insert(uint32_t index) {
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
    if (slot.index != 0) insert(slot.index - 1);
  }
}

}  // namespace tributary::edge
