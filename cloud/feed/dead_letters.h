// SPDX-License-Identifier: Apache-2.0
// Dead letters: what could not be merged, where it stands, and whether it can be merged now without ever counting
// twice. Rejected items are found by reading the log again, parked ones stand in the state. The rules: FORMAT.md.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/state/records.h"
#include "common/ledger/receiver.h"
#include "common/message/decoder.h"

namespace tributary::feed {

struct DeadLetter {
  enum class Kind {
    kRejected,  // a record of rejected messages: nothing of it was merged
    kItems,     // items of a message whose rest was merged
    kIngest,    // readings over HTTP, which have no seqs
    kParked,    // a partial that may have been counted under another identity
  };
  Kind kind = Kind::kRejected;
  uint32_t partition = 0;
  log::Offset offset = 0;
  std::string tenant, gateway;  // kIngest: the device
  std::string reason;
  int64_t append_ns = 0;                // 0: not known (parked)
  uint64_t epoch = 0;                   // 0: no header that can be trusted
  std::vector<wire::SeqRange> seqs;     // ascending; empty: none
  std::optional<int64_t> start_s;       // of the earliest window concerned, if it can be read
  std::optional<int64_t> last_start_s;  // of the latest one
  std::string series_id;                // of the first partial concerned; empty: none
  WidthS width_s = 0;
  uint64_t partials = 0;  // that could be read
  std::string payload;    // the uplink message; kParked: the encoded summary

  // "PARTITION-OFFSET", for parked ones and items "-SEQ" of the first behind it. Names it for ever.
  std::string id() const;
};
const char* to_string(DeadLetter::Kind kind);

// Finds the dead letters of records, as the aggregator does when it merges them.
class DeadLetterScanner {
 public:
  // max_future_s: as the aggregator has it.
  explicit DeadLetterScanner(int64_t max_future_s) : max_future_s_(max_future_s) {}
  std::optional<DeadLetter> look(uint32_t partition, const log::StoredRecord& stored);

 private:
  void describe(DeadLetter& letter, const std::function<bool(const message::MessageItem&)>& concerned);
  void describe_whole(DeadLetter& letter, wire::DecodeError error);

  const int64_t max_future_s_;
  message::MessageDecoder decoder_;
};

// From the state's table.
DeadLetter parked_letter(uint32_t partition, std::string_view key, const state::ParkedPartial& stored);

// What a replay of the letter would do.
struct Judgement {
  enum class Fate {
    kReplayable,
    kSettled,  // merged since: a replay would change nothing
    kNotYet,   // still too far ahead
    kNever,    // cannot be replayed without the risk of counting twice, or cannot be read
  };
  Fate fate = Fate::kNever;
  std::string why;  // one sentence; empty for kReplayable
};
const char* to_string(Judgement::Fate fate);
// ledger: the gateway's, if the state is at hand and knows it; without one, what was merged since is not told apart
// (a replay is then settled by the ledger all the same).
Judgement judge(const DeadLetter& letter, const ledger::GatewayLedger* ledger, int64_t now_ns, int64_t max_future_s);

// The record that a replay appends. REQUIRES: judged kReplayable.
log::Record replay_record(const DeadLetter& letter, int64_t now_ns);

// One JSON object (no line end): the fields above, judgement (if there is one) and, if with_payload, payload as base64.
std::string dead_letter_json(const DeadLetter& letter, const Judgement* judgement, bool with_payload);

}  // namespace tributary::feed
