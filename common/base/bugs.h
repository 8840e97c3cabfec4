// SPDX-License-Identifier: Apache-2.0
// Deliberate bugs, for the fault simulator to find: proof that it has teeth. Only the test program that is built with
// TRIBUTARY_BUGS can switch one on; in every other build bug() is false at compile time and costs nothing.
#pragma once

#include <span>
#include <string_view>

namespace tributary {

struct Bug {
  const char* name;
  bool clocks = false;  // the simulator's profile clocks is to find it
};

#ifdef TRIBUTARY_BUGS

inline constexpr Bug kBugs[] = {
    {"ack_before_durable"},        // bridge: acknowledges before the log has the record
    {"unknown_acknowledged"},      // bridge: acknowledges a version it does not know
    {"puback_settles"},            // edge: a message handed to the broker counts as settled
    {"gap_forgotten"},             // edge: no gap after a crash
    {"epoch_reused"},              // edge: goes on under the epoch of the run before
    {"dropped_when_full"},         // edge: closed windows leave memory though the commit failed
    {"ack_of_any_epoch"},          // edge: an acknowledgement frees seqs of other epochs
    {"flight_unbounded"},          // edge: freezes without regard to span and bytes
    {"numbered_waits"},            // edge: what has a number waits on, to be merged again
    {"checkpoint_kept"},           // edge: closing a window leaves it in the checkpoint
    {"inherited_as_born"},         // edge: does not say that a partial was inherited
    {"frontier_past_waiting"},     // edge: the frontier passes what waits
    {"outbox_crc_unchecked"},      // edge: damaged stored values are read as if they were sound
    {"tenant_unchecked"},          // edge: opens another tenant's outbox
    {"boots_as_one"},              // edge: readings of earlier boots are dated by the clock of the present one
    {"estimate_unflagged"},        // edge: does not say that a time is an estimate
    {"undated_as_born", true},     // edge: what it dates late counts as born in the new epoch
    {"half_dated_dropped", true},  // edge: killed while it dates, it drops the rest
    {"wire_crc_unchecked"},        // common: damaged bodies are read as if they were sound
    {"low_off_by_one"},            // ledger: the seq at low counts as settled
    {"claim_too_early"},           // ledger: a claim takes effect before what it depends on
    {"restored_unnoticed"},        // ledger: inherited partials of a restored outbox merge
    {"merge_before_settle"},       // aggregator: duplicates are merged
    {"position_apart"},            // aggregator: the position is committed after the rows
    {"late_not_carried_up"},       // aggregator: rows below rolled(w) do not reach the coarser ones
    {"key_forgotten"},             // aggregator: does not remember Idempotency-Keys
    {"log_gap_silent"},            // aggregator: skips what the log has lost without a word
    {"silent_unasked"},            // query: who never contributed is no witness
    {"first_heard_unasked"},       // query: answers for times before anybody was there
};
inline std::string_view current_bug;
inline bool bug(std::string_view name) { return current_bug == name; }
inline std::span<const Bug> bugs() { return kBugs; }
// False: there is no such bug.
inline bool set_bug(std::string_view name) {
  for (const Bug& known : kBugs) {
    if (name == known.name) return current_bug = known.name, true;
  }
  return false;
}

#else

constexpr bool bug(std::string_view) { return false; }
constexpr std::span<const Bug> bugs() { return {}; }
constexpr bool set_bug(std::string_view) { return false; }

#endif

}  // namespace tributary
