// SPDX-License-Identifier: Apache-2.0
// Sender: which items of the outbox's flight go into the next message, and when those that were not acknowledged go
// again. Sending order is free; only an acknowledgement ends an item. Not thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "common/wire/message.h"
#include "edge/outbox/outbox.h"

namespace tributary::edge {

struct SenderConfig {
  int64_t idle_message_interval_ns = 60 * kNanosPerSecond;
  int64_t resend_min_ns = 2 * kNanosPerSecond, resend_max_ns = 60 * kNanosPerSecond;
};

// What the frontier of a message depends on beside the outbox.
struct OpenState {
  int64_t open_min_ns = 0;  // start of the oldest window in memory, INT64_MAX if there is none
  int64_t mark_ns = 0;      // every reading accepted by then is in a committed transaction
};

// The identity and kind of a series by its number; an empty id if it is not known any more.
struct SeriesName {
  std::string_view id;
  MetricKind kind = MetricKind::kGauge;
};
using SeriesNames = std::function<SeriesName(uint32_t series)>;

class Sender {
 public:
  // outbox must outlive it.
  Sender(const SenderConfig& config, Outbox& outbox, SeriesNames names, std::function<uint64_t()> random, Instant now);

  // The next message, or nothing. Bytes live until the next call.
  std::optional<Bytes> next(const OpenState& open, Instant now);
  void not_sent();
  void on_connected(Instant now);
  // After the outbox has settled an ack: forgets what needs no resending.
  void on_settled(Instant now);
  uint64_t resent_total() const { return resent_total_; }

  // See wire::Header::frontier_ns: for a message that ends with last_seq of an epoch.
  int64_t frontier_ns(const FlightEpoch& epoch, uint64_t last_seq, const OpenState& open, Instant now) const;

 private:
  struct Outstanding {
    uint32_t epoch_index = 0;
    uint64_t first = 0, last = 0;
    int64_t due_mono_ns = 0;
    int64_t backoff_ns = 0;
    bool sent = false;  // false: given out but not_sent
  };
  // What was accepted from this time on may be gone, and the message that ends with last_seq of an epoch does not say
  // so: the gap that does is not acknowledged yet. INT64_MAX if there is none. (An outbox that was restored has
  // forgotten more than it knows.)
  int64_t untold_ns(const FlightEpoch& epoch, uint64_t last_seq) const;
  const FlightEpoch* find_epoch(uint32_t index) const;
  bool opening_before(const FlightEpoch& epoch) const;
  uint64_t& unsent(const FlightEpoch& epoch);
  std::optional<Bytes> send_new(const FlightEpoch& epoch, const OpenState& open, Instant now);
  std::optional<Bytes> send_again(const OpenState& open, Instant now);
  std::optional<Bytes> send_idle(const OpenState& open, Instant now);
  // Fills buffer_ with items from first on; the last seq in it, or nothing if none could be read.
  std::optional<uint64_t> build(const FlightEpoch& epoch, uint64_t first, uint64_t last, wire::MessageBuilder& builder);
  Bytes finish(wire::MessageBuilder& builder, const FlightEpoch& epoch, uint64_t first, uint64_t last,
               const OpenState& open, Instant now);
  bool add_partial(wire::MessageBuilder& builder, const FlightItem& item, bool& broken);
  void schedule(Outstanding& outstanding, Instant now);

  SenderConfig config_;
  Outbox& outbox_;
  SeriesNames names_;
  std::function<uint64_t()> random_;
  std::vector<Outstanding> outstanding_;
  std::unordered_map<uint32_t, uint64_t> unsent_;  // epoch index → the least seq never given out
  std::unordered_map<uint32_t, uint32_t> table_;   // series → its index in the message being built
  int64_t idle_due_mono_ns_ = 0;
  bool claim_due_ = true;        // the flight went empty since the last claim
  std::optional<size_t> given_;  // the outstanding message given last, for not_sent
  bool given_idle_ = false;
  uint64_t resent_total_ = 0;
  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(wire::kMessageBytesMax);
};

// Splits a Series::id() into its parts. False if it is none, or names what the cloud would refuse.
bool view_series(std::string_view id, MetricKind kind, wire::SeriesView& out);

}  // namespace tributary::edge
