// SPDX-License-Identifier: Apache-2.0
// tributaryctl deadletter, see dead_letters.h.
#include "cloud/ctl/command/dead_letters.h"

#include <algorithm>
#include <cinttypes>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "cloud/ctl/append.h"
#include "cloud/ctl/state_view.h"
#include "cloud/feed/dead_letters.h"
#include "common/reading/payload.h"
#include "common/runtime/program.h"

namespace tributary::ctl {
namespace {

using feed::DeadLetter;
using feed::Judgement;

constexpr size_t kRecordsMax = 500, kBytesMax = 4 << 20;
constexpr int kReadWaitMs = 2'000;

struct DeadLetterChoice {
  log::LogConfig log;
  std::string state_dir;                // the aggregator's; empty: parked ones are not seen, nor what was merged since
  std::string tenant, gateway, reason;  // empty: any
  std::vector<std::string> ids;         // empty: any
  std::optional<uint32_t> partition;
  int64_t max_future_s = 600;  // the aggregator's
  bool json = false;           // list: one object a line
};

DeadLetterChoice choice_of(const Arguments& arguments) {
  DeadLetterChoice choice;
  choice.log = log_config(arguments);
  choice.state_dir = arguments.text("--state");
  choice.tenant = arguments.text("--tenant");
  choice.gateway = arguments.text("--gateway");
  choice.reason = arguments.text("--reason");
  choice.ids = arguments.texts("--id");
  if (const auto partition = arguments.number("--partition")) choice.partition = static_cast<uint32_t>(*partition);
  choice.max_future_s = static_cast<int64_t>(arguments.number("--max-future").value_or(600));
  choice.json = arguments.has("--json");
  return choice;
}

bool chosen(const DeadLetterChoice& choice, const DeadLetter& letter) {
  if (!choice.tenant.empty() && letter.tenant != choice.tenant) return false;
  if (!choice.gateway.empty() && letter.gateway != choice.gateway) return false;
  if (!choice.reason.empty() && letter.reason != choice.reason) return false;
  return choice.ids.empty() || std::find(choice.ids.begin(), choice.ids.end(), letter.id()) != choice.ids.end();
}

void each_parked(const StateView& state, uint32_t partition, const std::function<void(DeadLetter)>& show) {
  auto txn = state.read();
  if (!txn) return;
  store::Cursor cursor(*txn, state.tables().deadletter);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    state::ParkedPartial parked;
    if (parked.decode(cursor.value())) show(feed::parked_letter(partition, cursor.key(), parked));
  }
}

using Visit = std::function<void(const DeadLetter&, const Judgement&)>;

// Calls visit for every chosen letter, by partition and place. An error: what could not be read.
Status each_letter(const DeadLetterChoice& choice, log::Reader& reader, const Visit& visit) {
  const int64_t now_ns = runtime::now().wall_ns;
  feed::DeadLetterScanner scanner(choice.max_future_s);
  for (uint32_t partition = 0; partition < reader.settings().partitions; ++partition) {
    if (choice.partition && *choice.partition != partition) continue;
    std::unique_ptr<StateView> state;
    if (!choice.state_dir.empty()) {
      auto opened = StateView::open(partition_dir(choice.state_dir, partition));
      if (!opened) return opened.error();
      state = std::move(opened).value();
    }
    std::map<std::pair<std::string, std::string>, std::optional<ledger::GatewayLedger>> ledgers;
    const auto show = [&](const DeadLetter& letter) {
      if (!chosen(choice, letter)) return;
      auto [known, added] = ledgers.try_emplace({letter.tenant, letter.gateway});
      if (added && state) known->second = state->ledger(letter.tenant, letter.gateway);
      const ledger::GatewayLedger* ledger = known->second ? &*known->second : nullptr;
      visit(letter, feed::judge(letter, ledger, now_ns, choice.max_future_s));
    };
    const auto bounds = reader.bounds(partition);
    if (!bounds) return bounds.error();
    for (log::Offset at = bounds->begin; at < bounds->end;) {
      const auto records = reader.read(partition, at, kRecordsMax, kBytesMax, kReadWaitMs);
      if (!records) return records.error();
      if (records->empty()) {
        return Error{ErrorCode::kIo,
                     "partition " + std::to_string(partition) + " gives no record " + std::to_string(at)};
      }
      for (const log::StoredRecord& stored : *records) {
        if (const auto letter = scanner.look(partition, stored)) show(*letter);
        at = stored.offset + 1;
      }
    }
    if (state) each_parked(*state, partition, show);
  }
  return {};
}

std::string seqs_text(const DeadLetter& letter) {
  if (letter.seqs.empty()) return "-";
  std::string text;
  for (const auto& range : letter.seqs) {
    text += (text.empty() ? "" : ",") + std::to_string(range.first);
    if (range.last != range.first) text += "-" + std::to_string(range.last);
  }
  return text;
}

void print_letter(const DeadLetter& letter, const Judgement& judgement) {
  std::string what;
  if (letter.partials > 0) {
    const auto series = series_from_id(letter.series_id);
    what = std::to_string(letter.partials) + (letter.partials == 1 ? " window of " : " windows, first of ") +
           (series.ok() ? series->device + "/" + series->metric : "?") + " at " +
           reading::format_timestamp(*letter.start_s * kNanosPerSecond);
  }
  std::printf("%s  %s  %s/%s  epoch %016" PRIx64 " seqs %s  %s (%s)  %s\n    %s%s%s\n", letter.id().c_str(),
              letter.append_ns == 0 ? "-" : reading::format_timestamp(letter.append_ns).c_str(), letter.tenant.c_str(),
              letter.gateway.c_str(), letter.epoch, seqs_text(letter).c_str(), letter.reason.c_str(),
              to_string(letter.kind), what.c_str(), to_string(judgement.fate), judgement.why.empty() ? "" : ": ",
              judgement.why.c_str());
}

int list_dead_letters(const Arguments& arguments) {
  const DeadLetterChoice choice = choice_of(arguments);
  auto reader = log::open_reader(choice.log);
  if (!reader) return fail(reader.error().message);
  std::map<std::string, uint64_t> counts;
  const Status done = each_letter(choice, **reader, [&](const DeadLetter& letter, const Judgement& judgement) {
    ++counts[to_string(judgement.fate)];
    if (choice.json) {
      std::printf("%s\n", feed::dead_letter_json(letter, &judgement, false).c_str());
    } else {
      print_letter(letter, judgement);
    }
  });
  if (!done) return fail(done.error().message);
  if (!choice.json) {
    std::string text;
    for (const auto& [fate, count] : counts) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + fate;
    std::printf("%s\n", text.empty() ? "no dead letters" : text.c_str());
  }
  if (choice.state_dir.empty()) {
    std::fprintf(stderr,
                 "tributaryctl: without --state parked partials are not shown, nor what was merged since it was "
                 "rejected\n");
  }
  return 0;
}

// Appends what can be merged now to the log, once more. Exit code 1 if something chosen was refused.
int replay_dead_letters(const Arguments& arguments) {
  const DeadLetterChoice choice = choice_of(arguments);
  if (!arguments.has("--all") && choice.ids.empty() && choice.tenant.empty() && choice.gateway.empty() &&
      choice.reason.empty()) {
    return fail("found nothing that says what to replay, expected --id, --tenant, --gateway, --reason or --all");
  }
  auto reader = log::open_reader(choice.log);
  if (!reader) return fail(reader.error().message);
  // Gathered first: what is appended must not be read again.
  std::vector<std::pair<DeadLetter, Judgement>> letters;
  const Status read = each_letter(choice, **reader, [&](const DeadLetter& letter, const Judgement& judgement) {
    letters.emplace_back(letter, judgement);
  });
  if (!read) return fail(read.error().message);
  for (const std::string& id : choice.ids) {
    if (std::none_of(letters.begin(), letters.end(), [&](const auto& entry) { return entry.first.id() == id; })) {
      return fail("found no dead letter " + id + " (see tributaryctl deadletter list); nothing was replayed");
    }
  }
  std::unique_ptr<log::Writer> writer;
  uint64_t replayed = 0, settled = 0, refused = 0;
  for (const auto& [letter, judgement] : letters) {
    if (judgement.fate == Judgement::Fate::kSettled) {
      ++settled;
      std::printf("%s: nothing to do: %s\n", letter.id().c_str(), judgement.why.c_str());
      continue;
    }
    if (judgement.fate != Judgement::Fate::kReplayable) {
      ++refused;
      std::printf("%s: not replayed: %s\n", letter.id().c_str(), judgement.why.c_str());
      continue;
    }
    if (!writer) {
      auto opened = open_appender(choice.log);
      if (!opened) return fail(opened.error().message);
      writer = std::move(opened).value();
    }
    const Status appended = append(*writer, feed::replay_record(letter, runtime::now().wall_ns));
    if (!appended) return fail(letter.id() + ": " + appended.error().message);
    ++replayed;
    std::printf("%s: replayed\n", letter.id().c_str());
  }
  std::printf("%" PRIu64 " replayed, %" PRIu64 " settled before, %" PRIu64 " not replayed\n", replayed, settled,
              refused);
  return refused == 0 ? 0 : 1;
}

constexpr Option kStateOption = {"--state,--dir", "The aggregator's state folder (it may be running)"};
constexpr Option kIdOption = {"--id", "Only these (the first column of list); may be repeated", Option::Takes::kTexts};
constexpr Option kOfTenantOption = {"--tenant", "Only of this tenant"};
constexpr Option kGatewayOption = {"--gateway", "Only of this gateway"};
constexpr Option kReasonOption = {"--reason", "Only with this reason"};
constexpr Option kOfPartitionOption = {"--partition", "Only of this partition", Option::Takes::kNumber};
constexpr Option kFutureOption = {"--max-future", "Seconds ahead that the aggregator accepts", Option::Takes::kNumber,
                                  false, "600"};
constexpr Option kDeadLetterOptions[] = {
    kUrlOption,         kStateOption,
    kIdOption,          kOfTenantOption,
    kGatewayOption,     kReasonOption,
    kOfPartitionOption, kFutureOption,
    kKafkaOption,       {"--json", "One JSON object a line", Option::Takes::kFlag},
};
constexpr Option kReplayOptions[] = {
    kUrlOption,         kStateOption,
    kIdOption,          kOfTenantOption,
    kGatewayOption,     kReasonOption,
    kOfPartitionOption, kFutureOption,
    kKafkaOption,       {"--all", "Everything that can be merged now", Option::Takes::kFlag},
};

}  // namespace

constexpr Command kDeadLetterList = {"deadletter", "list",
                                     "Show each with its reason, and whether it can be merged now", kDeadLetterOptions,
                                     list_dead_letters};
constexpr Command kDeadLetterReplay = {
    "deadletter", "replay", "Append what can be merged now to the log once more; however often, it is counted once",
    kReplayOptions, replay_dead_letters};

}  // namespace tributary::ctl
