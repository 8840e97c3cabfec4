// SPDX-License-Identifier: Apache-2.0
// Configuration: one TOML file, read once, validated once. Every complaint has the form
// "file:line: found X, expected Y"; keys nobody asked for are complaints too. Used by every main.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/runtime/result.h"

namespace tributary::runtime {

// As a complaint shows a text that was found.
inline std::string quoted(const std::string& text) { return '"' + text + '"'; }

// One table of the file. Getters return the default where the key is absent and note a complaint where it does not fit.
// Copies share the document. Not thread-safe.
class ConfigTable {
 public:
  std::string text(std::string_view key, std::string_view otherwise = "");
  std::string required_text(std::string_view key);
  int64_t integer(std::string_view key, int64_t otherwise, int64_t least, int64_t greatest);
  double number(std::string_view key, double otherwise);
  bool boolean(std::string_view key, bool otherwise);
  std::vector<std::string> texts(std::string_view key, std::vector<std::string> otherwise = {});
  // A table of this name; an empty one if absent.
  ConfigTable table(std::string_view key);
  // [[key]], an array of tables; empty if absent.
  std::vector<ConfigTable> tables(std::string_view key);
  // The keys of this table, for tables whose keys are names ([labels], [metrics.*]). Does not count as asking for them.
  std::vector<std::string> keys() const;
  bool has(std::string_view key) const;
  // The path of a file, or of a folder, that must be there and can be read; empty if the key is absent.
  std::string readable_file(std::string_view key);
  std::string folder(std::string_view key);
  // A secret from KEY_file (its first line) or from the environment variable named by KEY_env; empty if neither is set.
  // A file that others than its user and group may read is complained of.
  std::string secret(std::string_view key);
  // Everything in this table and the tables below it as text, by dotted name, for properties that are passed through:
  // a.b = 1 and "a.b" = "1" are the same. NAME_file and NAME_env give NAME as secret() does.
  std::map<std::string, std::string> properties();
  // A complaint of the program's own about the value of key.
  void complain(std::string_view key, std::string_view found, std::string_view expected);

  struct Document;

 private:
  friend class Config;
  std::shared_ptr<Document> document_;
  const void* node_ = nullptr;  // toml::table, or nothing
  std::string path_;
};

class Config {
 public:
  // kNotFound, kInvalid (not TOML, with its line).
  static Result<Config> load(const std::string& file);
  static Result<Config> parse(const std::string& text, const std::string& name);
  ConfigTable root();
  // After all getters were called: every complaint, and every key that nobody asked for with the names that were, the
  // nearest first; one a line.
  Status finish();

 private:
  std::shared_ptr<ConfigTable::Document> document_;
};

}  // namespace tributary::runtime
