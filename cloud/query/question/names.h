// SPDX-License-Identifier: Apache-2.0
// Whether devices that a question names exist, and what a wrong name may have meant.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cloud/query/question.h"

namespace tributary::query {

class Query;

// Which of the devices the tenant ever had a reading of; with near, the names nearest to the first of them as well,
// among the first kNamesRead of each partition.
struct AskNames {
  static constexpr uint8_t kOp = 15;
  static constexpr size_t kNamesRead = 20'000;
  static constexpr size_t kNearTold = 3;
  std::string tenant;
  std::vector<std::string> devices;  // unique
  bool near = false;

  void put(Out& out) const;
  bool get(In& in);
  struct Near {
    uint64_t distance = 0;
    std::string device;
    auto operator<=>(const Near&) const = default;
  };
  struct Part {
    std::vector<std::string> known;
    std::vector<Near> near;
  };
  Result<Part> answer(const Snapshots& snapshots) const;
  static void add(Part& all, Part&& more);
  struct Names {
    std::vector<std::string> unknown;  // in the question's order
    std::vector<std::string> near;     // the nearest first
  };
  using Answer = Names;
  Result<Answer> conclude(Part&& part, const Coverage&) const;
};
void put(Out& out, const AskNames::Part& part);
bool get(In& in, AskNames::Part& part);
void put(Out& out, const AskNames::Near& near);
bool get(In& in, AskNames::Near& near);

// Those of the devices that no partition knows, and the names nearest to the first of them.
Result<AskNames::Names> unknown_devices(const Query& query, const std::string& tenant,
                                        const std::vector<std::string>& devices);

}  // namespace tributary::query
