// SPDX-License-Identifier: Apache-2.0
// The list of sources: which tables [[source.KEY]] there are, and what is made of each. A new source is a file beside
// this one and a line in sources.cpp.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/mqtt/client.h"
#include "common/runtime/config.h"
#include "common/runtime/result.h"
#include "edge/source/source.h"

namespace tributary::edge {

// A subscription at a broker.
struct Subscription {
  std::string url, filter;
};

// What a source may take from the rest of the file.
struct SourceSurroundings {
  std::string gateway;
  mqtt::ClientConfig uplink;
  size_t index = 0;                                    // among the sources of its kind
  std::vector<Subscription>* subscriptions = nullptr;  // of the sources before it; it adds its own
};

// Makes a configured source. wake: gets the main loop out of its sleep; may be called by any thread, until stop().
using MakeSource = std::function<Result<std::unique_ptr<Source>>(const std::function<void()>& wake)>;

struct SourceKind {
  const char* key;
  // Reads and checks its table; complaints go to the table.
  MakeSource (*read)(runtime::ConfigTable table, const SourceSurroundings& surroundings);
};
std::span<const SourceKind> source_kinds();

// Every source of the table [source], in the order of the list.
std::vector<MakeSource> read_sources(runtime::ConfigTable table, SourceSurroundings surroundings);

}  // namespace tributary::edge
