// SPDX-License-Identifier: Apache-2.0
// The list: see sources.h.
#include "edge/source/sources.h"

#include "edge/source/file_source.h"
#include "edge/source/mqtt_source.h"

namespace tributary::edge {
namespace {

constexpr SourceKind kSources[] = {
    {"mqtt", &MqttSource::read},
    {"file", &FileSource::read},
};

}  // namespace

std::span<const SourceKind> source_kinds() { return kSources; }

std::vector<MakeSource> read_sources(runtime::ConfigTable table, SourceSurroundings surroundings) {
  std::vector<MakeSource> sources;
  std::vector<Subscription> subscriptions;
  surroundings.subscriptions = &subscriptions;
  for (const SourceKind& kind : kSources) {
    surroundings.index = 0;
    for (const runtime::ConfigTable& one : table.tables(kind.key)) {
      sources.push_back(kind.read(one, surroundings));
      ++surroundings.index;
    }
  }
  return sources;
}

}  // namespace tributary::edge
