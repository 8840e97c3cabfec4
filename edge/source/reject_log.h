// SPDX-License-Identifier: Apache-2.0
// RejectLog: says what was refused and why, the first time and then at most once a minute for each reason; every one is
// counted by the sink, so that the log never has to be complete.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/reading/reading.h"

namespace tributary::edge {

class RejectLog {
 public:
  void note(reading::Reject reason, const std::string& where, std::string_view found, std::string_view expected,
            int64_t mono_ns);
  // What was left out of an object whose other fields count: said once an hour, since most senders say text with every
  // message.
  void note_left_out(reading::Reject reason, const std::string& where, std::string_view field, int64_t mono_ns);

 private:
  struct Entry {
    int64_t said_ns = 0;
    uint64_t unsaid = 0;
    bool said = false;
  };
  static bool is_due(Entry& entry, int64_t quiet_ns, int64_t mono_ns);
  static std::string rest_of(Entry& entry, int64_t mono_ns);  // it is said now
  std::array<Entry, static_cast<size_t>(reading::Reject::kCount)> entries_{};
};

}  // namespace tributary::edge
