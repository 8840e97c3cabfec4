// SPDX-License-Identifier: Apache-2.0
#include "edge/run/clock.h"

#include <sys/timex.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "common/base/hex.h"

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
  const auto bytes = from_hex(text);
  if (bytes && bytes->size() == id.size()) std::copy(bytes->begin(), bytes->end(), id.begin());
  return id;
}

}  // namespace tributary::edge
