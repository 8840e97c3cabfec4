// SPDX-License-Identifier: Apache-2.0
// CHECK: our own bugs stop the program, in release builds too. Never used for bad input or failing devices.
#pragma once

#if defined(TRIBUTARY_FREESTANDING)
#define TRIBUTARY_CHECK_FAILED(text) __builtin_trap()
#else
namespace tributary {
// Prints the failed condition with its place to standard error and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace tributary
#define TRIBUTARY_CHECK_FAILED(text) ::tributary::check_failed(text, __FILE__, __LINE__)
#endif

#define CHECK(condition)                  \
  do {                                    \
    if (!(condition)) [[unlikely]]        \
      TRIBUTARY_CHECK_FAILED(#condition); \
  } while (false)
