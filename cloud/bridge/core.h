// SPDX-License-Identifier: Apache-2.0
// Core: what the bridge does, without doing it: a state machine (event, now) → effects. A message goes in, a record to
// append comes out; when the record is durable, the ack that settles its seqs. No sockets, no threads, no clock. Not
// thread-safe.
//
// Nothing is remembered that would have to survive: a message that is lost on the way here is sent again by its
// gateway, and one that is appended twice is merged once.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cloud/bridge/inspect.h"
#include "cloud/bridge/topic.h"
#include "cloud/log/log.h"
#include "common/base/time.h"
#include "common/wire/message.h"

namespace tributary::bridge {

struct CoreConfig {
  int64_t max_future_s = 600;          // windows that start further ahead are rejected, replayable
  int64_t status_interval_ms = 1'000;  // of one gateway at least so long apart; the newest waits
  int64_t status_refresh_s = 300;      // an unchanged status is appended again after this long
  size_t status_bytes_max = 16 * 1024;
  size_t gateways_max = 100'000;  // whose last status is remembered; beyond, some are forgotten and appended again
  size_t acks_max = 100'000;      // waiting to be published; beyond, the oldest is dropped (its messages come again)
  // False: what this tenant's gateways send is neither appended nor acknowledged. Empty: every tenant is known.
  std::function<bool(std::string_view tenant)> knows_tenant;
};

struct Incoming {
  std::string_view topic;
  std::string_view payload;
  bool retained = false;
};

struct CoreCounters {
  uint64_t messages_total = 0;  // …/partials
  uint64_t statuses_total = 0;  // …/status
  uint64_t statuses_unchanged_total = 0;
  uint64_t statuses_replaced_total = 0;            // not appended since a newer one came within the interval
  std::map<std::string, uint64_t> rejected_total;  // reason → messages, appended as rejected or not at all
  uint64_t appended_total = 0;                     // records that became durable: messages,
  uint64_t appended_rejected_total = 0;
  uint64_t appended_status_total = 0;
  uint64_t append_failed_total = 0;   // records the log refused: not acknowledged
  uint64_t acked_messages_total = 0;  // messages whose seqs stand in a published ack
  uint64_t acks_published_total = 0;
  uint64_t acks_dropped_total = 0;
  uint64_t unsettled_appends = 0;  // at this moment: given out, not yet settled
  uint64_t acks_waiting = 0;       // at this moment
};

class Core {
 public:
  explicit Core(CoreConfig config);

  struct Append {
    uint64_t token = 0;  // for on_appended
    log::Record record;
  };
  struct Effects {
    std::optional<Append> append;
    std::string warning;  // a line for the log, with what was found and what was expected; at most one a second
  };
  // One message from the broker. Any bytes are survived.
  Effects on_message(const Incoming& message, Instant now);

  // A status that waited for its gateway's interval to end, if one is due now. Ask until there is none.
  std::optional<Append> due_status(Instant now);
  bool statuses_wait() const { return !held_statuses_.empty(); }

  // The record of token is durable, or was refused. Each token exactly once.
  void on_appended(uint64_t token, bool durable);

  struct AckMessage {
    std::string topic;
    std::string payload;
  };
  // The ack to publish next: all that is due for one epoch of one gateway, up to wire::kAckRangesMax ranges. Stays due
  // until ack_published().
  std::optional<AckMessage> next_ack() const;
  void ack_published();

  const CoreCounters& counters() const { return counters_; }

 private:
  struct Settling {  // an append under way
    log::RecordKind kind = log::RecordKind::kMessage;
    std::string who;  // tenant/gateway
    uint64_t epoch = 0;
    wire::SeqRange seqs;
    bool to_ack = false;
  };
  struct DueAck {
    std::string topic;
    uint64_t epoch = 0;
    std::vector<std::pair<wire::SeqRange, uint64_t>> ranges;  // disjoint, ascending, each with the messages in it
  };
  struct LastStatus {
    uint64_t hash = 0;
    int64_t appended_mono_ns = 0;
  };

  struct HeldStatus {
    std::string topic, payload;
  };

  Effects append_status(const Topic& topic, std::string_view payload, Instant now);
  Effects on_partials(const Topic& topic, const Incoming& message, Instant now);
  Effects on_status(const Topic& topic, const Incoming& message, Instant now);
  Effects append(log::Record record, Settling settling);
  // Counts, and makes the warning if one is due.
  std::string reject(const std::string& reason, std::string_view topic, const std::string& found,
                     const std::string& expected, Instant now);
  void ack_due(const Settling& settling);

  const CoreConfig config_;
  Inspector inspector_;
  CoreCounters counters_;
  uint64_t next_token_ = 1;
  std::unordered_map<uint64_t, Settling> settling_;
  std::unordered_map<std::string, LastStatus> last_status_;  // by tenant/gateway
  std::map<std::string, HeldStatus> held_statuses_;          // by tenant/gateway
  std::deque<std::pair<int64_t, std::string>> held_order_;   // when each is due (monotonic), ascending
  std::map<std::pair<std::string, uint64_t>, DueAck> due_;   // by tenant/gateway and epoch
  std::deque<std::pair<std::string, uint64_t>> due_order_;   // oldest first; each key of due_ once
  std::optional<int64_t> warned_mono_ns_;
  uint64_t warnings_held_back_ = 0;
};

}  // namespace tributary::bridge
