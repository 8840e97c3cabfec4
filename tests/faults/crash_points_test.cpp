// SPDX-License-Identifier: Apache-2.0
// Power cuts as LMDB sees them. Every write to a store's file is recorded, and every sync. A power cut at any instant
// leaves what was synced by then, and of the later writes any subset, each page whole, torn by sectors, or not there.
// From such a file the outbox, the log and the state must open and hold everything that was said to be durable.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <set>

#include "cloud/log/log.h"
#include "cloud/merge/writer.h"
#include "tests/edge/gateway/fake_cloud.h"
#include "tests/faults/disk_faults.h"
#include "tests/support/reading.h"

namespace tributary::faults {
namespace {

using edge::TempFolder;
constexpr size_t kSector = 512;
constexpr size_t kPage = 4096;
constexpr int kCuts = 120;

std::string read_bytes(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const std::string& file, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(file).parent_path());
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

// The file of one store, as it was when recording began, and everything written since.
class Recording {
 public:
  Recording(std::string folder) : folder_(std::move(folder)), before_(read_bytes(folder_ + "/data.mdb")) {
    DiskFaults::record(folder_);
  }
  // How much has been written by now: what is durable now is durable in every cut from here on.
  static size_t now() { return DiskFaults::recorded_count(); }
  void stop() { writes_ = DiskFaults::recorded(); }
  size_t size() const { return writes_.size(); }
  size_t syncs() const {
    return static_cast<size_t>(std::count_if(writes_.begin(), writes_.end(), [](const auto& w) { return w.sync; }));
  }

  // The file after a power cut behind the first at writes.
  std::string cut(size_t at, std::mt19937_64& random) const {
    size_t synced = 0;
    for (size_t i = 0; i < at; ++i) synced = writes_[i].sync ? i + 1 : synced;
    std::string image = before_;
    const auto put = [&](size_t offset, std::string_view bytes) {
      if (image.size() < offset + bytes.size()) image.resize(offset + bytes.size(), '\0');
      image.replace(offset, bytes.size(), bytes);
    };
    for (size_t i = 0; i < synced; ++i) put(writes_[i].offset, writes_[i].bytes);
    for (size_t i = synced; i < at; ++i) {
      const std::string_view bytes = writes_[i].bytes;
      for (size_t from = 0; from < bytes.size(); from += kPage) {
        const std::string_view page = bytes.substr(from, kPage);
        switch (random() % 4) {
          case 0:
            break;
          case 1:
            for (size_t sector = 0; sector < page.size(); sector += kSector) {
              if (random() % 2 == 0) put(writes_[i].offset + from + sector, page.substr(sector, kSector));
            }
            break;
          default:
            put(writes_[i].offset + from, page);
            break;
        }
      }
    }
    return image;
  }

 private:
  std::string folder_, before_;
  std::vector<DiskFaults::Write> writes_;
};

struct Durable {
  size_t writes = 0;   // from so many writes on
  uint64_t value = 0;  // this holds
};

// The last thing that was durable before a cut.
uint64_t durable_at(const std::vector<Durable>& all, size_t at) {
  uint64_t value = 0;
  for (const Durable& durable : all) value = durable.writes <= at ? durable.value : value;
  return value;
}

// Cuts after which a durable reading is missing, or counts twice, or the outbox does not open.
int cuts_that_harm_an_outbox(bool sync) {
  std::mt19937_64 random(5);
  TempFolder folder;
  edge::GatewayConfig config = edge::test_config(folder);
  config.sync = sync;
  config.budget_bytes = edge::kBudgetBytesMin;
  config.checkpoint_interval_ms = 200;
  edge::TestClock clock;
  auto gateway = edge::open_or_die(config, random, clock.now);
  Recording recording(folder.path() + "/outbox");
  // 45 readings of one series: 1, 2, 4 … in some windows; what is durable is a prefix, what is merged is a sum.
  std::vector<Durable> durable;
  std::vector<std::pair<size_t, std::vector<uint8_t>>> sent;  // after so many writes
  edge::FakeCloud acking;
  uint64_t sum = 0;
  for (int i = 0; i < 45; ++i) {
    EXPECT_TRUE(gateway->accept(
        test::number("d", "m", clock.now.wall_ns - (i % 3) * 15 * kNanosPerSecond, std::ldexp(1.0, i)), clock.now));
    sum |= uint64_t{1} << i;
    clock.advance_ms(700);
    EXPECT_TRUE(gateway->tick(clock.now).ok());
    durable.push_back({Recording::now(), sum});
    while (auto message = gateway->next_message(clock.now)) {
      sent.emplace_back(Recording::now(), std::vector<uint8_t>(message->begin(), message->end()));
      const auto ack = acking.receive(*message);
      if (i % 4 != 0) gateway->on_ack(ack, clock.now);
    }
  }
  recording.stop();
  gateway.reset();
  EXPECT_EQ(recording.syncs() > 60, sync);
  int harmful = 0;
  for (int i = 0; i < kCuts; ++i) {
    const size_t at = random() % (recording.size() + 1);
    TempFolder after;
    edge::GatewayConfig again = config;
    again.state_dir = after.path();
    again.sync = false;
    write_bytes(after.path() + "/outbox/data.mdb", recording.cut(at, random));
    edge::FakeCloud cloud;
    for (const auto& [writes, message] : sent) {
      if (writes <= at) (void)cloud.receive(message);
    }
    edge::TestClock later = clock;
    auto recovered = edge::open_or_die(again, random, later.now);
    if (recovered == nullptr || recovered->recovery().moved_aside) {
      ++harmful;
      continue;
    }
    (void)edge::drain(*recovered, cloud, later);
    uint64_t merged = 0, count = 0;
    for (const auto& [series, total] : cloud.totals()) {
      merged += static_cast<uint64_t>(total.numeric().sum().value);
      count += total.numeric().count();
    }
    const uint64_t expected = durable_at(durable, at);
    if ((merged & expected) != expected || count != static_cast<uint64_t>(std::popcount(merged))) ++harmful;
  }
  return harmful;
}

TEST(CrashPoints, TheOutboxHoldsEveryDurableReadingOnceAfterAPowerCutAtAnyInstant) {
  EXPECT_EQ(cuts_that_harm_an_outbox(true), 0);
}

// The cuts bite: a store that does not sync does not survive them.
TEST(CrashPoints, WithoutSyncMostCutsDoHarm) { EXPECT_GT(cuts_that_harm_an_outbox(false), kCuts / 2); }

log::Record record_of(uint64_t number, std::mt19937_64& random) {
  log::Record record;
  record.kind = log::RecordKind::kStatus;
  record.tenant = "acme";
  record.gateway = "attic";
  record.append_ns = edge::kStartNs + static_cast<int64_t>(number) * kNanosPerSecond;
  record.payload = R"({"n":)" + std::to_string(number) + R"(,"fill":")" + std::string(random() % 3000, 'x') + R"("})";
  return record;
}

TEST(CrashPoints, TheLogHoldsEveryAcknowledgedRecordInOrderAfterAPowerCutAtAnyInstant) {
  std::mt19937_64 random(6);
  TempFolder folder;
  log::LogConfig config;
  config.url = "lmdb://" + folder.path() + "/log";
  config.map_bytes_max = 64 << 20;
  auto writer = log::open_writer(config);
  ASSERT_TRUE(writer.ok());
  Recording recording(folder.path() + "/log");
  std::vector<Durable> durable;
  std::vector<std::string> payloads;
  for (uint64_t i = 0; i < 80; ++i) {
    log::Record record = record_of(i, random);
    payloads.push_back(record.payload);
    ASSERT_TRUE((*writer)->append(std::move(record), nullptr).ok());
    if (i % 3 != 0) continue;
    (*writer)->flush();
    durable.push_back({Recording::now(), i + 1});
  }
  (*writer)->flush();
  recording.stop();
  writer = Error{};
  for (int i = 0; i < kCuts; ++i) {
    const size_t at = random() % (recording.size() + 1);
    SCOPED_TRACE("cut " + std::to_string(i) + " after " + std::to_string(at) + " writes");
    TempFolder after;
    write_bytes(after.path() + "/log/data.mdb", recording.cut(at, random));
    log::LogConfig again = config;
    again.url = "lmdb://" + after.path() + "/log";
    again.sync = false;
    auto reader = log::open_reader(again);
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    auto records = (*reader)->read(0, 0, 1000, 64 << 20, 0);
    ASSERT_TRUE(records.ok()) << records.error().message;
    ASSERT_GE(records->size(), durable_at(durable, at)) << "an acknowledged record is lost";
    for (size_t n = 0; n < records->size(); ++n) ASSERT_EQ((*records)[n].record.payload, payloads[n]);
    // And it goes on from there.
    auto next = log::open_writer(again);
    ASSERT_TRUE(next.ok()) << next.error().message;
    ASSERT_TRUE((*next)->append(record_of(1000, random), nullptr).ok());
    (*next)->flush();
    ASSERT_EQ((*reader)->bounds(0).value().end, records->size() + 1);
  }
}

TEST(CrashPoints, RowsAndPositionAgreeAfterAPowerCutAtAnyInstant) {
  std::mt19937_64 random(7);
  TempFolder folder;
  // A gateway makes the messages.
  edge::GatewayConfig edge_config = edge::test_config(folder);
  edge::TestClock clock;
  auto gateway = edge::open_or_die(edge_config, random, clock.now);
  edge::FakeCloud acking;
  std::vector<log::StoredRecord> records;
  for (int i = 0; i < 400; ++i) {
    ASSERT_TRUE(
        gateway->accept(test::number("d" + std::to_string(random() % 6), "m",
                                     clock.now.wall_ns - static_cast<int64_t>(random() % 5000) * kNanosPerSecond, i),
                        clock.now));
    clock.advance_ms(i % 20 == 0 ? 400'000 : 900);
    ASSERT_TRUE(gateway->tick(clock.now).ok());
    while (auto message = gateway->next_message(clock.now)) {
      log::Record record;
      record.kind = log::RecordKind::kMessage;
      record.tenant = "acme";
      record.gateway = "attic";
      record.append_ns = clock.now.wall_ns;
      record.log_id = 42;
      record.payload = as_text(*message);
      records.push_back({records.size(), std::move(record)});
      gateway->on_ack(acking.receive(*message), clock.now);
    }
  }
  const auto merge = [&](merge::StateWriter& writer, size_t batch) {
    const auto first = records.begin() + static_cast<std::ptrdiff_t>(writer.position());
    const auto count = std::min<size_t>(batch, static_cast<size_t>(records.end() - first));
    return writer.merge({first, first + static_cast<std::ptrdiff_t>(count)});
  };
  merge::WriterConfig config;
  config.path = folder.path() + "/state";
  config.map_bytes = 256 << 20;
  auto writer = merge::StateWriter::open(config);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->adopt_log(42).ok());
  Recording recording(config.path);
  std::vector<Durable> durable;
  std::map<uint64_t, std::string> digests{{0, (*writer)->state().digest()}};
  while ((*writer)->position() < records.size()) {
    ASSERT_TRUE(merge(**writer, 1 + random() % 7).ok());
    durable.push_back({Recording::now(), (*writer)->position()});
    digests[(*writer)->position()] = (*writer)->state().digest();
  }
  recording.stop();
  writer = Error{};
  ASSERT_GT(records.size(), 100U);
  for (int i = 0; i < kCuts; ++i) {
    const size_t at = random() % (recording.size() + 1);
    SCOPED_TRACE("cut " + std::to_string(i) + " after " + std::to_string(at) + " writes");
    TempFolder after;
    merge::WriterConfig again = config;
    again.path = after.path() + "/state";
    again.sync = false;
    write_bytes(again.path + "/data.mdb", recording.cut(at, random));
    auto recovered = merge::StateWriter::open(again);
    ASSERT_TRUE(recovered.ok()) << recovered.error().message;
    ASSERT_GE((*recovered)->position(), durable_at(durable, at)) << "a committed batch is lost";
    ASSERT_TRUE(digests.contains((*recovered)->position())) << "the position is that of no commit";
    ASSERT_EQ((*recovered)->state().digest(), digests[(*recovered)->position()]) << "rows and position disagree";
    if (i % 8 != 0) continue;
    while ((*recovered)->position() < records.size()) ASSERT_TRUE(merge(**recovered, 50).ok());
    ASSERT_EQ((*recovered)->state().digest(), digests[records.size()]) << "what follows differs";
  }
}

}  // namespace
}  // namespace tributary::faults
