// SPDX-License-Identifier: Apache-2.0
// Damage that LMDB itself would not survive, or would answer wrongly, is found before it opens the file.
#include "common/store/file_check.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "common/store/env.h"
#include "tests/support/temp_dir.h"

namespace tributary::store {
namespace {

constexpr size_t kPage = 4096, kHeader = 16, kNode = 8;
constexpr size_t kMeta = kHeader + 24;  // the free list's tree, the main tree, the last page, the transaction

uint64_t word(const std::string& file, size_t at) {
  uint64_t value;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

uint16_t half(const std::string& file, size_t at) {
  uint16_t value;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

class FileCheck : public ::testing::Test {
 protected:
  // A file of so many transactions, each of which writes the same keys anew.
  void make(int transactions, int keys) {
    store::EnvConfig config;
    config.path = folder_.path() + "/outbox";
    config.map_bytes = 4 << 20;
    config.sync = false;
    config.exclusive = true;
    auto env = store::Env::open(config);
    ASSERT_TRUE(env.ok());
    auto table = (*env)->table("table");
    ASSERT_TRUE(table.ok());
    for (int i = 0; i < transactions; ++i) {
      ASSERT_TRUE((*env)
                      ->write([&](store::Txn& txn) {
                        for (int key = 0; key < keys; ++key) {
                          char text[16];
                          std::snprintf(text, sizeof text, "%08d", 10 * key);
                          txn.put(*table, text, std::string(100 + static_cast<size_t>(i), 'x'));
                        }
                        return true;
                      })
                      .ok());
    }
    env->reset();
    std::ifstream in(path(), std::ios::binary);
    whole_.assign(std::istreambuf_iterator<char>(in), {});
    const Status sound = check_file(folder_.path() + "/outbox");
    ASSERT_TRUE(sound.ok()) << sound.error().message;
  }
  std::string path() const { return folder_.path() + "/outbox/data.mdb"; }

  void expect_corrupt(size_t at, const std::string& bytes) {
    std::string damaged = whole_;
    damaged.replace(at, bytes.size(), bytes);
    std::ofstream(path(), std::ios::binary).write(damaged.data(), static_cast<std::streamsize>(damaged.size()));
    const Status status = check_file(folder_.path() + "/outbox");
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kCorrupt);
  }

  test::TempDir folder_;
  std::string whole_;
};

// LMDB aborts the program where the first key of the list is not the least.
TEST_F(FileCheck, TheListOfFreePagesIsInOrderAndOfThePast) {
  make(9, 200);
  size_t meta = kMeta;
  if (word(whole_, kPage + kMeta + 104) > word(whole_, kMeta + 104)) meta += kPage;
  const uint64_t last_txn = word(whole_, meta + 104);
  const size_t page = word(whole_, meta + 40) * kPage;
  ASSERT_EQ(half(whole_, page + 10), 2) << "the list is one leaf";
  const size_t keys = (half(whole_, page + 12) - kHeader) / 2;
  ASSERT_GE(keys, 2U);
  const auto bytes = [](uint64_t value) { return std::string(reinterpret_cast<const char*>(&value), sizeof value); };
  const auto key_at = [&](size_t i) { return page + half(whole_, page + kHeader + 2 * i) + kNode; };
  for (size_t i = 0; i < keys; ++i) {
    SCOPED_TRACE("key " + std::to_string(i) + " of " + std::to_string(keys));
    expect_corrupt(key_at(i), bytes(0));
    expect_corrupt(key_at(i), bytes(last_txn + 1));
    if (i > 0) expect_corrupt(key_at(i), bytes(word(whole_, key_at(i - 1))));
    if (i + 1 < keys) expect_corrupt(key_at(i), bytes(word(whole_, key_at(i + 1))));
  }
}

// Else an entry that a cursor shows could not be erased, and would be sent again and again.
TEST_F(FileCheck, ABranchLeadsToEveryKeyBelowIt) {
  make(1, 2000);
  int branches = 0;
  for (size_t page = 2 * kPage; page + kPage <= whole_.size(); page += kPage) {
    if (word(whole_, page) != page / kPage || half(whole_, page + 10) != 1) continue;
    ++branches;
    const size_t keys = (half(whole_, page + 12) - kHeader) / 2;
    for (size_t i = 1; i < keys; ++i) {
      const size_t at = page + half(whole_, page + kHeader + 2 * i) + kNode;
      std::string key = whole_.substr(at, 8);
      key.back() = static_cast<char>(key.back() + 1);
      expect_corrupt(at, key);
      expect_corrupt(at, "00000000");
    }
  }
  EXPECT_GT(branches, 0);
}

}  // namespace
}  // namespace tributary::store
