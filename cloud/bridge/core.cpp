// SPDX-License-Identifier: Apache-2.0
// The bridge's rules: see core.h.
#include "cloud/bridge/core.h"

#include <algorithm>
#include <array>
#include <functional>

#include "cloud/bridge/json_object.h"
#include "common/base/bugs.h"
#include "common/series/names.h"

namespace tributary::bridge {
namespace {

constexpr int64_t kWarningIntervalNs = kNanosPerSecond;

// Adds [first, last] to disjoint, ascending ranges, joining those that touch it.
template <class Ranges>
void add_range(Ranges& ranges, wire::SeqRange added) {
  auto touches = [&](const auto& entry) {
    return entry.first.last + 1 >= added.first && added.last + 1 >= entry.first.first;
  };
  uint64_t messages = 1;
  for (const auto& entry : ranges) {
    if (!touches(entry)) continue;
    added = {std::min(added.first, entry.first.first), std::max(added.last, entry.first.last)};
    messages += entry.second;
  }
  ranges.erase(std::remove_if(ranges.begin(), ranges.end(),
                              [&](const auto& entry) {
                                return entry.first.first >= added.first && entry.first.last <= added.last;
                              }),
               ranges.end());
  auto at =
      std::find_if(ranges.begin(), ranges.end(), [&](const auto& entry) { return entry.first.first > added.last; });
  ranges.insert(at, {added, messages});
}

std::string joined(const Topic& topic) { return std::string(topic.tenant).append("/").append(topic.gateway); }

log::Record record_of(log::RecordKind kind, const Topic& topic, std::string_view payload, Instant now) {
  log::Record record;
  record.kind = kind;
  record.tenant = topic.tenant;
  record.gateway = topic.gateway;
  record.append_ns = now.wall_ns;
  record.payload = payload;
  return record;
}

}  // namespace

Core::Core(CoreConfig config) : config_(std::move(config)), inspector_(config_.max_future_s) {}

Core::Effects Core::on_message(const Incoming& message, Instant now) {
  const auto topic = parse_topic(message.topic);
  if (!topic) {
    ++counters_.messages_total;
    return {std::nullopt, reject("bad_topic", message.topic, "this topic",
                                 std::string("tributary/v1/{tenant}/{gateway}/partials or …/status with names of ") +
                                     kTopicNameGrammar,
                                 now)};
  }
  if (config_.knows_tenant && !config_.knows_tenant(topic->tenant)) {
    topic->leaf == Leaf::kPartials ? ++counters_.messages_total : ++counters_.statuses_total;
    return {std::nullopt,
            reject("unknown_tenant", message.topic, "a tenant without a key", "one of the keys file", now)};
  }
  return topic->leaf == Leaf::kPartials ? on_partials(*topic, message, now) : on_status(*topic, message, now);
}

Core::Effects Core::on_partials(const Topic& topic, const Incoming& message, Instant now) {
  ++counters_.messages_total;
  if (message.retained) {
    // The broker repeats it to every subscriber for ever. Not settled: if its seqs are still needed, the gateway sends
    // them again.
    return {std::nullopt, reject("retained", message.topic, "a retained message", "one that is not retained", now)};
  }
  const Inspection inspection = inspector_.inspect(as_bytes(message.payload), now.wall_ns);
  Effects effects;
  std::string warning;
  if (inspection.fate != Fate::kMessage) {
    warning = reject(inspection.reason, message.topic, inspection.found, inspection.expected, now);
  }
  if (inspection.fate == Fate::kMessage || inspection.fate == Fate::kRejected ||
      (bug("unknown_acknowledged") && inspection.fate == Fate::kUnknown)) {
    const auto kind = inspection.fate == Fate::kMessage ? log::RecordKind::kMessage : log::RecordKind::kRejected;
    // Of an oversized message only what a message may have is kept: enough to settle its seqs.
    log::Record record = record_of(kind, topic, message.payload.substr(0, wire::kMessageBytesMax), now);
    record.reason = inspection.reason;
    Settling settling;
    settling.kind = kind;
    settling.who = joined(topic);
    settling.epoch = inspection.header.epoch;
    settling.to_ack = inspection.header.count > 0;
    settling.seqs = {inspection.header.first_seq, inspection.header.first_seq + inspection.header.count - 1};
    effects = append(std::move(record), std::move(settling));
  }
  effects.warning = std::move(warning);
  return effects;
}

Core::Effects Core::on_status(const Topic& topic, const Incoming& message, Instant now) {
  ++counters_.statuses_total;
  const std::string who = joined(topic);
  if (message.payload.empty()) return {};  // how MQTT clears a retained topic
  if (message.payload.size() > config_.status_bytes_max || !is_json_object(message.payload)) {
    return {std::nullopt,
            reject("bad_status", message.topic, std::to_string(message.payload.size()) + " bytes",
                   "a JSON object of at most " + std::to_string(config_.status_bytes_max) + " bytes", now)};
  }
  const uint64_t hash = std::hash<std::string_view>{}(message.payload);
  auto last = last_status_.find(who);
  if (last != last_status_.end() && last->second.hash == hash && !held_statuses_.contains(who) &&
      now.mono_ns - last->second.appended_mono_ns < config_.status_refresh_s * kNanosPerSecond) {
    ++counters_.statuses_unchanged_total;
    return {};
  }
  if (auto held = held_statuses_.find(who); held != held_statuses_.end()) {
    held->second.payload = message.payload;
    ++counters_.statuses_replaced_total;
    return {};
  }
  const int64_t interval_ns = config_.status_interval_ms * 1'000'000;
  if (last != last_status_.end() && now.mono_ns - last->second.appended_mono_ns < interval_ns) {
    held_statuses_[who] = {std::string(message.topic), std::string(message.payload)};
    // Nearly ascending: appends come one after another, each with the same interval.
    held_order_.emplace_back(last->second.appended_mono_ns + interval_ns, who);
    return {};
  }
  return append_status(topic, message.payload, now);
}

Core::Effects Core::append_status(const Topic& topic, std::string_view payload, Instant now) {
  const std::string who = joined(topic);
  if (!last_status_.contains(who) && last_status_.size() >= config_.gateways_max) {
    last_status_.erase(last_status_.begin());
  }
  last_status_[who] = {std::hash<std::string_view>{}(payload), now.mono_ns};
  Settling settling;
  settling.kind = log::RecordKind::kStatus;
  settling.who = who;
  return append(record_of(log::RecordKind::kStatus, topic, payload, now), std::move(settling));
}

std::optional<Core::Append> Core::due_status(Instant now) {
  if (held_order_.empty() || held_order_.front().first > now.mono_ns) return std::nullopt;
  auto held = held_statuses_.extract(held_order_.front().second);
  held_order_.pop_front();
  CHECK(!held.empty());
  const auto topic = parse_topic(held.mapped().topic);
  CHECK(topic.has_value());
  return append_status(*topic, held.mapped().payload, now).append;
}

Core::Effects Core::append(log::Record record, Settling settling) {
  const uint64_t token = next_token_++;
  if (bug("ack_before_durable") && settling.to_ack) ack_due(settling);
  settling_.emplace(token, std::move(settling));
  counters_.unsettled_appends = settling_.size();
  Effects effects;
  effects.append = Append{token, std::move(record)};
  return effects;
}

void Core::on_appended(uint64_t token, bool durable) {
  auto found = settling_.find(token);
  CHECK(found != settling_.end());
  const Settling settling = std::move(found->second);
  settling_.erase(found);
  counters_.unsettled_appends = settling_.size();
  if (!durable) {
    ++counters_.append_failed_total;
    // The next copy of this status counts as changed.
    if (settling.kind == log::RecordKind::kStatus) last_status_.erase(settling.who);
    return;
  }
  switch (settling.kind) {
    case log::RecordKind::kStatus:
      ++counters_.appended_status_total;
      break;
    case log::RecordKind::kRejected:
      ++counters_.appended_rejected_total;
      break;
    case log::RecordKind::kMessage:
      ++counters_.appended_total;
      break;
    case log::RecordKind::kIngest:
    case log::RecordKind::kControl:
      CHECK(false);  // requests are appended, and counted, by the HTTP entrance; orders by administrators
      break;
  }
  if (settling.to_ack) ack_due(settling);
}

void Core::ack_due(const Settling& settling) {
  const auto key = std::make_pair(settling.who, settling.epoch);
  auto found = due_.find(key);
  if (found == due_.end()) {
    if (due_.size() >= config_.acks_max) {
      due_.erase(due_order_.front());
      due_order_.pop_front();
      ++counters_.acks_dropped_total;
    }
    const size_t slash = settling.who.find('/');
    DueAck due;
    due.topic = ack_topic(settling.who.substr(0, slash), settling.who.substr(slash + 1));
    due.epoch = settling.epoch;
    found = due_.emplace(key, std::move(due)).first;
    due_order_.push_back(key);
  }
  add_range(found->second.ranges, settling.seqs);
  counters_.acks_waiting = due_.size();
}

std::optional<Core::AckMessage> Core::next_ack() const {
  if (due_order_.empty()) return std::nullopt;
  const DueAck& due = due_.at(due_order_.front());
  wire::Ack ack;
  ack.epoch = due.epoch;
  for (const auto& [range, messages] : due.ranges) {
    if (ack.range_count == wire::kAckRangesMax) break;
    ack.ranges[ack.range_count++] = range;
  }
  std::array<uint8_t, wire::kAckBytesMax> buffer;
  const size_t size = wire::encode_ack(ack, buffer);
  CHECK(size > 0);
  return AckMessage{due.topic, std::string(as_text(Bytes(buffer).first(size)))};
}

void Core::ack_published() {
  CHECK(!due_order_.empty());
  auto key = due_order_.front();
  due_order_.pop_front();
  auto found = due_.find(key);
  auto& ranges = found->second.ranges;
  const size_t sent = std::min(ranges.size(), wire::kAckRangesMax);
  for (size_t i = 0; i < sent; ++i) counters_.acked_messages_total += ranges[i].second;
  ++counters_.acks_published_total;
  ranges.erase(ranges.begin(), ranges.begin() + static_cast<ptrdiff_t>(sent));
  if (ranges.empty()) {
    due_.erase(found);
  } else {
    due_order_.push_back(std::move(key));
  }
  counters_.acks_waiting = due_.size();
}

std::string Core::reject(const std::string& reason, std::string_view topic, const std::string& found,
                         const std::string& expected, Instant now) {
  ++counters_.rejected_total[reason];
  if (warned_mono_ns_ && now.mono_ns - *warned_mono_ns_ < kWarningIntervalNs) {
    ++warnings_held_back_;
    return {};
  }
  constexpr size_t kTopicShown = 200;
  std::string shown;
  for (const char c : topic.substr(0, kTopicShown))
    shown += (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) ? '?' : c;
  std::string line = shown + ": rejected (" + reason + "): found " + found + ", expected " + expected;
  if (warnings_held_back_ > 0) line += "; " + std::to_string(warnings_held_back_) + " more since the last such line";
  warned_mono_ns_ = now.mono_ns;
  warnings_held_back_ = 0;
  return line;
}

}  // namespace tributary::bridge
