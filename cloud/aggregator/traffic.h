// SPDX-License-Identifier: Apache-2.0
// Traffic: how many records a tenant sent in each minute of the last hour, and how long they took from the gateway's
// mark (a POST: from its append to the log) to the commit. In memory only: it begins anew with the process. Bounded:
// the tenants heard of last are kept. Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/query/question/system.h"

namespace tributary::api {

class Traffic {
 public:
  static constexpr int64_t kMinutes = 60;
  static constexpr size_t kTenantsMax = 256;

  struct Minute {
    int64_t start_s = 0;
    uint64_t messages = 0, posts = 0, rejected = 0;
    std::array<uint32_t, query::DelayBuckets::kCount> delays{};
  };

  // A record that was merged. Statuses are not counted.
  void add(const log::Record& record, int64_t committed_ns);
  // The minutes that had records, ascending, none older than an hour.
  std::vector<Minute> minutes(const std::string& tenant, int64_t now_ns) const;

  static size_t bucket_of(int64_t delay_ns);

 private:
  struct Tenant {
    std::array<Minute, kMinutes> ring;
    std::list<std::string>::iterator place;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Tenant> tenants_;
  std::list<std::string> order_;  // the one heard of last comes first
};

}  // namespace tributary::api
