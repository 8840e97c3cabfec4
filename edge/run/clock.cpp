// SPDX-License-Identifier: Apache-2.0
#include "edge/run/clock.h"

#include <sys/timex.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace tributary::edge {

bool is_clock_synchronised(const std::string& synchronised_file) {
  std::error_code error;
  if (!synchronised_file.empty()) return std::filesystem::exists(synchronised_file, error);
  timex state{};
  return adjtimex(&state) != -1 && (state.status & STA_UNSYNC) == 0;
}

std::array<uint8_t, 16> read_boot_id() {
  std::array<uint8_t, 16> id{};
  std::string text;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> text;
  text.erase(std::remove(text.begin(), text.end(), '-'), text.end());
  if (text.size() != 32 || text.find_first_not_of("0123456789abcdef") != std::string::npos) return id;
  for (size_t i = 0; i < id.size(); ++i) id[i] = static_cast<uint8_t>(std::stoul(text.substr(2 * i, 2), nullptr, 16));
  return id;
}

}  // namespace tributary::edge
