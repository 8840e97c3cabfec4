// SPDX-License-Identifier: Apache-2.0
// FAULTS 21 for the aggregator's state: whatever a disk does to its file, it is refused by name, or the program stops
// with a line and refuses it at the next start, or what is read is what was merged. Never a signal, never another
// number.
#include "tests/support/damage.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "common/runtime/faults.h"
#include "common/store/env.h"
#include "tests/cloud/merge/support/scenario.h"

namespace tributary::merge {
namespace {

using testing::Folder;
using testing::Random;

constexpr int kAsMerged = 0, kStopped = store::kExitDamaged, kRefused = 20, kOtherwise = 21, kUnnamed = 22;

class StateDamage : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_ = testing::make_scenario(7, {.records = 300});
    auto writer = testing::open_state(config());
    merge_some(*writer, 250);
    first_ = writer->state().digest();
    writer.reset();
    whole_ = test::read_file(file());
    std::filesystem::copy(folder_.path("state"), folder_.path("whole"));
    writer = testing::open_state(config());
    merge_some(*writer, scenario_.records.size());
    second_ = writer->state().digest();
  }
  WriterConfig config() { return testing::state_config(folder_.path("state")); }
  std::string file() const { return folder_.path("state") + "/data.mdb"; }
  void merge_some(StateWriter& writer, size_t end) {
    while (writer.position() < end) {
      const size_t count = std::min<size_t>(10, end - writer.position());
      EXPECT_TRUE(writer.merge(scenario_.records.slice(writer.position(), count)).ok());
    }
  }
  void put_back() {
    std::filesystem::remove_all(folder_.path("state"));
    std::filesystem::copy(folder_.path("whole"), folder_.path("state"));
  }
  // Opens it, and merges what is left.
  int use() {
    return test::outcome([&] {
      runtime::explain_file_faults("test");
      auto writer = StateWriter::open(config());
      if (!writer) {
        return writer.error().message.find(folder_.path("state")) == std::string::npos ? kUnnamed : kRefused;
      }
      if ((*writer)->position() != 250 || (*writer)->state().digest() != first_) return kOtherwise;
      while ((*writer)->position() < scenario_.records.size()) {
        const size_t left = scenario_.records.size() - (*writer)->position();
        const auto batch = scenario_.records.slice((*writer)->position(), std::min<size_t>(left, 10));
        if (!(*writer)->merge(batch).ok()) return kRefused;
      }
      return (*writer)->state().digest() == second_ ? kAsMerged : kOtherwise;
    });
  }

  Folder folder_;
  testing::Scenario scenario_;
  std::string whole_, first_, second_;
};

TEST_F(StateDamage, IsRefusedByNameOrChangesNothing) {
  std::map<int, int> outcomes;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    put_back();
    std::string what;
    test::write_file(file(), test::damaged(whole_, seed, what));
    const int first = use();
    ++outcomes[first];
    EXPECT_TRUE(first == kAsMerged || first == kRefused || first == kStopped) << what << ": " << first;
    if (first == kStopped) {
      EXPECT_EQ(use(), kRefused) << what << ", at the next start";
    }
  }
  for (const auto& [code, count] : outcomes) std::printf("outcome %d: %d\n", code, count);
  EXPECT_GT(outcomes[kRefused], 50);
}

// Damage that comes while it is open ends the program with a line; the next start looks at everything and refuses.
TEST_F(StateDamage, ThatComesWhileItIsOpenStopsTheProgramAndIsFoundAtTheNextStart) {
  for (const bool cut : {false, true}) {
    put_back();
    const int code = test::outcome([&] {
      runtime::explain_file_faults("test");
      auto writer = StateWriter::open(config());
      if (!writer) return kRefused;
      if (cut) {
        std::filesystem::resize_file(file(), 2 * 4096);
      } else {
        std::string bytes = whole_;
        for (size_t at = 2 * 4096 + 2000; at < bytes.size(); at += 4096) bytes[at] = static_cast<char>(bytes[at] ^ 1);
        std::fstream out(file(), std::ios::in | std::ios::out | std::ios::binary);
        out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      }
      (void)(*writer)->state().digest();
      return kOtherwise;
    });
    EXPECT_EQ(code, kStopped) << (cut ? "cut" : "flipped");
    EXPECT_EQ(use(), kRefused);
  }
}

// A state made before values had checksums goes on without them.
TEST_F(StateDamage, AFileWithoutChecksumsIsReadAsItIs) {
  const std::string path = folder_.path("plain");
  {
    auto env = store::Env::open({.path = path, .map_bytes = 1 << 20, .sync = false});
    ASSERT_TRUE(env.ok());
    const store::Table table = *(*env)->table("t");
    ASSERT_TRUE((*env)->write([&](store::Txn& txn) { return txn.put(table, "a", "1"), true; }).ok());
  }
  auto env = store::Env::open({.path = path, .map_bytes = 1 << 20, .sync = false, .sealed = true});
  ASSERT_TRUE(env.ok());
  const store::Table table = *(*env)->table("t");
  ASSERT_TRUE((*env)->write([&](store::Txn& txn) { return txn.put(table, "b", "2"), true; }).ok());
  EXPECT_EQ((*env)->read()->get(table, "a"), "1");
  EXPECT_EQ((*env)->read()->get(table, "b"), "2");
  EXPECT_TRUE((*env)->check_values(1000)->complete);
}

}  // namespace
}  // namespace tributary::merge
