// SPDX-License-Identifier: Apache-2.0
// A series of the wire is judged as everywhere (common/series/names.h).
#include "common/series/names.h"
#include "common/stats/kinds.h"
#include "common/wire/message.h"

namespace tributary::wire {
DecodeError check_series_view(const SeriesView& series) {
  if (!kind_from(series.kind) || series.label_count > series.labels.size()) return DecodeError::kBadSeries;
  const auto labels = std::span(series.labels).first(series.label_count);
  const SeriesVerdict verdict = judge_series(series.device, series.metric, labels, series.overflow);
  return verdict.fault == SeriesFault::kNone ? DecodeError::kNone : DecodeError::kBadSeries;
}

}  // namespace tributary::wire
