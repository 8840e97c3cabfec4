// SPDX-License-Identifier: Apache-2.0
// From a request's JSON to partials: see ingest.h.
#include "cloud/bridge/ingest.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "common/reading/payload.h"
#include "common/stats/summary.h"
#include "common/wire/message.h"

namespace tributary::bridge {
namespace {

constexpr uint64_t kIngestEpoch = 1;
constexpr char kPartSeparator = '\x1f';  // no client can send it in a header

struct Item {
  size_t part = 0;
  uint32_t partition = 0;
  size_t series = 0;
  int64_t start_s = 0;
  int64_t time_ns = 0;
  double value = 0;

  auto window() const { return std::tie(part, partition, series, start_s); }
};

// Collects what the parser finds, checks what it leaves open: times and names.
class Collector final : public reading::ReadingSink {
 public:
  Collector(const IngestConfig& config, std::string_view tenant, uint32_t partitions, IngestResult& result)
      : config_(config), tenant_(tenant), partitions_(partitions), result_(result) {}

  bool accept(const reading::Reading& reading, Instant arrived) override {
    // What a repeated request must find alike (part, record and the device in its key) is decided before the clock is
    // asked.
    const size_t part = ordinal_++ / kReadingsAPart;
    const auto series = index_of(reading);
    if (!series) return false;
    const uint32_t partition = log::partition_of(tenant_, reading.device, partitions_);
    devices.try_emplace({part, partition}, reading.device);

    const int64_t at_ns = reading.time_ns.value_or(arrived.wall_ns);
    if (to_seconds_floor(at_ns) > latest_start_s(arrived.wall_ns, config_.max_future_s)) {
      refuse(reading::Reject::kFuture, reading::format_timestamp(at_ns),
             "a time before " + reading::format_timestamp(arrived.wall_ns + config_.max_future_s * kNanosPerSecond));
      return false;
    }
    if (config_.min_time_s > 0) {
      const int64_t earliest_ns = earliest_time_ns(arrived.wall_ns, config_.min_time_s * kNanosPerSecond);
      if (at_ns < earliest_ns) {
        refuse(reading::Reject::kTooOld, reading::format_timestamp(at_ns),
               "a time from " + reading::format_timestamp(earliest_ns) + " on (min_time)");
        return false;
      }
    }
    const int64_t start_s = window_start_s(to_seconds_floor(at_ns), config_.base_width_s);
    if (!is_window(start_s, config_.base_width_s)) {
      refuse(reading::Reject::kBadTimestamp, reading::format_timestamp(at_ns),
             "a time whose window lies within 64 bits");
      return false;
    }
    if (!reading.value.key.empty() || !reading.value.who.empty()) {
      refuse(reading::Reject::kUnexpectedKey, "a key or a user", "a number alone");
      return false;
    }
    if (!stats::is_acceptable(reading.value.number)) {
      refuse(reading::Reject::kOutOfRange, std::to_string(reading.value.number), "a finite number");
      return false;
    }
    Item item;
    item.part = part;
    item.partition = partition;
    item.series = *series;
    item.start_s = start_s;
    item.time_ns = at_ns;
    item.value = reading.value.number;
    items.push_back(item);
    return true;
  }

  void reject(reading::Reject reason, std::string_view found, std::string_view expected, uint64_t count) override {
    if (result_.rejected.empty()) {
      result_.found = found;
      result_.expected = expected;
    }
    result_.rejected[reading::to_string(reason)] += count;
  }

  void leave_out(reading::Reject reason, std::string_view) override { ++result_.left_out[reading::to_string(reason)]; }

  std::vector<Item> items;
  std::vector<Series> series;
  std::map<std::pair<size_t, uint32_t>, std::string> devices;  // the first of each part and partition

 private:
  void refuse(reading::Reject reason, std::string_view found, std::string_view expected) {
    reject(reason, found, expected, 1);
  }

  std::optional<size_t> index_of(const reading::Reading& reading) {
    Series candidate;
    candidate.device = reading.device;
    candidate.metric = reading.metric;
    if (auto unit = config_.unit_by_metric.find(reading.metric); unit != config_.unit_by_metric.end()) {
      candidate.labels.push_back({"unit", unit->second});
    }
    reading::add_labels(reading, candidate.labels);
    if (auto kind = config_.kind_by_metric.find(reading.metric); kind != config_.kind_by_metric.end()) {
      candidate.kind = kind->second;
    }
    if (Status fits = check_series(candidate); !fits) {
      // "found X, expected Y", as check_series says it.
      constexpr std::string_view kFound = "found ", kExpected = ", expected ";
      const std::string_view message = fits.error().message;
      const size_t at = message.rfind(kExpected);
      if (message.starts_with(kFound) && at != std::string_view::npos) {
        refuse(reading::Reject::kBadName, message.substr(kFound.size(), at - kFound.size()),
               message.substr(at + kExpected.size()));
      } else {
        refuse(reading::Reject::kBadName, message, "a device and a metric within the limits");
      }
      return std::nullopt;
    }
    const auto [at, fresh] = index_.emplace(candidate.id(), series.size());
    if (fresh) series.push_back(std::move(candidate));
    return at->second;
  }

  const IngestConfig& config_;
  const std::string_view tenant_;
  const uint32_t partitions_;
  IngestResult& result_;
  size_t ordinal_ = 0;
  std::map<std::string, size_t> index_;
};

wire::SeriesView view_of(const Series& series) {
  wire::SeriesView view;
  view.device = series.device;
  view.metric = series.metric;
  for (const Label& label : series.labels) view.labels[view.label_count++] = {label.key, label.value};
  view.kind = static_cast<uint8_t>(series.kind);
  return view;
}

// Packs partials of one part and partition into records: one, unless names are so long that it takes more.
class Packer {
 public:
  Packer(const IngestRequest& request, const std::vector<Series>& series, Instant now, IngestResult& result)
      : request_(request), series_(series), now_(now), result_(result), buffer_(wire::kMessageBytesMax) {}

  void begin(size_t part, const std::string& device) {
    part_ = part;
    overflow_ = 0;
    device_ = device;
    restart();
  }

  void add(size_t series, int64_t start_s, WidthS width_s, Bytes summary) {
    if (try_add(series, start_s, width_s, summary)) return;
    finish();
    ++overflow_;
    restart();
    CHECK(try_add(series, start_s, width_s, summary));  // one partial always fits an empty message
  }

  void finish() {
    if (builder_->item_count() == 0) return;
    wire::Header header;
    header.epoch = kIngestEpoch;
    header.first_seq = 1;
    log::Record record;
    record.kind = log::RecordKind::kIngest;
    record.tenant = request_.tenant;
    record.gateway = device_;
    record.append_ns = now_.wall_ns;
    record.payload = as_text(builder_->finish(header));
    if (!request_.idempotency_key.empty()) {
      record.idempotency_key = request_.idempotency_key;
      record.reason = request_.digest;
      if (part_ > 0 || overflow_ > 0) record.idempotency_key += kPartSeparator + std::to_string(part_);
      if (overflow_ > 0) record.idempotency_key += kPartSeparator + std::to_string(overflow_);
    }
    result_.records.push_back(std::move(record));
  }

 private:
  void restart() {
    builder_.emplace(std::span<uint8_t>(buffer_));
    table_.clear();
  }

  bool try_add(size_t series, int64_t start_s, WidthS width_s, Bytes summary) {
    auto known = table_.find(series);
    if (known == table_.end()) {
      const auto index = builder_->add_series(view_of(series_[series]));
      if (!index) return false;
      known = table_.emplace(series, *index).first;
    }
    wire::Partial partial;
    partial.series = known->second;
    partial.start_s = start_s;
    partial.width_s = width_s;
    partial.summary = summary;
    return builder_->add(partial);
  }

  const IngestRequest& request_;
  const std::vector<Series>& series_;
  const Instant now_;
  IngestResult& result_;
  std::vector<uint8_t> buffer_;
  std::optional<wire::MessageBuilder> builder_;
  std::map<size_t, uint32_t> table_;
  std::string device_;  // gives the record its partition
  size_t part_ = 0, overflow_ = 0;
};

}  // namespace

bool is_idempotency_key(std::string_view text) {
  return !text.empty() && text.size() <= kIdempotencyKeyBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

IngestResult make_records(const IngestConfig& config, const IngestRequest& request, uint32_t partitions, Instant now) {
  IngestResult result;
  Collector collector(config, request.tenant, partitions, result);
  reading::PayloadLimits limits;
  limits.bytes_max = config.body_bytes_max;
  reading::PayloadParser(limits).parse_json(request.body, "", now, collector);

  auto& items = collector.items;
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.window() < b.window(); });
  Packer packer(request, collector.series, now, result);
  auto summary = std::make_unique<stats::Summary>();
  auto encoded = std::make_unique<std::array<uint8_t, stats::kSummaryBytesMax>>();
  for (size_t i = 0; i < items.size();) {
    const Item& first = items[i];
    if (i == 0 || std::tie(first.part, first.partition) != std::tie(items[i - 1].part, items[i - 1].partition)) {
      if (i > 0) packer.finish();
      packer.begin(first.part, collector.devices.at({first.part, first.partition}));
    }
    summary->clear();
    for (; i < items.size() && items[i].window() == first.window(); ++i) summary->add(items[i].time_ns, items[i].value);
    const size_t size = summary->encode(*encoded);
    CHECK(size > 0);
    packer.add(first.series, first.start_s, config.base_width_s, Bytes(*encoded).first(size));
  }
  if (!items.empty()) packer.finish();
  result.accepted = items.size();
  return result;
}

}  // namespace tributary::bridge
