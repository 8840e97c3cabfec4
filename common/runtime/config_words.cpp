// SPDX-License-Identifier: Apache-2.0
// Names are compared by Damerau's distance; a line is looked at for the few mistakes that people make in TOML.
#include "common/runtime/config_words.h"

#include <algorithm>
#include <cctype>

namespace tributary::runtime {
namespace {

// Letters changed, added, dropped, or swapped with their neighbour.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

std::string_view line_of(std::string_view text, uint32_t line) {
  for (uint32_t i = 1; i < line && !text.empty(); ++i) {
    const size_t end = text.find('\n');
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return trim(text.substr(0, text.find('\n')));
}

bool is_bare(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == '"' || c == ' ';
  });
}

// What is wrong with KEY = VALUE; empty if nothing plain is.
std::string explain_value(const std::string& key, std::string_view value) {
  if (value.empty() || value.front() == '#') return "found " + key + " without a value, expected " + key + " = …";
  const char first = value.front();
  if (first == '"' || first == '\'') {
    const bool closed = value.find(first, 1) != std::string_view::npos;
    return closed ? "found more behind the text of " + key + ", expected the end of the line or a # comment"
                  : "found no closing quote of " + key + ", expected " + first + " at the end of its text";
  }
  if (first == '[' || first == '{') {
    return "found no end of the list or table of " + key + ", expected " + (first == '[' ? "]" : "}") +
           " and commas between its entries";
  }
  const std::string word = lower(value.substr(0, value.find_first_of(" #\t")));
  if (word == "true" || word == "false" || word == "yes" || word == "no" || word == "on" || word == "off") {
    return "found " + key + " = " + word + " in another spelling, expected true or false, in small letters";
  }
  return "found a value of " + key + " that is neither text in quotes, a number, true nor false, expected " + key +
         " = \"…\"";
}

}  // namespace

std::string nearest_name(std::string_view word, const std::vector<std::string>& names) {
  const std::string mine = lower(word);
  std::string best;
  size_t least = std::string::npos;
  for (const std::string& name : names) {
    const size_t steps = distance(mine, lower(name));
    if (steps <= std::max<size_t>(1, name.size() / 3) && steps < least) {
      least = steps;
      best = name;
    }
  }
  return best;
}

std::string expected_names(std::string_view word, std::vector<std::string> names) {
  if (names.empty()) return "nothing here";
  std::sort(names.begin(), names.end());
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  const std::string nearest = nearest_name(word, names);
  if (names.size() == 1) return all;
  return nearest.empty() ? "one of " + all : nearest + " (the nearest), or another of " + all;
}

std::string explain_syntax(std::string_view text, uint32_t line, std::string_view parser_says) {
  // The parser may stand at the end of the text, behind the line that it missed something in.
  while (line > 1 && line_of(text, line).empty()) --line;
  const std::string_view found = line_of(text, line);
  if (parser_says.find("redefine") != std::string_view::npos) {
    return "found a key or table for the second time, expected each once";
  }
  if (found.starts_with("[")) {
    const bool array = found.starts_with("[[");
    const std::string_view end = array ? "]]" : "]";
    if (found.find(end) == std::string_view::npos) {
      return "found the head of a table without its end, expected " + std::string(array ? "[[name]]" : "[name]");
    }
    return "found the head of a table that cannot be read, expected [name] or [[name]] alone on its line";
  }
  const size_t equals = found.find('=');
  const std::string key(trim(found.substr(0, equals)));
  if (equals == std::string_view::npos) return "found a line without =, expected key = value, [table] or # comment";
  if (!is_bare(key)) return "found a name with unusual letters before =, expected it in quotes: \"name\" = …";
  std::string why = explain_value(key, trim(found.substr(equals + 1)));
  return why.empty() ? std::string(parser_says) : why;
}

}  // namespace tributary::runtime
