// SPDX-License-Identifier: Apache-2.0
// FAULTS 1, 13, 14, 17, 18 and 21: what the next start makes of an outbox that was left, copied, cloned, damaged,
// wiped, or belongs to somebody else.
#include <fstream>

#include "edge/outbox/records.h"
#include "tests/edge/gateway/fake_cloud.h"
#include "tests/support/reading.h"

namespace tributary::edge {
namespace {

constexpr size_t kPage = 4096;

std::string read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

uint64_t total_count(const FakeCloud& cloud) {
  uint64_t count = 0;
  for (const auto& [key, summary] : cloud.rows) count += summary.numeric().count();
  return count;
}

class RecoveryTest : public ::testing::Test {
 protected:
  std::unique_ptr<GatewayCore> open() { return open_or_die(config_, random_, clock_.now); }
  void accept(GatewayCore& gateway, int count, const std::string& device = "d") {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(gateway.accept(test::number(device + std::to_string(i % 20), "m", std::nullopt, i), clock_.now));
      clock_.advance_ms(10);
    }
  }
  void checkpoint(GatewayCore& gateway) {
    clock_.advance_ms(1100);
    ASSERT_TRUE(gateway.tick(clock_.now).ok());
  }
  std::string file() const { return folder_.path() + "/outbox/data.mdb"; }

  TempFolder folder_;
  GatewayConfig config_ = test_config(folder_);
  std::mt19937_64 random_{11};
  TestClock clock_;
  FakeCloud cloud_;
};

TEST_F(RecoveryTest, AKillBeforeTheCheckpointLosesWhatWasNotAcceptedAndNamesTheGap) {
  auto gateway = open();
  accept(*gateway, 50);
  checkpoint(*gateway);
  const int64_t durable = gateway->stats().last_durable_ns;
  accept(*gateway, 30);
  gateway.reset();
  clock_.advance_ms(5000);
  gateway = open();
  const RecoveryReport& report = gateway->recovery();
  EXPECT_FALSE(report.clean_stop);
  EXPECT_FALSE(report.fresh);
  EXPECT_EQ(report.inherited_partials, 20U);
  ASSERT_TRUE(report.gap);
  EXPECT_EQ(report.gap->from_ns, durable);
  EXPECT_EQ(report.gap->to_ns, clock_.now.wall_ns);
  EXPECT_EQ(report.gap->cause, wire::GapCause::kCrash);
  drain(*gateway, cloud_, clock_);
  EXPECT_EQ(total_count(cloud_), 50U);
  ASSERT_EQ(cloud_.gaps.size(), 1U);
  EXPECT_EQ(cloud_.gaps[0].from_ns, durable);
}

TEST_F(RecoveryTest, ACleanStopLosesNothingAndSaysSo) {
  auto gateway = open();
  accept(*gateway, 50);
  ASSERT_TRUE(gateway->close(clock_.now).ok());
  gateway.reset();
  clock_.advance_ms(60'000);
  gateway = open();
  EXPECT_TRUE(gateway->recovery().clean_stop);
  EXPECT_EQ(gateway->recovery().gap->cause, wire::GapCause::kStopped);
  drain(*gateway, cloud_, clock_);
  EXPECT_EQ(total_count(cloud_), 50U);
  EXPECT_EQ(gateway->stats().accepted_total, 50U);
}

TEST_F(RecoveryTest, ASecondProcessIsRefused) {
  auto gateway = open();
  auto second = GatewayCore::open(
      config_, [this] { return random_(); }, clock_.now);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
}

TEST_F(RecoveryTest, AnotherTenantsDataIsRefusedNamingBothUntilItIsSent) {
  auto gateway = open();
  accept(*gateway, 5);
  ASSERT_TRUE(gateway->close(clock_.now).ok());
  gateway.reset();
  GatewayConfig other = config_;
  other.tenant = "globex";
  auto refused = GatewayCore::open(
      other, [this] { return random_(); }, clock_.now);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kMismatch);
  EXPECT_NE(refused.error().message.find("acme"), std::string::npos);
  EXPECT_NE(refused.error().message.find("globex"), std::string::npos);
  gateway = open();
  drain(*gateway, cloud_, clock_);
  EXPECT_EQ(total_count(cloud_), 5U);
  clock_.advance_ms(100);
  ASSERT_TRUE(gateway->close(clock_.now).ok());
  gateway.reset();
  gateway = open_or_die(other, random_, clock_.now);
  ASSERT_NE(gateway, nullptr);
  EXPECT_EQ(gateway->recovery().predecessor, 0U);
  EXPECT_EQ(gateway->stats().accepted_total, 0U);
}

// Found by the simulator: the outbox that an earlier run had moved aside was then told as damaged once more.
TEST_F(RecoveryTest, ARunThatDiesWhileTheFileBeginsAnewUnderAnotherNameMovesNothingAside) {
  std::filesystem::create_directories(folder_.path() + "/outbox.corrupt-1");
  auto gateway = open();
  drain(*gateway, cloud_, clock_);
  ASSERT_TRUE(gateway->close(clock_.now).ok());
  gateway.reset();
  GatewayConfig other = config_;
  other.tenant = "globex";
  struct Death {};
  EXPECT_THROW((void)GatewayCore::open(
                   other, [this] { return random_(); }, clock_.now, [](CommitPoint) { throw Death{}; }),
               Death);
  gateway = open_or_die(other, random_, clock_.now);
  ASSERT_NE(gateway, nullptr);
  EXPECT_FALSE(gateway->recovery().moved_aside);
  EXPECT_EQ(gateway->recovery().predecessor, 0U);
}

TEST_F(RecoveryTest, AWipedGatewayBeginsWithoutPredecessorAndIsNoticed) {
  auto gateway = open();
  accept(*gateway, 5);
  drain(*gateway, cloud_, clock_);
  gateway.reset();
  std::filesystem::remove_all(folder_.path() + "/outbox");
  gateway = open();
  accept(*gateway, 7);
  drain(*gateway, cloud_, clock_);
  EXPECT_EQ(total_count(cloud_), 12U);
  EXPECT_EQ(cloud_.alarms.back(), ledger::Alarm::kWiped);
}

TEST_F(RecoveryTest, AnOlderCopyRestoredAfterMoreWasSentDoublesNothing) {
  auto gateway = open();
  accept(*gateway, 40);
  checkpoint(*gateway);
  gateway.reset();
  std::filesystem::copy(folder_.path() + "/outbox", folder_.path() + "/copy", std::filesystem::copy_options::recursive);
  gateway = open();
  accept(*gateway, 10, "e");
  drain(*gateway, cloud_, clock_);
  EXPECT_EQ(total_count(cloud_), 50U);
  gateway.reset();
  std::filesystem::remove_all(folder_.path() + "/outbox");
  std::filesystem::rename(folder_.path() + "/copy", folder_.path() + "/outbox");
  gateway = open();
  accept(*gateway, 8, "f");
  drain(*gateway, cloud_, clock_);
  EXPECT_EQ(total_count(cloud_), 58U) << "what was born since merges, what was inherited is parked";
  EXPECT_GT(cloud_.parked, 0U);
  EXPECT_NE(cloud_.alarms.back(), ledger::Alarm::kNone);
}

TEST_F(RecoveryTest, OneCardClonedIntoTwoGatewaysRaisesAnAlarmAndDoublesNothing) {
  auto gateway = open();
  accept(*gateway, 40);
  checkpoint(*gateway);
  gateway.reset();
  TempFolder clone;
  std::filesystem::copy(folder_.path() + "/outbox", clone.path() + "/outbox", std::filesystem::copy_options::recursive);
  GatewayConfig cloned = config_;
  cloned.state_dir = clone.path();
  cloned.machine_id[0] = 9;
  auto first = open();
  auto second = open_or_die(cloned, random_, clock_.now);
  accept(*first, 10, "e");
  accept(*second, 10, "f");
  drain(*first, cloud_, clock_);
  drain(*second, cloud_, clock_);
  EXPECT_EQ(total_count(cloud_), 60U);
  EXPECT_GT(cloud_.parked, 0U);
  EXPECT_NE(cloud_.alarms.back(), ledger::Alarm::kNone);
}

TEST_F(RecoveryTest, ATruncatedOrUnreadableFileIsMovedAsideAndANewOneBeginsWithAGap) {
  auto gateway = open();
  accept(*gateway, 40);
  checkpoint(*gateway);
  gateway.reset();
  const std::string whole = read_bytes(file());
  int moved = 0;
  for (const std::string& damaged :
       {whole.substr(0, kPage / 2), whole.substr(0, 3 * kPage), std::string(whole.size(), '\0'), std::string("text"),
        std::string(2 * kPage, '\x5a')}) {
    write_bytes(file(), damaged);
    gateway = open();
    ASSERT_NE(gateway, nullptr);
    if (!gateway->recovery().moved_aside) continue;  // an empty file is a new one
    ++moved;
    EXPECT_TRUE(std::filesystem::exists(gateway->recovery().moved_to));
    ASSERT_TRUE(gateway->recovery().gap);
    EXPECT_EQ(gateway->recovery().gap->cause, wire::GapCause::kOutboxReplaced);
    EXPECT_EQ(gateway->recovery().predecessor, 0U);
    FakeCloud cloud;
    accept(*gateway, 3);
    drain(*gateway, cloud, clock_);
    EXPECT_EQ(total_count(cloud), 3U);
    EXPECT_EQ(cloud.gaps.size(), 1U);
    gateway.reset();
  }
  EXPECT_GE(moved, 3);
}

TEST_F(RecoveryTest, ATableWhoseNameIsDamagedIsNotTakenForMissing) {
  auto gateway = open();
  accept(*gateway, 40);
  checkpoint(*gateway);
  gateway.reset();
  std::string bytes = read_bytes(file());
  int found = 0;
  for (size_t at = bytes.find("checkpoint"); at != std::string::npos; at = bytes.find("checkpoint", at + 1), ++found) {
    bytes[at + 1] ^= 1;
  }
  ASSERT_GT(found, 0);
  write_bytes(file(), bytes);
  gateway = open();
  ASSERT_NE(gateway, nullptr);
  EXPECT_TRUE(gateway->recovery().moved_aside);
}

TEST_F(RecoveryTest, AnEntryAmongTheTablesThatIsNoTableIsDamage) {
  auto gateway = open();
  accept(*gateway, 40);
  checkpoint(*gateway);
  gateway.reset();
  std::string bytes = read_bytes(file());
  int found = 0;
  for (size_t at = bytes.find("checkpoint"); at != std::string::npos; at = bytes.find("checkpoint", at + 1), ++found) {
    bytes[at - 4] ^= 2;  // LMDB's mark of a table, in the node's flags before its key
  }
  ASSERT_GT(found, 0);
  write_bytes(file(), bytes);
  gateway = open();
  ASSERT_NE(gateway, nullptr);
  EXPECT_TRUE(gateway->recovery().moved_aside);
}

TEST_F(RecoveryTest, ARunThatDiesRightAfterMovingTheFileAsideLeavesTheGapToTheNext) {
  auto gateway = open();
  accept(*gateway, 40);
  checkpoint(*gateway);
  gateway.reset();
  write_bytes(file(), std::string(2 * kPage, '\x5a'));
  struct Killed {};
  EXPECT_THROW((void)open_or_die(config_, random_, clock_.now, [](CommitPoint) { throw Killed{}; }), Killed);
  gateway = open();
  ASSERT_NE(gateway, nullptr);
  EXPECT_TRUE(gateway->recovery().moved_aside);
  EXPECT_EQ(gateway->recovery().moved_to, folder_.path() + "/outbox.corrupt-1");
  ASSERT_TRUE(gateway->recovery().gap);
  EXPECT_EQ(gateway->recovery().gap->cause, wire::GapCause::kOutboxReplaced);
  // Said once.
  gateway.reset();
  gateway = open();
  EXPECT_FALSE(gateway->recovery().moved_aside);
  EXPECT_EQ(gateway->recovery().gap->cause, wire::GapCause::kCrash);
}

// Prepares an outbox with flight, waiting and a checkpoint; how many readings are in it.
uint64_t prepare(GatewayCore& gateway, TestClock& clock) {
  uint64_t count = 0;
  for (int i = 0; i < 1500; ++i, ++count) {
    EXPECT_TRUE(gateway.accept(
        test::number("d" + std::to_string(i % 300), "m", clock.now.wall_ns - (i / 300) * 60 * kNanosPerSecond, i),
        clock.now));
  }
  clock.advance_ms(20'000);
  EXPECT_TRUE(gateway.tick(clock.now).ok());
  for (int i = 0; i < 50; ++i, ++count) {
    EXPECT_TRUE(gateway.accept(test::number("d" + std::to_string(i), "m", std::nullopt, i), clock.now));
  }
  clock.advance_ms(1100);
  EXPECT_TRUE(gateway.tick(clock.now).ok());
  return count;
}

// Starts on a damaged file: it must come up, and say so if anything is missing.
void start_on(const GatewayConfig& config, std::mt19937_64& random, TestClock clock, uint64_t count, int& moved,
              int& named) {
  auto gateway = open_or_die(config, random, clock.now);
  ASSERT_NE(gateway, nullptr);
  FakeCloud cloud;
  drain(*gateway, cloud, clock);
  if (gateway->recovery().moved_aside) {
    ++moved;
    EXPECT_FALSE(cloud.gaps.empty());
    return;
  }
  if (total_count(cloud) != count) {
    ++named;
    EXPECT_LT(total_count(cloud), count);
    EXPECT_FALSE(cloud.losses.empty()) << count - total_count(cloud) << " readings are gone without a word";
  }
}

TEST_F(RecoveryTest, APageOfZerosIsNeverSilent) {
  auto gateway = open();
  const uint64_t count = prepare(*gateway, clock_);
  gateway.reset();
  const std::string whole = read_bytes(file());
  int moved = 0, named = 0;
  for (size_t page = 0; page < whole.size() / kPage; ++page) {
    if (whole.compare(page * kPage, kPage, std::string(kPage, '\0')) == 0) continue;
    SCOPED_TRACE("page " + std::to_string(page));
    std::string damaged = whole;
    damaged.replace(page * kPage, kPage, std::string(kPage, '\0'));
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) std::filesystem::remove_all(entry);
    std::filesystem::create_directories(folder_.path() + "/outbox");
    write_bytes(file(), damaged);
    start_on(config_, random_, clock_, count, moved, named);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(moved, 10);
}

TEST_F(RecoveryTest, AFlippedBitIsNeverSilent) {
  auto gateway = open();
  const uint64_t count = prepare(*gateway, clock_);
  gateway.reset();
  std::string whole = read_bytes(file());
  size_t used = 0;
  for (size_t i = 0; i < whole.size(); i += kPage) {
    if (whole.compare(i, kPage, std::string(kPage, '\0')) != 0) used = i + kPage;
  }
  int moved = 0, named = 0;
  for (int flip = 0; flip < 400; ++flip) {
    const size_t bit = random_() % (used * 8);
    SCOPED_TRACE("bit " + std::to_string(bit));
    whole[bit / 8] = static_cast<char>(whole[bit / 8] ^ (1 << (bit % 8)));
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) std::filesystem::remove_all(entry);
    std::filesystem::create_directories(folder_.path() + "/outbox");
    write_bytes(file(), whole);
    start_on(config_, random_, clock_, count, moved, named);
    if (HasFailure()) return;
    whole[bit / 8] = static_cast<char>(whole[bit / 8] ^ (1 << (bit % 8)));
  }
  std::printf("400 flipped bits: %d outboxes moved aside, %d with partials named lost at the gateway\n", moved, named);
  EXPECT_GT(named, 20);
}

TEST_F(RecoveryTest, AFlippedBitInAStoredPartialIsLostAtTheGatewayUnderItsSeq) {
  auto gateway = open();
  accept(*gateway, 20);
  clock_.advance_ms(20'000);
  ASSERT_TRUE(gateway->tick(clock_.now).ok());
  gateway.reset();
  // The content of seq 2 or beyond is found by its encoded summary.
  stats::Summary summary;
  summary.add(kStartNs, 0);
  const std::string needle = encoded(summary);
  std::string whole = read_bytes(file());
  int hits = 0;
  for (size_t at = whole.find(needle); at != std::string::npos; at = whole.find(needle, at + 1)) {
    whole[at + needle.size() / 2] = static_cast<char>(whole[at + needle.size() / 2] ^ 1);
    ++hits;
  }
  ASSERT_GT(hits, 0);
  write_bytes(file(), whole);
  gateway = open();
  EXPECT_FALSE(gateway->recovery().moved_aside);
  drain(*gateway, cloud_, clock_);
  EXPECT_EQ(total_count(cloud_), 19U);
  EXPECT_EQ(cloud_.losses.size(), 1U);
  EXPECT_EQ(cloud_.ledger.lost_count(), 1U);
}

// Else the wrong seq would be settled as lost, and the right one never: the gateway would be behind for ever.
TEST_F(RecoveryTest, AFlippedBitInTheKeyOfAStoredPartialIsMended) {
  auto gateway = open();
  accept(*gateway, 20);
  clock_.advance_ms(20'000);
  ASSERT_TRUE(gateway->tick(clock_.now).ok());
  const uint64_t last = gateway->stats().flight_items;
  ASSERT_GT(last, 1U);
  gateway.reset();
  gateway = open();  // the partials are now an older epoch's
  gateway.reset();
  const std::string key = FlightKey{1, last}.encode();
  std::string whole = read_bytes(file());
  int hits = 0;
  for (size_t at = whole.find(key); at != std::string::npos; at = whole.find(key, at + 1), ++hits) {
    whole[at + key.size() - 1] = static_cast<char>(whole[at + key.size() - 1] ^ 0x40);
  }
  ASSERT_GT(hits, 0);
  write_bytes(file(), whole);
  gateway = open();
  EXPECT_FALSE(gateway->recovery().moved_aside);
  drain(*gateway, cloud_, clock_);
  EXPECT_EQ(total_count(cloud_), 20U);
  EXPECT_EQ(cloud_.ledger.lost_count(), 0U);
  EXPECT_TRUE(cloud_.losses.empty());
}

TEST_F(RecoveryTest, AHundredRestartsWhileTheCloudIsAwayKeepEverythingInOrder) {
  uint64_t count = 0;
  for (int run = 0; run < 100; ++run) {
    auto gateway = open();
    accept(*gateway, 10);
    count += 10;
    checkpoint(*gateway);
    while (gateway->next_message(clock_.now)) {
    }
  }
  auto gateway = open();
  EXPECT_EQ(gateway->stats().accepted_total, count);
  drain(*gateway, cloud_, clock_);
  EXPECT_EQ(total_count(cloud_), count);
  EXPECT_EQ(cloud_.openings.size(), 101U);
  for (ledger::Alarm alarm : cloud_.alarms) EXPECT_EQ(alarm, ledger::Alarm::kNone);
  EXPECT_EQ(cloud_.parked, 0U);
}

TEST_F(RecoveryTest, AFormatOfANewerVersionIsRefusedAndLeftAlone) {
  auto gateway = open();
  accept(*gateway, 5);
  checkpoint(*gateway);
  gateway.reset();
  {
    auto env =
        store::Env::open({.path = folder_.path() + "/outbox", .map_bytes = config_.budget_bytes, .tables_max = 8});
    ASSERT_TRUE(env.ok());
    auto meta = (*env)->table("meta");
    ASSERT_TRUE(meta.ok());
    std::string content, sealed;
    encode_identity({"acme", "attic"}, content);
    content[0] = static_cast<char>(kOutboxVersion + 1);
    seal("identity", content, sealed);
    ASSERT_TRUE((*env)
                    ->write([&](store::Txn& txn) {
                      txn.put(*meta, "identity", sealed);
                      return true;
                    })
                    .ok());
  }
  auto refused = GatewayCore::open(
      config_, [this] { return random_(); }, clock_.now);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_TRUE(std::filesystem::exists(file()));
}

}  // namespace
}  // namespace tributary::edge
