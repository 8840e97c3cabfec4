// SPDX-License-Identifier: Apache-2.0
// TOML by toml++, kept out of every other file: see config.h.
#include "common/runtime/config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "common/runtime/config_words.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace tributary::runtime {

struct ConfigTable::Document {
  std::string name;
  toml::table root;
  std::set<const toml::node*> asked;
  std::map<std::string, std::set<std::string>> names;  // table (without numbers) → the keys that were asked for
  std::vector<std::pair<uint32_t, std::string>> complaints;

  void complain(const toml::node* node, const std::string& found, std::string_view expected) {
    const uint32_t line = node == nullptr ? 0 : node->source().begin.line;
    std::string place = name;
    if (line > 0) place += ":" + std::to_string(line);
    complaints.emplace_back(line, place + ": found " + found + ", expected " + std::string(expected));
  }
};

namespace {

std::string show(const toml::node& node) {
  std::ostringstream out;
  node.visit([&out](const auto& value) { out << value; });
  std::string text = out.str();
  return text.size() > 80 ? text.substr(0, 77) + "..." : text;
}

std::string join(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

// source.mqtt[0] and source.mqtt[1] have the same keys.
std::string without_numbers(const std::string& path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    if (c == '[') inside = true;
    if (!inside) out += c;
    if (c == ']') inside = false;
  }
  return out;
}

// What is wrong with a file or folder, in words; empty if it is there, of its kind, and can be read.
std::string trouble_of(const std::string& path, bool folder) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return std::strerror(errno);
  if (S_ISDIR(found.st_mode) != folder) return folder ? "Is no directory" : "Is a directory";
  return access(path.c_str(), R_OK) == 0 ? "" : std::strerror(errno);
}

// Names and permissions of a secret's file: others must not be able to read it.
std::string trouble_of_secret(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0 || (found.st_mode & S_IROTH) == 0) return "";
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(found.st_mode & 07777));
  return std::string("mode ") + mode + ": everybody on this machine may read it";
}

const toml::node* find(ConfigTable::Document& document, const void* table, const std::string& path,
                       std::string_view key) {
  document.names[without_numbers(path)].emplace(key);
  if (table == nullptr) return nullptr;
  const toml::node* node = static_cast<const toml::table*>(table)->get(key);
  if (node != nullptr) document.asked.insert(node);
  return node;
}

// The line of the first letter beyond ASCII that stands neither in quotes nor in a comment; 0: there is none. Debian's
// toml++ 3.3.0 takes such a letter (U+00A0 to U+0499) for what cannot happen, which leaves its behaviour undefined.
int stray_letter_line(std::string_view text) {
  int line = 1;
  std::string_view quote;  // what ends the string that is open
  for (size_t i = text.starts_with("\xEF\xBB\xBF") ? 3 : 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      if (quote.size() == 1) quote = {};  // not closed: the parser says so
    } else if (!quote.empty()) {
      if (c == '\\' && quote[0] == '"' && i + 1 < text.size() && text[i + 1] != '\n') {
        ++i;
      } else if (text.substr(i).starts_with(quote)) {
        i += quote.size() - 1;
        quote = {};
      }
    } else if (c == '#') {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (c == '"' || c == '\'') {
      const std::string_view rest = text.substr(i);
      quote = rest.substr(0, rest.starts_with("\"\"\"") || rest.starts_with("'''") ? 3 : 1);
      i += quote.size() - 1;
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      return line;
    }
  }
  return 0;
}

}  // namespace

std::string ConfigTable::text(std::string_view key, std::string_view otherwise) {
  const toml::node* node = find(*document_, node_, path_, key);
  if (node == nullptr) return std::string(otherwise);
  if (auto value = node->value_exact<std::string>()) return *value;
  document_->complain(node, join(path_, key) + " = " + show(*node), "a string");
  return std::string(otherwise);
}

std::string ConfigTable::required_text(std::string_view key) {
  std::string value = text(key);
  if (value.empty() && (!has(key) || find(*document_, node_, path_, key)->is_string())) {
    document_->complain(static_cast<const toml::table*>(node_), "no " + join(path_, key), "a string that is not empty");
  }
  return value;
}

int64_t ConfigTable::integer(std::string_view key, int64_t otherwise, int64_t least, int64_t greatest) {
  const toml::node* node = find(*document_, node_, path_, key);
  if (node == nullptr) return otherwise;
  auto value = node->value_exact<int64_t>();
  if (value && *value >= least && *value <= greatest) return *value;
  document_->complain(node, join(path_, key) + " = " + show(*node),
                      "a whole number from " + std::to_string(least) + " to " + std::to_string(greatest));
  return otherwise;
}

double ConfigTable::number(std::string_view key, double otherwise) {
  const toml::node* node = find(*document_, node_, path_, key);
  if (node == nullptr) return otherwise;
  if (node->is_number()) return *node->value<double>();
  document_->complain(node, join(path_, key) + " = " + show(*node), "a number");
  return otherwise;
}

bool ConfigTable::boolean(std::string_view key, bool otherwise) {
  const toml::node* node = find(*document_, node_, path_, key);
  if (node == nullptr) return otherwise;
  if (auto value = node->value_exact<bool>()) return *value;
  document_->complain(node, join(path_, key) + " = " + show(*node), "true or false");
  return otherwise;
}

std::vector<std::string> ConfigTable::texts(std::string_view key, std::vector<std::string> otherwise) {
  const toml::node* node = find(*document_, node_, path_, key);
  if (node == nullptr) return otherwise;
  std::vector<std::string> out;
  if (const toml::array* array = node->as_array()) {
    for (const toml::node& item : *array) {
      if (auto value = item.value_exact<std::string>()) {
        out.push_back(*value);
      } else {
        document_->complain(&item, join(path_, key) + " has " + show(item), "strings");
      }
    }
    return out;
  }
  document_->complain(node, join(path_, key) + " = " + show(*node), "an array of strings");
  return otherwise;
}

ConfigTable ConfigTable::table(std::string_view key) {
  ConfigTable out;
  out.document_ = document_;
  out.path_ = join(path_, key);
  const toml::node* node = find(*document_, node_, path_, key);
  if (node != nullptr && !node->is_table())
    document_->complain(node, join(path_, key) + " = " + show(*node), "a table");
  if (node != nullptr) out.node_ = node->as_table();
  return out;
}

std::vector<ConfigTable> ConfigTable::tables(std::string_view key) {
  std::vector<ConfigTable> out;
  const toml::node* node = find(*document_, node_, path_, key);
  if (node == nullptr) return out;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    document_->complain(node, join(path_, key) + " = " + show(*node), "[[" + join(path_, key) + "]]");
    return out;
  }
  for (const toml::node& item : *array) {
    if (!item.is_table()) {
      document_->complain(&item, join(path_, key) + " has " + show(item), "tables");
      continue;
    }
    document_->asked.insert(&item);
    ConfigTable table;
    table.document_ = document_;
    table.path_ = join(path_, key) + "[" + std::to_string(out.size()) + "]";
    table.node_ = item.as_table();
    out.push_back(table);
  }
  return out;
}

std::vector<std::string> ConfigTable::keys() const {
  std::vector<std::string> out;
  if (node_ == nullptr) return out;
  for (const auto& [key, node] : *static_cast<const toml::table*>(node_)) out.emplace_back(key.str());
  return out;
}

bool ConfigTable::has(std::string_view key) const {
  document_->names[without_numbers(path_)].emplace(key);
  return node_ != nullptr && static_cast<const toml::table*>(node_)->contains(key);
}

std::string ConfigTable::readable_file(std::string_view key) {
  std::string path = text(key);
  const std::string trouble = path.empty() ? "" : trouble_of(path, false);
  if (!trouble.empty()) complain(key, path + " (" + trouble + ")", "a file that can be read");
  return path;
}

std::string ConfigTable::folder(std::string_view key) {
  std::string path = text(key);
  const std::string trouble = path.empty() ? "" : trouble_of(path, true);
  if (!trouble.empty()) complain(key, path + " (" + trouble + ")", "a directory that can be read");
  return path;
}

std::string ConfigTable::secret(std::string_view key) {
  const std::string file_key = std::string(key) + "_file";
  const std::string env_key = std::string(key) + "_env";
  const std::string file = text(file_key);
  const std::string variable = text(env_key);
  if (!file.empty()) {
    std::ifstream in(file);
    std::string line;
    if (!std::getline(in, line) || line.empty()) {
      complain(file_key, file + " (missing, unreadable or empty)", "a file whose first line is the secret");
    }
    if (const std::string trouble = trouble_of_secret(file); !trouble.empty()) {
      complain(file_key, file + " (" + trouble + ")", "a file that only its user and group may read: chmod 640");
    }
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.pop_back();
    return line;
  }
  if (!variable.empty()) {
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr || *value == 0) complain(env_key, "no environment variable " + variable, "one that is set");
    return value == nullptr ? "" : value;
  }
  return "";
}

std::map<std::string, std::string> ConfigTable::properties() {
  std::map<std::string, std::string> out;
  for (const std::string& key : keys()) {
    const toml::node* node = find(*document_, node_, path_, key);
    if (node->is_table()) {
      for (auto& [name, value] : table(key).properties()) out[key + "." + name] = value;
      continue;
    }
    bool secret_of = false;
    for (const std::string_view suffix : {"_file", "_env"}) {
      if (!std::string_view(key).ends_with(suffix)) continue;
      const std::string name = key.substr(0, key.size() - suffix.size());
      out[name] = secret(name);
      secret_of = true;
    }
    if (secret_of) continue;
    if (!node->is_string() && !node->is_integer() && !node->is_boolean() && !node->is_floating_point()) {
      document_->complain(node, join(path_, key) + " = " + show(*node), "a string, a number, true or false");
      continue;
    }
    out[key] = node->is_string() ? *node->value_exact<std::string>() : show(*node);
  }
  return out;
}

void ConfigTable::complain(std::string_view key, std::string_view found, std::string_view expected) {
  const toml::node* node = find(*document_, node_, path_, key);
  if (node == nullptr) node = static_cast<const toml::table*>(node_);
  document_->complain(node, join(path_, key) + " = " + std::string(found), expected);
}

Result<Config> Config::load(const std::string& file) {
  if (const std::string trouble = trouble_of(file, false); !trouble.empty()) {
    return Error{ErrorCode::kNotFound,
                 file + ": found no file that can be read (" + trouble + "), expected one in TOML"};
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{ErrorCode::kNotFound, file + ": cannot be read"};
  std::ostringstream text;
  text << in.rdbuf();
  return parse(text.str(), file);
}

Result<Config> Config::parse(const std::string& text, const std::string& name) {
  if (const int line = stray_letter_line(text); line > 0) {
    return Error{ErrorCode::kInvalid, name + ":" + std::to_string(line) + ": " +
                                          explain_syntax(text, static_cast<uint32_t>(line),
                                                         "found a letter beyond ASCII, expected it in quotes")};
  }
  toml::parse_result parsed = toml::parse(text, name);
  if (!parsed) {
    const auto& where = parsed.error().source().begin;
    return Error{ErrorCode::kInvalid, name + ":" + std::to_string(where.line) + ": " +
                                          explain_syntax(text, where.line, parsed.error().description())};
  }
  Config config;
  config.document_ = std::make_shared<ConfigTable::Document>();
  config.document_->name = name;
  config.document_->root = std::move(parsed).table();
  return config;
}

ConfigTable Config::root() {
  ConfigTable out;
  out.document_ = document_;
  out.node_ = &document_->root;
  return out;
}

Status Config::finish() {
  // A table nobody asked for is one complaint; the keys of one that was asked for are looked at one by one.
  const std::function<void(const toml::table&, const std::string&)> walk = [&](const toml::table& table,
                                                                               const std::string& path) {
    for (const auto& [key, node] : table) {
      const std::string name = join(path, key.str());
      if (!document_->asked.contains(&node)) {
        const std::set<std::string>& known = document_->names[path];
        document_->complain(&node, "unknown key " + name, expected_names(key.str(), {known.begin(), known.end()}));
      } else if (const toml::table* inner = node.as_table()) {
        walk(*inner, name);
      } else if (const toml::array* array = node.as_array()) {
        for (const toml::node& item : *array) {
          if (item.is_table() && document_->asked.contains(&item)) walk(*item.as_table(), name);
        }
      }
    }
  };
  walk(document_->root, "");
  if (document_->complaints.empty()) return {};
  std::stable_sort(document_->complaints.begin(), document_->complaints.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string all;
  for (const auto& [line, text] : document_->complaints) all += (all.empty() ? "" : "\n") + text;
  return Error{ErrorCode::kInvalid, all};
}

}  // namespace tributary::runtime
