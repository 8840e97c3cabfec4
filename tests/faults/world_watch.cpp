// SPDX-License-Identifier: Apache-2.0
// What the oracle learns by listening: which readings went out under which seq, and which are in the log.
#include <functional>

#include "common/ledger/window.h"
#include "tests/faults/world.h"

namespace tributary::faults {
namespace {

struct Item {
  uint64_t seq = 0;
  std::string identity;  // equal for equal items
  std::string series_id;
  std::string summary;
  int64_t start_s = 0;
  bool partial = false, inherited = false;
};

class Reader final : public wire::BodyVisitor {
 public:
  std::vector<Item> items;

  wire::DecodeError on_series(uint32_t, const wire::SeriesView& view) override {
    Series series;
    series.device = view.device;
    series.metric = view.metric;
    for (size_t i = 0; i < view.label_count; ++i) {
      series.labels.push_back({std::string(view.labels[i].key), std::string(view.labels[i].value)});
    }
    series.overflow = view.overflow;
    series_.push_back(series.id());
    return wire::DecodeError::kNone;
  }
  wire::DecodeError on_partial(uint64_t seq, const wire::Partial& partial) override {
    if (partial.series >= series_.size()) return wire::DecodeError::kBadSeries;
    Item item;
    item.seq = seq;
    item.series_id = series_[partial.series];
    item.summary = as_text(partial.summary);
    item.start_s = partial.start_s;
    item.partial = true;
    item.inherited = partial.inherited;
    item.identity = "partial" + item.series_id + "|" + std::to_string(partial.start_s) + "|" +
                    std::to_string(partial.width_s) + (partial.inherited ? "i" : "b") + item.summary;
    items.push_back(std::move(item));
    return wire::DecodeError::kNone;
  }
  wire::DecodeError on_opening(uint64_t seq, const wire::Opening& opening) override {
    return other(seq, "opening" + std::to_string(opening.predecessor_epoch) + "|" +
                          std::to_string(opening.predecessor_last_seq));
  }
  wire::DecodeError on_gap(uint64_t seq, const wire::Gap& gap) override {
    return other(seq, "gap" + std::to_string(gap.from_ns) + "|" + std::to_string(gap.to_ns));
  }
  // A stored item may become unreadable after it was sent, and is then named as lost: that is not compared.
  wire::DecodeError on_lost(uint64_t seq, const wire::LostAtGateway&) override { return other(seq, ""); }

 private:
  wire::DecodeError other(uint64_t seq, std::string identity) {
    Item item;
    item.seq = seq;
    item.identity = std::move(identity);
    items.push_back(std::move(item));
    return wire::DecodeError::kNone;
  }
  std::vector<std::string> series_;
};

}  // namespace

std::optional<size_t> World::site_of(const std::string& tenant, const std::string& name) const {
  for (size_t i = 0; i < sites_.size(); ++i) {
    if (sites_[i].tenant == tenant && sites_[i].name == name) return i;
  }
  return std::nullopt;
}

void World::watch_message(Edge& edge, Bytes message) {
  Site& site = sites_[edge.site];
  wire::Header header;
  require(message.size() <= wire::kMessageBytesMax, "a message is longer than 64 KiB");
  require(wire::parse_header(message, header) == wire::DecodeError::kNone, "an edge sends a header that is none");
  Reader reader;
  require(wire::read_body(message, header, reader) == wire::DecodeError::kNone, "an edge sends a body that is none");
  for (const Item& item : reader.items) {
    if (item.seq > 1 && site.openings_acked.count(header.epoch) == 0) {
      fail(site.name + " sends seq " + std::to_string(item.seq) + " before its opening is acknowledged");
    }
    if (item.identity.empty()) continue;
    const auto [at, fresh] = site.sent.try_emplace({header.epoch, item.seq});
    const size_t hash = std::hash<std::string>{}(item.identity);
    if (!fresh) {
      if (at->second.hash != hash) {
        fail(site.name + ": the bytes of epoch " + std::to_string(header.epoch) + " seq " + std::to_string(item.seq) +
             " differ");
      }
      continue;
    }
    at->second.hash = hash;
    if (!item.partial) continue;
    at->second.series = oracle_.find(site.tenant, item.series_id);
    if (!at->second.series) fail(site.name + " sends a series that nobody gave it: " + item.series_id);
    at->second.mask = oracle_.mask_of(*at->second.series, as_bytes(item.summary));
  }
  // The span: no seq is given while one 1,024 before it is not acknowledged. Each epoch has a span of its own, and all
  // share the bytes. A first start without a clock makes an epoch of its opening alone, and another one later.
  const edge::GatewayStats stats = edge.core->stats();
  if (stats.flight_items > site.starts * (ledger::kSpanMax + 1) || stats.flight_bytes > ledger::kFlightBytesMax) {
    fail("the flight is unbounded: " + std::to_string(stats.flight_items) + " items");
  }
}

void World::watch_log() {
  const uint64_t end = log_reader_->bounds(0).value().end;
  while (records_.size() < end) {
    auto more = log_reader_->read(0, records_.size(), 1000, 16 << 20, 0);
    if (!more) fail("the log cannot be read: " + more.error().message);
    require(!more->empty(), "the log ends before its end");
    for (log::StoredRecord& stored : *more) {
      watch_record(stored.record);
      records_.push_back(std::move(stored));
    }
  }
}

void World::watch_record(const log::Record& record) {
  if (record.kind == log::RecordKind::kStatus) return;
  const auto site = site_of(record.tenant, record.gateway);
  const bool ingest = record.kind == log::RecordKind::kIngest;
  if (!site && !ingest) return;
  wire::Header header;
  const wire::DecodeError error = wire::parse_header(as_bytes(record.payload), header);
  if (record.kind != log::RecordKind::kIngest) {
    note("log " + std::to_string(records_.size()) + ": " + record.gateway + " epoch " + std::to_string(header.epoch) +
         " seqs " + std::to_string(header.first_seq) + "+" + std::to_string(header.count) +
         (record.kind == log::RecordKind::kRejected ? ", rejected: " + record.reason : ""));
  }
  if (record.kind == log::RecordKind::kRejected) {
    // What this cloud does not know yet is not refused: it comes again after the upgrade.
    if (record.reason == "unknown_version") return;
    if (header.count > 0 && header.first_seq == 1) {
      identity_trouble_ = true;
      // An opening was refused: what its successors inherit cannot be told from what a copy of the outbox holds.
      Site& of = sites_[*site];
      if (!of.parking_since) of.parking_since = oracle_.readings().size();
      for (Reading& reading : oracle_.readings()) {
        if (reading.gateway != static_cast<int>(*site)) continue;
        reading.excuses |= kExcuseParked;
        // Nor is a wipe noticed: the refused opening is all that is counted.
        if (!reading.logged) reading.excuses |= kExcuseRejected;
      }
    }
    for (uint64_t i = 0; i < header.count; ++i) {
      const auto sent = sites_[*site].sent.find({header.epoch, header.first_seq + i});
      if (sent == sites_[*site].sent.end()) continue;
      if (!sent->second.series) {
        sites_[*site].words_refused = true;
        continue;
      }
      for (const uint32_t index : oracle_.readings_in(*sent->second.series, sent->second.mask)) {
        oracle_.readings()[index].excuses |= kExcuseRejected;
      }
    }
    return;
  }
  Reader reader;
  if (error != wire::DecodeError::kNone ||
      wire::read_body(as_bytes(record.payload), header, reader) != wire::DecodeError::kNone) {
    fail("the log holds a message that cannot be read");
  }
  const int64_t latest_s = to_seconds_floor(record.append_ns) + 600;
  for (const Item& item : reader.items) {
    if (!item.partial) continue;
    const auto series = oracle_.find(record.tenant, item.series_id);
    if (!series) fail("the log holds a series that nobody measured");
    for (const uint32_t index : oracle_.readings_in(*series, oracle_.mask_of(*series, as_bytes(item.summary)))) {
      Reading& reading = oracle_.readings()[index];
      reading.logged = true;
      reading.logged_born = reading.logged_born || !item.inherited;
      if (item.start_s > latest_s) reading.excuses |= kExcuseRejected;
    }
  }
}

// Records [from, to) went before they were merged.
void World::excuse_hole(uint64_t from, uint64_t to) {
  note("log gap: records " + std::to_string(from) + " to " + std::to_string(to - 1));
  state_is_whole_ = false;
  for (uint64_t at = from; at < to; ++at) {
    const log::Record& record = records_.at(at).record;
    wire::Header header;
    Reader reader;
    if (const auto site = site_of(record.tenant, record.gateway)) {
      // Openings may be among it; without them what was inherited cannot be told from what was not.
      Site& of = sites_[*site];
      if (log::row_of(record.kind).carries_message) of.log_gap = true;
      if (!of.parking_since) of.parking_since = 0;
      for (Reading& reading : oracle_.readings()) {
        if (reading.gateway == static_cast<int>(*site)) reading.excuses |= kExcuseParked;
      }
    }
    if (!log::row_of(record.kind).carries_message ||
        wire::parse_header(as_bytes(record.payload), header) != wire::DecodeError::kNone ||
        wire::read_body(as_bytes(record.payload), header, reader) != wire::DecodeError::kNone) {
      continue;
    }
    for (const Item& item : reader.items) {
      const auto series = item.partial ? oracle_.find(record.tenant, item.series_id) : std::nullopt;
      if (!series) continue;
      for (const uint32_t index : oracle_.readings_in(*series, oracle_.mask_of(*series, as_bytes(item.summary)))) {
        oracle_.readings()[index].excuses |= kExcuseLogGap;
      }
    }
  }
}

// Of the gateway; in the profile clocks, where two machines may have its name, of this one alone.
void World::excuse_unlogged(const Edge& edge, uint32_t excuses) {
  for (Reading& reading : oracle_.readings()) {
    if (reading.gateway != static_cast<int>(edge.site) || reading.logged) continue;
    if (!clocks() || reading.edge == number_of(edge)) reading.excuses |= excuses;
  }
}

bool World::known_to_cloud(size_t site) const {
  for (const log::StoredRecord& stored : records_) {
    if (log::row_of(stored.record.kind).carries_message && stored.record.tenant == sites_[site].tenant &&
        stored.record.gateway == sites_[site].name) {
      return true;
    }
  }
  return false;
}

}  // namespace tributary::faults
