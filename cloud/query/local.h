// SPDX-License-Identifier: Apache-2.0
// LocalQuery: a Query over the states of this process, and its contributions to the answers of other aggregators.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cloud/query/parts.h"
#include "cloud/query/query.h"

namespace tributary::query {

class LocalQuery : public Query {
 public:
  // The states, ascending by partition, must outlive it.
  static std::unique_ptr<LocalQuery> make(std::vector<const state::State*> partitions);

  virtual Result<CompletenessPart> completeness_part(const Selection& selection, const Range& range,
                                                     int64_t now_ns) const = 0;
  virtual Result<NewestPart> newest_part(const Selection& selection, WidthS window_s) const = 0;
  // The chosen window, merged; unfit_s > 0: the stored width that does not divide it.
  virtual Result<stats::Summary> newest_sum(const Selection& selection, WidthS window_s, const NewestChoice& choice,
                                            WidthS* unfit_s) const = 0;
  // As series(); when there are more than rows_max, each row's key goes to too_many instead.
  using RowKeySink = std::function<void(const std::string& group, const Row& row)>;
  virtual Result<SeriesFacts> series_part(const Selection& selection, const Range& range, WidthS step_s,
                                          const std::string& by, uint64_t rows_max, const RowSink& sink,
                                          const RowKeySink& too_many) const = 0;
};

}  // namespace tributary::query
