// SPDX-License-Identifier: Apache-2.0
// Coarsening: merging waiting partials into wider windows when the budget runs short. Of the width that takes most room
// the oldest go first, so that the past gets coarser by age, each width keeps about an equal share, and the newest stay
// fine.
#include <algorithm>

#include "edge/outbox/outbox.h"
#include "edge/outbox/write.h"

namespace tributary::edge {
namespace {

constexpr size_t kCoarsenPartialsMax = 4096;

// A partial on its way into a wider window.
struct Widened {
  WaitingKey target;
  std::string key, value;
};

}  // namespace

Result<bool> Outbox::coarsen(size_t bytes_max) {
  WidthS width_s = kAllTime;
  uint64_t most = 0;
  for (const auto& [width, count] : waiting_) {
    // Days weigh half: what goes from there into all time has lost its place in time altogether.
    const uint64_t weight = width == 86400 ? count.bytes / 2 : count.bytes;
    if (width == kAllTime || count.partials == 0 || weight < most) continue;
    width_s = width;
    most = weight;
  }
  if (width_s == kAllTime) return false;
  const WidthS wider_s = next_width(width_s);

  bool found = false;
  Status status = run([&](Write& write) {
    std::vector<Widened> sources;
    size_t bytes = 0, bucket_begin = 0;
    {
      store::Cursor cursor(write.txn, tables_.waiting);
      cursor.seek(WaitingKey{width_s, std::numeric_limits<int64_t>::min(), 0, 0}.encode());
      for (; cursor.valid(); cursor.next()) {
        const auto key = WaitingKey::decode(cursor.key());
        if (!key || key->width_s != width_s) break;
        const uint32_t birth = key->birth == write.plan.meta.epoch_index ? key->birth : 0;
        const WaitingKey target{wider_s, window_start_s(key->start_s, wider_s), birth, key->series};
        if (!sources.empty() && sources.back().target.start_s != target.start_s) bucket_begin = sources.size();
        if (bytes > bytes_max || sources.size() >= kCoarsenPartialsMax) break;
        bytes += cursor.value().size();
        sources.push_back({target, std::string(cursor.key()), std::string(cursor.value())});
      }
      // Whole buckets where there is a choice: a target is then written once.
      if (cursor.valid() && bucket_begin > 0 && bucket_begin < sources.size()) sources.resize(bucket_begin);
    }
    found = !sources.empty();
    std::stable_sort(sources.begin(), sources.end(),
                     [](const Widened& a, const Widened& b) { return a.target < b.target; });
    auto summary = std::make_unique<stats::Summary>();
    std::vector<uint8_t> encoded(stats::kSummaryBytesMax);
    for (size_t begin = 0, end = 0; begin < sources.size(); begin = end) {
      uint8_t flags = 0;
      summary->clear();
      for (end = begin; end < sources.size() && sources[end].target == sources[begin].target; ++end) {
        const Widened& source = sources[end];
        const WaitingValue stored = open_waiting(source.key, source.value);
        flags |= stored.flags;
        if (!stored.summary.empty() && !summary->merge_encoded(stored.summary)) flags |= WaitingValue::kLost;
        write.txn.erase(tables_.waiting, source.key);
        WaitingCount& count = write.plan.waiting[width_s];
        count.partials -= 1;
        count.bytes -= source.value.size();
      }
      const size_t size = summary->empty() ? 0 : summary->encode(encoded);
      write.put_waiting(sources[begin].target, flags, Bytes(encoded).first(size));
    }
    write.plan.coarsened += sources.size();
  });
  if (!status) return status.error();
  return found;
}

}  // namespace tributary::edge
