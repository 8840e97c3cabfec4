// SPDX-License-Identifier: Apache-2.0
// RowsAnswer: rows as they come from a Query, written as JSON or CSV at once; nothing is kept but the text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cloud/query/query.h"
#include "cloud/render/stats.h"

namespace tributary::api {

struct RowsHead {
  std::string metric, unit, by;
  std::string tz;  // empty: UTC
  int64_t from_ns = 0, to_ns = 0;
  MetricKind kind = MetricKind::kGauge;
  std::vector<Stat> stats;
  bool csv = false;
};

class RowsAnswer {
 public:
  RowsAnswer(const RowsHead& head, WidthS step_s);
  // Groups ascending, rows of a group together.
  void add(const std::string& group, const query::Row& row, const stats::Summary& summary);
  // Ends the rows. JSON: the object is still open.
  void end_rows();

  JsonWriter& json() { return json_; }
  std::string take_csv() { return std::move(csv_); }

 private:
  const RowsHead& head_;
  JsonWriter json_;
  std::string csv_;
  std::optional<std::string> group_;
};

}  // namespace tributary::api
