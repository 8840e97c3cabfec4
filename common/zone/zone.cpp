// SPDX-License-Identifier: Apache-2.0
// Zones by name, see zone.h. The database's list is read once; a name that is not in it never becomes a path.
#include "common/zone/zone.h"

#include <date/tz.h>

#include <chrono>
#include <map>
#include <stdexcept>
#include <string>

namespace tributary {
namespace {

constexpr size_t kNameBytesMax = 64;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  return out;
}

bool is_portable(const std::string& name) {
  return name != "localtime" && name != "posixrules" && name != "Factory" && !name.starts_with("posix/") &&
         !name.starts_with("right/");
}

std::map<std::string, std::string> read_names() {
  std::map<std::string, std::string> names;
  // The library throws where the system has no database: then there are no zones.
  try {
    for (const date::time_zone& zone : date::get_tzdb().zones) {
      if (is_portable(zone.name())) names.emplace(lower(zone.name()), zone.name());
    }
  } catch (const std::exception&) {
    names.clear();
  }
  return names;
}

}  // namespace

const date::time_zone* find_zone(std::string_view name) {
  static const std::map<std::string, std::string> names = read_names();
  if (name.empty() || name.size() > kNameBytesMax) return nullptr;
  const auto found = names.find(lower(name));
  if (found == names.end()) return nullptr;
  try {
    return date::locate_zone(found->second);
  } catch (const std::exception&) {
    return nullptr;
  }
}

std::function<int64_t(int64_t local_s)> local_time_in(const date::time_zone& zone) {
  return [&zone](int64_t local_s) {
    const date::local_seconds local{std::chrono::seconds(local_s)};
    return int64_t{zone.to_sys(local, date::choose::earliest).time_since_epoch().count()};
  };
}

}  // namespace tributary
