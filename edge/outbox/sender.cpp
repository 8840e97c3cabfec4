// SPDX-License-Identifier: Apache-2.0
// Building messages from the flight, and the schedule of their resending.
#include "edge/outbox/sender.h"

#include <algorithm>

#include "common/base/bugs.h"
#include "common/base/check.h"

namespace tributary::edge {
namespace {

constexpr int64_t kClaimDelayNs = kNanosPerSecond / 2;

}  // namespace

bool view_series(std::string_view id, MetricKind kind, wire::SeriesView& out) {
  out = {};
  out.kind = static_cast<uint8_t>(kind);
  const auto part = [&id](std::string_view& text) {
    const size_t end = id.find('\0');
    if (end == std::string_view::npos) return false;
    text = id.substr(0, end);
    id.remove_prefix(end + 1);
    return true;
  };
  if (!part(out.device) || !part(out.metric)) return false;
  while (!id.empty() && id != "\x01") {
    if (out.label_count == out.labels.size()) return false;
    LabelView& label = out.labels[out.label_count++];
    if (!part(label.key) || !part(label.value)) return false;
  }
  out.overflow = !id.empty();
  return wire::check_series_view(out) == wire::DecodeError::kNone;
}

Sender::Sender(const SenderConfig& config, Outbox& outbox, SeriesNames names, std::function<uint64_t()> random,
               Instant now)
    : config_(config), outbox_(outbox), names_(std::move(names)), random_(std::move(random)) {
  idle_due_mono_ns_ = now.mono_ns;
}

const FlightEpoch* Sender::find_epoch(uint32_t index) const {
  for (const auto& epoch : outbox_.flight()) {
    if (epoch->index == index) return epoch.get();
  }
  return nullptr;
}

bool Sender::opening_before(const FlightEpoch& epoch) const {
  const auto& flight = outbox_.flight();
  return std::any_of(flight.begin(), flight.end(),
                     [&](const auto& other) { return other->index < epoch.index && other->start_ns.count(1) > 0; });
}

uint64_t& Sender::unsent(const FlightEpoch& epoch) { return unsent_.try_emplace(epoch.index, 1).first->second; }

int64_t Sender::frontier_ns(const FlightEpoch& epoch, uint64_t last_seq, const OpenState& open, Instant now) const {
  int64_t frontier = std::min(now.wall_ns, open.open_min_ns);
  if (!bug("frontier_past_waiting")) frontier = std::min(frontier, outbox_.waiting_min_ns());
  for (const auto& other : outbox_.flight()) {
    // Older epochs are part of the claim's condition; newer ones are not.
    if (other->index < epoch.index) continue;
    auto at = other.get() == &epoch ? other->start_ns.upper_bound(last_seq) : other->start_ns.begin();
    for (; at != other->start_ns.end(); ++at) frontier = std::min(frontier, at->second);
  }
  return frontier;
}

int64_t Sender::untold_ns(const FlightEpoch& epoch, uint64_t last_seq) const {
  // The gap of a run is its seq 2. This run's bounds are known; of other runs' nothing is claimed meanwhile.
  int64_t least = std::numeric_limits<int64_t>::max();
  const auto& gap = outbox_.recovery().gap;
  for (const auto& other : outbox_.flight()) {
    if (other->index < epoch.index || other->start_ns.count(2) == 0) continue;
    if (other.get() == &epoch && last_seq >= 2) continue;
    if (other.get() == &outbox_.current()) {
      if (gap) least = std::min(least, gap->from_ns);
    } else {
      least = 0;
    }
  }
  return least;
}

std::optional<Bytes> Sender::next(const OpenState& open, Instant now) {
  given_.reset();
  given_idle_ = false;
  const FlightEpoch& current = outbox_.current();
  if (auto message = send_new(current, open, now)) return message;
  if (auto message = send_again(open, now)) return message;
  for (const auto& epoch : outbox_.flight()) {
    if (auto message = send_new(*epoch, open, now)) return message;
  }
  return send_idle(open, now);
}

std::optional<Bytes> Sender::send_new(const FlightEpoch& epoch, const OpenState& open, Instant now) {
  uint64_t& from = unsent(epoch);
  const auto at = epoch.start_ns.lower_bound(from);
  if (at == epoch.start_ns.end()) return std::nullopt;
  // Nothing of an epoch goes before its opening is acknowledged, and openings go one after another, so that the
  // receiver sees the chain of epochs in its order.
  const bool opening_open = epoch.start_ns.count(1) > 0;
  if (opening_open && at->first > 1) return std::nullopt;
  if (opening_open && opening_before(epoch)) return std::nullopt;
  const uint64_t first = at->first;
  wire::MessageBuilder builder(buffer_);
  const auto last = build(epoch, first, opening_open ? 1 : epoch.start_ns.rbegin()->first, builder);
  if (!last) return std::nullopt;
  from = *last + 1;
  Outstanding outstanding{epoch.index, first, *last, 0, 0, true};
  schedule(outstanding, now);
  given_ = outstanding_.size();
  outstanding_.push_back(outstanding);
  return finish(builder, epoch, first, *last, open, now);
}

std::optional<Bytes> Sender::send_again(const OpenState& open, Instant now) {
  for (size_t i = 0; i < outstanding_.size(); ++i) {
    if (outstanding_[i].due_mono_ns > now.mono_ns) continue;
    const FlightEpoch* epoch = find_epoch(outstanding_[i].epoch_index);
    const auto at =
        epoch != nullptr ? epoch->start_ns.lower_bound(outstanding_[i].first) : decltype(epoch->start_ns.end()){};
    if (epoch == nullptr || at == epoch->start_ns.end() || at->first > outstanding_[i].last) {
      outstanding_.erase(outstanding_.begin() + static_cast<std::ptrdiff_t>(i--));
      continue;
    }
    const uint64_t first = at->first;
    wire::MessageBuilder builder(buffer_);
    const auto last = build(*epoch, first, outstanding_[i].last, builder);
    if (!last) return std::nullopt;
    // What an acknowledgement cut off goes in a message of its own.
    Outstanding rest = outstanding_[i];
    rest.first = *last + 1;
    outstanding_[i].first = first;
    outstanding_[i].last = *last;
    if (outstanding_[i].sent) ++resent_total_;
    schedule(outstanding_[i], now);
    outstanding_[i].sent = true;
    if (rest.first <= rest.last) outstanding_.push_back(rest);
    given_ = i;
    return finish(builder, *epoch, first, *last, open, now);
  }
  return std::nullopt;
}

std::optional<Bytes> Sender::send_idle(const OpenState& open, Instant now) {
  const FlightEpoch& current = outbox_.current();
  if (!current.start_ns.empty() || now.mono_ns < idle_due_mono_ns_) return std::nullopt;
  wire::MessageBuilder builder(buffer_);
  const uint64_t next = current.window.next_seq();
  given_idle_ = true;
  return finish(builder, current, next, next - 1, open, now);
}

void Sender::schedule(Outstanding& outstanding, Instant now) {
  outstanding.backoff_ns =
      outstanding.backoff_ns == 0 ? config_.resend_min_ns : std::min(outstanding.backoff_ns * 2, config_.resend_max_ns);
  // Up to a quarter more, so that a fleet does not resend in step.
  const auto jitter = static_cast<int64_t>(random_() % 1024) * (outstanding.backoff_ns / 4096);
  outstanding.due_mono_ns = now.mono_ns + outstanding.backoff_ns + jitter;
}

bool Sender::add_partial(wire::MessageBuilder& builder, const FlightItem& item, bool& broken) {
  auto known = table_.find(item.series);
  if (known == table_.end()) {
    const SeriesName name = names_(item.series);
    wire::SeriesView view;
    if (name.id.empty() || !view_series(name.id, name.kind, view)) {
      broken = true;
      return false;
    }
    const auto index = builder.add_series(view);
    if (!index) return false;
    known = table_.emplace(item.series, *index).first;
  }
  return builder.add(
      wire::Partial{known->second, item.start_s, item.width_s, item.inherited, item.time_estimated, item.summary});
}

std::optional<uint64_t> Sender::build(const FlightEpoch& epoch, uint64_t first, uint64_t last,
                                      wire::MessageBuilder& builder) {
  std::optional<uint64_t> reached;
  table_.clear();
  outbox_.read_items(epoch, first, last, [&](uint64_t seq, const FlightItem* item) {
    bool added = false, broken = item == nullptr;
    if (item != nullptr) {
      switch (item->kind) {
        case ItemKind::kPartial:
          added = add_partial(builder, *item, broken);
          break;
        case ItemKind::kOpening:
          added = builder.add(item->opening);
          break;
        case ItemKind::kGap:
          added = builder.add(item->gap);
          break;
        case ItemKind::kLost:
          added = builder.add(wire::LostAtGateway{item->start_s, item->width_s});
          break;
      }
    }
    // What cannot be read back, or has lost its name, is named as lost under its seq.
    if (broken) {
      added = builder.add(item == nullptr ? wire::LostAtGateway{} : wire::LostAtGateway{item->start_s, item->width_s});
    }
    if (added) reached = seq;
    return added;
  });
  return reached;
}

Bytes Sender::finish(wire::MessageBuilder& builder, const FlightEpoch& epoch, uint64_t first, uint64_t last,
                     const OpenState& open, Instant now) {
  wire::Header header;
  header.epoch = epoch.epoch;
  header.first_seq = first;
  header.frontier_ns = frontier_ns(epoch, last, open, now);
  header.mark_ns = std::min(open.mark_ns, untold_ns(epoch, last));
  if (given_idle_) {
    idle_due_mono_ns_ = now.mono_ns + config_.idle_message_interval_ns;
    claim_due_ = false;
  } else {
    // Every message makes a claim; an idle one is due an interval after the last, or soon after all is settled.
    idle_due_mono_ns_ = std::max(idle_due_mono_ns_, now.mono_ns + config_.idle_message_interval_ns);
    claim_due_ = true;
  }
  if (bug("puback_settles") && last >= first) outbox_.acknowledge({epoch.epoch, {{{first, last}}}, 1});
  return builder.finish(header);
}

void Sender::not_sent() {
  if (given_ && *given_ < outstanding_.size()) {
    Outstanding& outstanding = outstanding_[*given_];
    outstanding.due_mono_ns = std::numeric_limits<int64_t>::min();
    outstanding.backoff_ns = 0;
    outstanding.sent = false;
  } else if (given_idle_) {
    idle_due_mono_ns_ = std::numeric_limits<int64_t>::min();
  }
  given_.reset();
  given_idle_ = false;
}

void Sender::on_connected(Instant now) {
  for (Outstanding& outstanding : outstanding_) {
    outstanding.due_mono_ns = now.mono_ns;
    outstanding.backoff_ns = 0;
  }
  idle_due_mono_ns_ = now.mono_ns;
}

void Sender::on_settled(Instant now) {
  std::erase_if(outstanding_, [&](Outstanding& outstanding) {
    const FlightEpoch* epoch = find_epoch(outstanding.epoch_index);
    if (epoch == nullptr) return true;
    const auto at = epoch->start_ns.lower_bound(outstanding.first);
    return at == epoch->start_ns.end() || at->first > outstanding.last;
  });
  std::erase_if(unsent_, [&](const auto& entry) { return find_epoch(entry.first) == nullptr; });
  given_.reset();
  if (claim_due_ && outbox_.current().start_ns.empty()) {
    idle_due_mono_ns_ = std::min(idle_due_mono_ns_, now.mono_ns + kClaimDelayNs);
  }
}

}  // namespace tributary::edge
