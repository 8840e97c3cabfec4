// SPDX-License-Identifier: Apache-2.0
// What every program needs around its work: logging, signals, clock, randomness, exit codes.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/time.h"

namespace tributary::runtime {

extern const char* const kVersion;  // the project's, as CMakeLists.txt says it

inline constexpr int kExitConfiguration = 2;  // as for a wrong command line

// Sends spdlog to standard error with time, level and the program's name; level from TRIBUTARY_LOG (debug, info, warn,
// error).
void start_logging(const std::string& program);

// One line each; safe from every thread. Never pass a secret.
void log_info(const std::string& text);
void log_warn(const std::string& text);
void log_error(const std::string& text);

// Blocks SIGTERM and SIGINT in this thread and those started later; ignores SIGPIPE. Call first in main: an EventLoop
// then takes them (on_stop_signal).
void block_stop_signals();

Instant now();              // the wall clock, and the time since boot, with what the machine slept
uint64_t resident_bytes();  // what this process holds of the machine's memory; 0 if the system does not say
uint64_t random_bits();     // 64 bits of the operating system's randomness

}  // namespace tributary::runtime
