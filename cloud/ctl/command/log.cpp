// SPDX-License-Identifier: Apache-2.0
// tributaryctl log, see log.h.
#include "cloud/ctl/command/log.h"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <mutex>
#include <thread>

#include "cloud/ctl/describe.h"
#include "cloud/log/log.h"
#include "cloud/log/record_kinds.h"
#include "common/reading/payload.h"

namespace tributary::ctl {
namespace {

int log_info(const Arguments& arguments) {
  auto reader = log::open_reader(log_config(arguments));
  if (!reader) return fail(reader.error().message);
  const auto& settings = (*reader)->settings();
  std::printf("log %016llx, %u partitions, durability %s\n", static_cast<unsigned long long>(settings.log_id),
              settings.partitions, settings.durability.c_str());
  for (uint32_t partition = 0; partition < settings.partitions; ++partition) {
    const auto bounds = (*reader)->bounds(partition);
    if (!bounds) return fail(bounds.error().message);
    std::printf("partition %u: records %llu to %llu\n", partition,
                static_cast<unsigned long long>(bounds.value().begin),
                static_cast<unsigned long long>(bounds.value().end));
  }
  return 0;
}

// Every record of one log into another, new one, of as many partitions, in order, with its time: the state merged from
// either is the same. Only the log id in the records is that of the new log.
int log_copy(const Arguments& arguments) {
  const std::string from = arguments.text("from"), to = arguments.text("to");
  auto reader = log::open_reader(log_config(arguments, from));
  if (!reader) return fail(reader.error().message);
  const uint32_t partitions = (*reader)->settings().partitions;
  log::LogConfig config = log_config(arguments, to);
  config.partitions = partitions;
  constexpr int64_t kForEverMs = 100LL * 365 * 86400 * 1000;
  config.retention_ms = kForEverMs;  // old records must not be trimmed while they are copied
  auto writer = log::open_writer(config);
  if (!writer) return fail(writer.error().message);
  if (const std::string trouble = (*writer)->trouble(); !trouble.empty()) return fail(trouble);
  auto target = log::open_reader(config);
  if (!target) return fail(target.error().message);
  uint64_t copied = 0, holes = 0;
  std::mutex mutex;
  std::string failure;
  for (uint32_t partition = 0; partition < partitions; ++partition) {
    const auto there = (*target)->bounds(partition);
    if (!there) return fail(there.error().message);
    if (there->end > 0) return fail(to + " holds records already, expected a new log");
    const auto bounds = (*reader)->bounds(partition);
    if (!bounds) return fail(bounds.error().message);
    if (bounds->begin > 0) {
      std::fprintf(stderr, "tributaryctl: partition %u begins at record %llu; in the copy it is record 0\n", partition,
                   static_cast<unsigned long long>(bounds->begin));
    }
    constexpr size_t kRecordsMax = 1000, kBytesMax = 4 << 20;
    for (uint64_t at = bounds->begin; at < bounds->end;) {
      auto records = (*reader)->read(partition, at, kRecordsMax, kBytesMax, 0);
      if (!records) return fail(records.error().message);
      if (records->empty()) break;
      for (auto& [offset, record, hole, hole_end] : *records) {
        at = hole.empty() ? offset + 1 : hole_end;
        if (!hole.empty()) {
          holes += hole_end - offset;
          continue;
        }
        const auto done = [&mutex, &failure](const Status& status) {
          std::lock_guard lock(mutex);
          if (!status) failure = status.error().message;
        };
        Status taken = (*writer)->append(record, done);
        while (!taken && taken.error().code == ErrorCode::kBusy && (*writer)->trouble().empty()) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
          taken = (*writer)->append(record, done);
        }
        if (!taken) return fail(taken.error().message);
        ++copied;
      }
    }
  }
  (*writer)->flush();
  if (const std::string trouble = (*writer)->trouble(); !trouble.empty()) return fail(trouble);
  writer->reset();
  if (!failure.empty()) return fail(failure);
  std::printf("copied %llu records of %u partitions\n", static_cast<unsigned long long>(copied), partitions);
  if (holes > 0) return fail(std::to_string(holes) + " offsets held no record and are not in the copy");
  return 0;
}

// What a record carries, one indented line an item.
std::string content_of(const log::Record& record, bool hex) {
  switch (record.kind) {
    case log::RecordKind::kMessage:
    case log::RecordKind::kRejected:
      return message_text(record.payload, true, hex);
    case log::RecordKind::kIngest:
      return (record.idempotency_key.empty() ? "" : "    key \"" + safe_text(record.idempotency_key) + "\"\n") +
             message_text(record.payload, false, hex);
    case log::RecordKind::kStatus:
    case log::RecordKind::kControl:
      return "    " + safe_text(record.payload) + "\n";
  }
  return "";
}

// One line a record: offset, time, kind, tenant/gateway, bytes, reason.
void print_record(const log::StoredRecord& stored, bool decode, bool hex) {
  const log::Record& record = stored.record;
  if (!stored.hole.empty()) {
    std::printf("%" PRIu64 " to %" PRIu64 ": no record of this log (%s)\n", stored.offset, stored.hole_end - 1,
                stored.hole.c_str());
    return;
  }
  std::printf("%" PRIu64 " %s %s %s/%s %zu bytes %s\n", stored.offset,
              reading::format_timestamp(record.append_ns).c_str(), log::row_of(record.kind).name.data(),
              safe_text(record.tenant).c_str(), safe_text(record.gateway).c_str(), record.payload.size(),
              safe_text(record.reason).c_str());
  if (decode) std::printf("%s", content_of(record, hex).c_str());
}

int log_dump(const Arguments& arguments) {
  auto reader = log::open_reader(log_config(arguments));
  if (!reader) return fail(reader.error().message);
  const uint64_t number = arguments.number("--partition").value_or(0);
  if (number >= (*reader)->settings().partitions) {
    return fail("found partition " + std::to_string(number) + ", expected one below " +
                std::to_string((*reader)->settings().partitions));
  }
  const auto partition = static_cast<uint32_t>(number);
  const auto bounds = (*reader)->bounds(partition);
  if (!bounds) return fail(bounds.error().message);
  constexpr size_t kRecordsMax = 256, kBytesMax = 1 << 20;
  uint64_t left = arguments.number("--count").value_or(100);
  int status = 0;
  for (uint64_t at = std::max(arguments.number("--from").value_or(0), bounds->begin); left > 0 && at < bounds->end;) {
    const auto records = (*reader)->read(partition, at, std::min<uint64_t>(left, kRecordsMax), kBytesMax, 0);
    if (!records) {
      const ErrorCode code = records.error().code;
      if (code != ErrorCode::kCorrupt && code != ErrorCode::kUnsupported) return fail(records.error().message);
      // A record that cannot be read is named, and the next one is looked at.
      std::printf("%" PRIu64 ": %s\n", at, records.error().message.c_str());
      status = 1;
      ++at;
      --left;
      continue;
    }
    if (records->empty()) break;
    for (const log::StoredRecord& stored : *records) {
      print_record(stored, arguments.has("--decode"), arguments.has("--hex"));
      at = stored.hole.empty() ? stored.offset + 1 : stored.hole_end;
      --left;
    }
  }
  return status;
}

constexpr Option kInfoOptions[] = {kUrlOption, kKafkaOption};
constexpr Option kDumpOptions[] = {
    kUrlOption,
    {"--decode", "Also what each record carries: header, items, summaries", Option::Takes::kFlag},
    {"--hex", "With --decode: the bytes of each summary, for summary show", Option::Takes::kFlag},
    {"--partition", "The partition", Option::Takes::kNumber, false, "0"},
    {"--from", "The first offset", Option::Takes::kNumber, false, "0"},
    {"--count", "At most so many records", Option::Takes::kNumber, false, "100"},
    kKafkaOption,
};
constexpr Option kCopyOptions[] = {
    {"from", "lmdb:///path or kafka://host:port[/prefix]", Option::Takes::kText, true},
    {"to", "The same; it must be empty", Option::Takes::kText, true},
    kKafkaOption,
};

}  // namespace

constexpr Command kLogInfo = {"log", "info", "Its settings and bounds", kInfoOptions, log_info};
constexpr Command kLogDump = {"log", "dump", "One line a record, with --decode what it carries", kDumpOptions,
                              log_dump};
constexpr Command kLogCopy = {"log", "copy", "Copy every record of one log into another, new one", kCopyOptions,
                              log_copy};

}  // namespace tributary::ctl
