// SPDX-License-Identifier: Apache-2.0
// Claims about the LMDB face: transactions are all or nothing, full is an error and no crash, a cut file is found at
// opening.
#include "common/store/env.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <lmdb.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <random>

namespace tributary::store {
namespace {

class EnvTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/tributary-store-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    config_.path = name;
    config_.sync = false;
  }
  void TearDown() override { std::filesystem::remove_all(config_.path); }
  EnvConfig config_;
};

TEST_F(EnvTest, KeepsWhatWasCommittedAndNothingElse) {
  auto env = Env::open(config_);
  ASSERT_TRUE(env.ok()) << env.error().message;
  Table table = *(*env)->table("t");
  ASSERT_TRUE((*env)->write([&](Txn& txn) { return txn.put(table, "a", "1"), true; }).ok());
  ASSERT_TRUE((*env)->write([&](Txn& txn) { return txn.put(table, "b", "2"), false; }).ok());
  EXPECT_THROW((void)(*env)->write([&](Txn& txn) -> bool {
    txn.put(table, "c", "3");
    throw 1;
  }),
               int);
  auto txn = (*env)->read();
  EXPECT_EQ(txn->get(table, "a"), "1");
  EXPECT_FALSE(txn->get(table, "b").has_value());
  EXPECT_FALSE(txn->get(table, "c").has_value());
}

TEST_F(EnvTest, WalksInKeyOrderAndErasesUnderTheCursor) {
  auto env = Env::open(config_);
  Table table = *(*env)->table("t");
  ASSERT_TRUE((*env)
                  ->write([&](Txn& txn) {
                    for (char c = 'a'; c <= 'e'; ++c) txn.put(table, std::string(1, c), "v");
                    return true;
                  })
                  .ok());
  ASSERT_TRUE((*env)
                  ->write([&](Txn& txn) {
                    Cursor cursor(txn, table);
                    EXPECT_TRUE(cursor.seek("b"));
                    cursor.erase();
                    EXPECT_EQ(cursor.key(), "c");
                    EXPECT_TRUE(cursor.seek("e"));
                    cursor.erase();
                    EXPECT_FALSE(cursor.valid());
                    return true;
                  })
                  .ok());
  auto txn = (*env)->read();
  Cursor cursor(*txn, table);
  std::string keys;
  for (bool more = cursor.first(); more; more = cursor.next()) keys += cursor.key();
  EXPECT_EQ(keys, "acd");
  EXPECT_TRUE(cursor.last());
  EXPECT_TRUE(cursor.prev());
  EXPECT_EQ(cursor.key(), "c");
}

TEST_F(EnvTest, AFixedBudgetIsFullAndStaysReadable) {
  config_.map_bytes = 1 << 20;
  config_.preallocate = true;
  auto env = Env::open(config_);
  ASSERT_TRUE(env.ok());
  EXPECT_EQ(std::filesystem::file_size(config_.path + "/data.mdb"), 1u << 20);
  Table table = *(*env)->table("t");
  const std::string value(2000, 'x');
  Status status;
  int stored = 0;
  while (status.ok() && stored < 10000) {
    status = (*env)->write([&](Txn& txn) { return txn.put(table, std::to_string(stored), value), true; });
    if (status.ok()) ++stored;
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kFull);
  EXPECT_GT(stored, 100);
  EXPECT_GT((*env)->used_bytes(), 500'000u);
  EXPECT_EQ((*env)->read()->count(table), static_cast<uint64_t>(stored));
  const uint64_t before = (*env)->used_bytes();
  // Copy-on-write needs free pages even to erase: small transactions get through where one large would not.
  for (int i = 0; i < stored / 2; ++i) {
    ASSERT_TRUE((*env)->write([&](Txn& txn) { return txn.erase(table, std::to_string(i)), true; }).ok()) << i;
  }
  EXPECT_LT((*env)->used_bytes(), before);
}

TEST_F(EnvTest, AMapThatMayGrowGrows) {
  config_.map_bytes = 1 << 20;
  config_.map_bytes_max = 1 << 26;
  auto env = Env::open(config_);
  Table table = *(*env)->table("t");
  const std::string value(2000, 'x');
  for (int i = 0; i < 2000; ++i) {
    Status status = (*env)->write([&](Txn& txn) { return txn.put(table, std::to_string(i), value), true; });
    ASSERT_TRUE(status.ok()) << status.error().message;
  }
  EXPECT_GT((*env)->map_bytes(), 1u << 20);
}

// On a small disk of its own, in a child process that alone sees it; its exit code says how far it came.
int write_to_a_full_disk(const std::string& folder) {
  if (::unshare(::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) return 1;
  (void)::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  if (::mount("none", folder.c_str(), "tmpfs", 0, "size=512k") != 0) return 2;
  auto env = Env::open({.path = folder, .map_bytes = 8 << 20});
  if (!env.ok()) return 3;
  const Table table = *(*env)->table("t");
  const std::string value(100'000, 'v');  // consecutive pages, written at once
  Status status;
  for (int i = 0; i < 10 && status.ok(); ++i) {
    status = (*env)->write([&](Txn& txn) { return txn.put(table, std::to_string(i), value), true; });
  }
  if (status.ok()) return 4;
  if (status.error().code != ErrorCode::kFull) return 5;
  if (status.error().message.find("No space left") == std::string::npos) return 6;
  if (::mount("none", folder.c_str(), nullptr, MS_REMOUNT, "size=4m") != 0) return 7;
  return (*env)->write([&](Txn& txn) { return txn.put(table, "later", value), true; }).ok() ? 0 : 8;
}

// The same with a lock file that is to be made anew: as after a backup was put back.
int open_on_a_full_disk(const std::string& folder) {
  if (::unshare(::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) return 1;
  (void)::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  if (::mount("none", folder.c_str(), "tmpfs", 0, "size=512k") != 0) return 2;
  if (!Env::open({.path = folder}).ok()) return 3;
  std::filesystem::remove(folder + "/lock.mdb");
  const int ballast = ::open((folder + "/ballast").c_str(), O_CREAT | O_WRONLY, 0600);
  const std::string block(4096, 'x');
  while (::write(ballast, block.data(), block.size()) > 0) {
  }
  const auto refused = Env::open({.path = folder});
  if (refused.ok() || refused.error().code != ErrorCode::kFull) return 4;
  std::filesystem::remove(folder + "/ballast");
  ::close(ballast);
  return Env::open({.path = folder}).ok() ? 0 : 5;
}

int exit_code_of(int (*body)(const std::string&), const std::string& folder) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body(folder));
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST_F(EnvTest, OpeningOnAFullDiskIsAnErrorAndNoSignal) {
  EXPECT_EQ(exit_code_of(open_on_a_full_disk, config_.path), 0) << "see open_on_a_full_disk; above 1000: a signal";
}

TEST_F(EnvTest, AWriteThatTheEndOfTheDiskCutsShortIsFull) {
  EXPECT_EQ(exit_code_of(write_to_a_full_disk, config_.path), 0) << "see write_to_a_full_disk";
}

TEST_F(EnvTest, ASecondOwnerIsRefused) {
  config_.exclusive = true;
  auto env = Env::open(config_);
  ASSERT_TRUE(env.ok());
  pid_t child = fork();
  if (child == 0) {
    auto second = Env::open(config_);
    _exit(!second.ok() && second.error().code == ErrorCode::kBusy ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(EnvTest, ACutOrForeignFileIsCorrupt) {
  {
    auto env = Env::open(config_);
    Table table = *(*env)->table("t");
    ASSERT_TRUE((*env)->write([&](Txn& txn) { return txn.put(table, "k", std::string(100'000, 'x')), true; }).ok());
  }
  std::filesystem::resize_file(config_.path + "/data.mdb", 32768);
  auto cut = Env::open(config_);
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code, ErrorCode::kCorrupt) << cut.error().message;
}

// LMDB counts pages that a transaction took and gave back, and never writes them. Found by the fault simulator: a log
// that is appended to and trimmed, as here, was sometimes taken for cut.
TEST_F(EnvTest, AFileWhoseLastPagesWereNeverWrittenIsWhole) {
  std::mt19937 random(4);
  const std::string folder = config_.path;
  int unwritten = 0;
  for (int round = 0; round < 60; ++round) {
    config_.path = folder + "/queue" + std::to_string(round);
    const std::string value(500 + random() % 900, 'x');
    int first = 0, end = 0;
    const auto key = [](int number) { return std::to_string(10'000'000 + number); };
    for (int step = 0; step < 5; ++step) {
      const int more = static_cast<int>(random() % 12), less = static_cast<int>(random() % 12);
      {
        auto env = Env::open(config_);
        ASSERT_TRUE(env.ok()) << env.error().message;
        Table table = *(*env)->table("t");
        ASSERT_TRUE((*env)
                        ->write([&](Txn& txn) {
                          for (const int to = end + more; end < to; ++end) txn.put(table, key(end), value);
                          for (const int to = std::min(end, first + less); first < to; ++first) {
                            txn.erase(table, key(first));
                          }
                          return true;
                        })
                        .ok());
      }
      MDB_env* raw = nullptr;
      MDB_envinfo info{};
      ASSERT_EQ(mdb_env_create(&raw), MDB_SUCCESS);
      ASSERT_EQ(mdb_env_open(raw, config_.path.c_str(), MDB_RDONLY | MDB_NOTLS, 0644), MDB_SUCCESS);
      mdb_env_info(raw, &info);
      mdb_env_close(raw);
      unwritten += std::filesystem::file_size(config_.path + "/data.mdb") < (info.me_last_pgno + 1) * 4096;
      auto env = Env::open(config_);
      ASSERT_TRUE(env.ok()) << env.error().message;
      const Table table = *(*env)->table("t");
      EXPECT_EQ((*env)->read()->count(table), static_cast<uint64_t>(end - first));
    }
  }
  config_.path = folder;
  EXPECT_GT(unwritten, 0);
}

TEST_F(EnvTest, ReadOnlyNeedsAnExistingFile) {
  config_.read_only = true;
  auto env = Env::open(config_);
  ASSERT_FALSE(env.ok());
  EXPECT_EQ(env.error().code, ErrorCode::kNotFound);
}

TEST_F(EnvTest, WhatIsStoredIsForItsUserAndGroupOnly) {
  config_.path += "/made";
  config_.exclusive = true;
  const mode_t before = ::umask(0);
  {
    auto env = Env::open(config_);
    ASSERT_TRUE(env.ok()) << env.error().message;
    ASSERT_TRUE((*env)->table("t").ok());
  }
  const auto mode = [&](const std::string& name) {
    return static_cast<unsigned>(std::filesystem::status(config_.path + name).permissions());
  };
  EXPECT_EQ(mode(""), 0750U);
  for (const char* name : {"/data.mdb", "/lock.mdb", "/owner.lock"}) EXPECT_EQ(mode(name), 0640U) << name;
  std::filesystem::permissions(config_.path + "/data.mdb", std::filesystem::perms(0644));
  EXPECT_TRUE(Env::open(config_).ok());
  EXPECT_EQ(mode("/data.mdb"), 0640U) << "also one that was made otherwise";
  ::umask(before);
  config_.path = std::filesystem::path(config_.path).parent_path();
}

}  // namespace
}  // namespace tributary::store
