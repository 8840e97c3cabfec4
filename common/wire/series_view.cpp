// SPDX-License-Identifier: Apache-2.0
// A series of the wire is judged as everywhere (common/series/names.h).
#include "common/series/names.h"
#include "common/wire/message.h"

namespace tributary::wire {
namespace {

constexpr uint8_t kKindMax = 1;

}  // namespace

DecodeError check_series_view(const SeriesView& series) {
  if (series.kind > kKindMax || series.label_count > series.labels.size()) return DecodeError::kBadSeries;
  const auto labels = std::span(series.labels).first(series.label_count);
  const SeriesVerdict verdict = judge_series(series.device, series.metric, labels, series.overflow);
  return verdict.fault == SeriesFault::kNone ? DecodeError::kNone : DecodeError::kBadSeries;
}

}  // namespace tributary::wire
