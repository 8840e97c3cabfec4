// SPDX-License-Identifier: Apache-2.0
// The list of a state's tables: each is opened, and each is hashed or says why not.
#include "cloud/state/tables.h"

#include <gtest/gtest.h>

#include <set>

#include "cloud/state/digest.h"
#include "tests/support/temp_dir.h"

namespace tributary::state {
namespace {

class TablesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto env = store::Env::open({.path = dir_.path(), .map_bytes = 1 << 24, .sync = false});
    ASSERT_TRUE(env.ok()) << env.error().message;
    env_ = std::move(*env);
    auto tables = open_tables(*env_);
    ASSERT_TRUE(tables.ok()) << tables.error().message;
    tables_ = *tables;
  }
  void put(store::Table table, std::string_view key, std::string_view value) {
    ASSERT_TRUE(env_->write([&](store::Txn& txn) {
                      txn.put(table, key, value);
                      return true;
                    })
                    .ok());
  }

  test::TempDir dir_;
  std::unique_ptr<store::Env> env_;
  Tables tables_;
};

TEST_F(TablesTest, EachIsListedOnceAndNamedOnce) {
  std::set<std::string> names;
  std::set<store::Table> opened;
  for (const TableRow& row : kTables) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name << " stands twice in kTables";
    EXPECT_TRUE(opened.insert(tables_.*row.table).second) << row.name << " opens another row's member of Tables";
  }
  EXPECT_EQ(*env_->table_count(), std::size(kTables));
}

TEST_F(TablesTest, EachChangesTheDigestOrSaysWhyNot) {
  const std::set<std::string> may_differ = {"meta", "retired", "log_gaps"};
  for (const TableRow& row : kTables) {
    const std::string before = digest_of(*env_, tables_);
    put(tables_.*row.table, "some key", "some value");
    const bool hashed = digest_of(*env_, tables_) != before;
    EXPECT_NE(hashed, may_differ.contains(row.name)) << row.name << (hashed ? " is hashed" : " is not hashed");
    EXPECT_EQ(hashed, row.not_hashed == nullptr) << row.name << ": kTables and the digest disagree";
  }
}

// Computed by an implementation of its own: SHA-256 over each text behind its length as eight big-endian bytes.
TEST_F(TablesTest, TheDigestOfOneRowATableIsKept) {
  put(tables_.meta, "format", "1");
  put(tables_.meta, "head", "head bytes");
  for (const TableRow& row : kTables) {
    if (row.not_hashed == nullptr) put(tables_.*row.table, std::string("key of ") + row.name, "value");
  }
  EXPECT_EQ(digest_of(*env_, tables_), "c53138bdf6befd85736e44bc3ed4c24fc2d65838dfa65671faf11eb5ea4abc76");
}

}  // namespace
}  // namespace tributary::state
