// SPDX-License-Identifier: Apache-2.0
// Dead letters, see dead_letters.h.
#include "cloud/feed/dead_letters.h"

#include <algorithm>

#include "cloud/render/answers.h"
#include "cloud/render/stats.h"
#include "cloud/state/tables.h"
#include "common/base/hex.h"

namespace tributary::feed {
namespace {

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0);
    for (size_t k = 0; k < 4; ++k) {
      out.push_back(i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=');
    }
  }
  return out;
}

void add_seq(std::vector<wire::SeqRange>& ranges, uint64_t seq) {
  if (!ranges.empty() && ranges.back().last + 1 == seq) {
    ranges.back().last = seq;
  } else {
    ranges.push_back({seq, seq});
  }
}

std::string seqs_text(const std::vector<wire::SeqRange>& ranges) {
  std::string text;
  for (const auto& range : ranges) {
    if (!text.empty()) text += ",";
    text += std::to_string(range.first);
    if (range.last != range.first) text += "-" + std::to_string(range.last);
  }
  return text;
}

}  // namespace

const char* to_string(DeadLetter::Kind kind) {
  switch (kind) {
    case DeadLetter::Kind::kRejected:
      return "rejected";
    case DeadLetter::Kind::kItems:
      return "rejected_items";
    case DeadLetter::Kind::kIngest:
      return "rejected_http";
    case DeadLetter::Kind::kParked:
      return "parked";
  }
  return "?";
}

const char* to_string(Judgement::Fate fate) {
  switch (fate) {
    case Judgement::Fate::kReplayable:
      return "replayable";
    case Judgement::Fate::kSettled:
      return "settled";
    case Judgement::Fate::kNotYet:
      return "not_yet";
    case Judgement::Fate::kNever:
      return "never";
  }
  return "?";
}

std::string DeadLetter::id() const {
  std::string text = std::to_string(partition) + "-" + std::to_string(offset);
  if ((kind == Kind::kParked || kind == Kind::kItems) && !seqs.empty())
    text += "-" + std::to_string(seqs.front().first);
  return text;
}

void DeadLetterScanner::describe(DeadLetter& letter,
                                 const std::function<bool(const message::MessageItem&)>& concerned) {
  for (const message::MessageItem& item : decoder_.items()) {
    if (!concerned(item)) continue;
    if (letter.kind != DeadLetter::Kind::kIngest) add_seq(letter.seqs, item.seq);
    if (item.kind != message::MessageItem::Kind::kPartial) continue;
    if (letter.partials++ == 0) {
      letter.series_id = decoder_.series(item.series).id;
      letter.width_s = item.width_s;
    }
    letter.start_s = std::min(letter.start_s.value_or(item.start_s), item.start_s);
    letter.last_start_s = std::max(letter.last_start_s.value_or(item.start_s), item.start_s);
  }
}

void DeadLetterScanner::describe_whole(DeadLetter& letter, wire::DecodeError error) {
  if (error == wire::DecodeError::kNone) {
    describe(letter, [](const message::MessageItem&) { return true; });
  } else if (decoder_.header_sound() && decoder_.header().count > 0) {
    const wire::Header& header = decoder_.header();
    letter.seqs.push_back({header.first_seq, header.first_seq + header.count - 1});
  }
}

std::optional<DeadLetter> DeadLetterScanner::look(uint32_t partition, const log::StoredRecord& stored) {
  const log::Record& record = stored.record;
  if (!log::row_of(record.kind).carries_message) return std::nullopt;
  const wire::DecodeError error = decoder_.decode(as_bytes(record.payload));
  DeadLetter letter{
      .partition = partition, .offset = stored.offset, .tenant = record.tenant, .gateway = record.gateway};
  letter.append_ns = record.append_ns;
  letter.payload = record.payload;
  if (decoder_.header_sound()) letter.epoch = decoder_.header().epoch;
  const int64_t latest_s = latest_start_s(record.append_ns, max_future_s_);
  const auto ahead = [&](const message::MessageItem& item) { return message::is_ahead(item, latest_s); };
  switch (record.kind) {
    case log::RecordKind::kStatus:
    case log::RecordKind::kControl:
      return std::nullopt;
    case log::RecordKind::kIngest:
      letter.kind = DeadLetter::Kind::kIngest;
      letter.reason = error != wire::DecodeError::kNone ? wire::to_string(error) : "future";
      if (error != wire::DecodeError::kNone) return letter;
      describe(letter, ahead);
      if (letter.partials == 0) return std::nullopt;
      return letter;
    case log::RecordKind::kRejected:
      letter.reason = record.reason.empty() ? "unknown" : record.reason;
      describe_whole(letter, error);
      return letter;
    case log::RecordKind::kMessage:
      if (error != wire::DecodeError::kNone) {
        letter.reason = wire::to_string(error);
        describe_whole(letter, error);
        return letter;
      }
      letter.kind = DeadLetter::Kind::kItems;
      letter.reason = "future";
      describe(letter, ahead);
      if (letter.seqs.empty()) return std::nullopt;
      return letter;
  }
  return std::nullopt;
}

DeadLetter parked_letter(uint32_t partition, std::string_view key, const state::ParkedPartial& stored) {
  state::KeyReader reader(key);
  DeadLetter letter{.kind = DeadLetter::Kind::kParked, .partition = partition, .offset = reader.u64()};
  letter.tenant = stored.tenant;
  letter.gateway = stored.gateway;
  letter.reason = stored.reason;
  letter.epoch = stored.epoch;
  letter.seqs.push_back({stored.seq, stored.seq});
  letter.start_s = letter.last_start_s = stored.start_s;
  letter.series_id = stored.series_id;
  letter.width_s = stored.width_s;
  letter.partials = 1;
  letter.payload = stored.summary;
  return letter;
}

Judgement judge(const DeadLetter& letter, const ledger::GatewayLedger* ledger, int64_t now_ns, int64_t max_future_s) {
  using Fate = Judgement::Fate;
  if (letter.kind == DeadLetter::Kind::kParked) {
    return {Fate::kNever,
            "its readings may have been counted already, by the gateway's other copy or under another number; which of "
            "both is not known, so merging it could count them twice"};
  }
  if (letter.kind == DeadLetter::Kind::kIngest) {
    return {
        Fate::kNever,
        "readings over HTTP have no numbers, so a repeat cannot be told from new ones; send them again as they were"};
  }
  message::MessageDecoder decoder;
  const wire::DecodeError error = decoder.decode(as_bytes(letter.payload));
  if (error != wire::DecodeError::kNone) {
    bool settled = ledger != nullptr && !letter.seqs.empty();
    for (const wire::SeqRange& range : letter.seqs) {
      for (uint64_t seq = range.first; settled && seq <= range.last; ++seq) {
        settled = ledger->standing(letter.epoch, seq) == ledger::Standing::kSettled;
      }
    }
    if (settled) return {Fate::kSettled, "a whole copy of it was merged"};
    return {Fate::kNever, std::string("the message cannot be read (") + wire::to_string(error) + ")"};
  }
  const int64_t latest_s = latest_start_s(now_ns, max_future_s);
  uint64_t rejected = 0, unsure = 0, fitting = 0;
  int64_t fits_from_s = state::kAfterAll;
  for (const message::MessageItem& item : decoder.items()) {
    const bool concerned = std::any_of(letter.seqs.begin(), letter.seqs.end(), [&](const wire::SeqRange& range) {
      return item.seq >= range.first && item.seq <= range.last;
    });
    if (!concerned) continue;
    const auto standing =
        ledger == nullptr ? ledger::Standing::kRejected : ledger->standing(decoder.header().epoch, item.seq);
    if (standing == ledger::Standing::kUnsure) ++unsure;
    if (standing == ledger::Standing::kSettled || standing == ledger::Standing::kUnsure) continue;
    ++rejected;
    if (!message::is_ahead(item, latest_s)) {
      ++fitting;
    } else {
      fits_from_s = std::min(fits_from_s, std::max(item.start_s, to_seconds_floor(item.last_ns)) - max_future_s);
    }
  }
  if (rejected == 0 && unsure > 0) {
    return {Fate::kNever, "the ledger has forgotten whether it was merged since; merging it could count it twice"};
  }
  if (rejected == 0) return {Fate::kSettled, "merged since"};
  if (fitting == 0) {
    return {Fate::kNotYet, "its windows are still more than " + std::to_string(max_future_s) +
                               " s ahead; the first fits from " + api::time_text_s(fits_from_s) + " on"};
  }
  return {Fate::kReplayable, ""};
}

log::Record replay_record(const DeadLetter& letter, int64_t now_ns) {
  CHECK(letter.kind == DeadLetter::Kind::kRejected || letter.kind == DeadLetter::Kind::kItems);
  log::Record record;
  record.kind = log::RecordKind::kMessage;
  record.tenant = letter.tenant;
  record.gateway = letter.gateway;
  record.append_ns = now_ns;
  record.payload = letter.payload;
  return record;
}

std::string dead_letter_json(const DeadLetter& letter, const Judgement* judgement, bool with_payload) {
  api::JsonWriter json;
  json.begin_object().field("id", letter.id()).field("kind", to_string(letter.kind)).field("reason", letter.reason);
  json.field("tenant", letter.tenant);
  json.field(letter.kind == DeadLetter::Kind::kIngest ? "device" : "gateway", letter.gateway);
  if (letter.append_ns != 0) json.field("time", api::time_text(letter.append_ns));
  json.field("partition", letter.partition).field("offset", letter.offset);
  if (letter.epoch != 0 && letter.kind != DeadLetter::Kind::kIngest) {
    json.field("epoch", hex16(letter.epoch)).field("seqs", seqs_text(letter.seqs));
  }
  if (letter.partials > 0) {
    json.field("partials", letter.partials);
    json.field("first_start", api::time_text_s(*letter.start_s))
        .field("last_start", api::time_text_s(*letter.last_start_s));
    json.field("width", letter.width_s);
    if (const auto series = series_from_id(letter.series_id); series.ok()) {
      json.key("series").begin_object();
      if (!series->device.empty()) json.field("device", series->device);
      json.field("metric", series->metric).key("labels");
      api::write_labels(json, series->labels);
      json.end_object();
    }
  }
  if (letter.kind == DeadLetter::Kind::kParked) {
    stats::Summary summary;
    if (summary.decode(as_bytes(letter.payload))) {
      json.key("summary").begin_object();
      api::write_summary(json, summary, api::stats_of({"count", "sum", "mean", "min", "max", "first", "last"}), {});
      json.end_object();
    }
  }
  if (judgement != nullptr) {
    json.field("replay", to_string(judgement->fate));
    if (!judgement->why.empty()) json.field("why", judgement->why);
  }
  if (with_payload) json.field("payload", base64(letter.payload));
  json.end_object();
  return json.take();
}

}  // namespace tributary::feed
