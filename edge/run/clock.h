// SPDX-License-Identifier: Apache-2.0
// What the operating system says of its clock: whether it is synchronised, and which boot this is.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace tributary::edge {

// True if the kernel's clock is synchronised (adjtimex: STA_UNSYNC is clear, as an NTP client leaves it). Where a file
// is named by which a time service says so, its existence is asked for instead.
bool is_clock_synchronised(const std::string& synchronised_file);

// Random bits made at each boot; all zero where the system has none.
std::array<uint8_t, 16> read_boot_id();

}  // namespace tributary::edge
