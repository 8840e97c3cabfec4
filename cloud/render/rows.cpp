// SPDX-License-Identifier: Apache-2.0
// RowsAnswer, see rows.h.
#include "cloud/render/rows.h"

namespace tributary::api {

RowsAnswer::RowsAnswer(const RowsHead& head, WidthS step_s) : head_(head) {
  if (head_.csv) {
    csv_ = "group,start,width" + csv_columns(head_.stats) + "\n";
    return;
  }
  json_.begin_object().field("metric", head_.metric).field("unit", head_.unit);
  json_.field("from", time_text(head_.from_ns))
      .field("to", time_text(head_.to_ns))
      .field("step", step_s)
      .field("by", head_.by);
  if (!head_.tz.empty()) json_.field("tz", head_.tz);
  json_.key("series").begin_array();
}

void RowsAnswer::add(const std::string& group, const query::Row& row, const stats::Summary& summary) {
  const RateBasis basis{head_.kind, static_cast<double>(row.width_s)};
  if (head_.csv) {
    append_csv_text(csv_, group);
    csv_ += "," + time_text_s(row.start_s) + "," + std::to_string(row.width_s);
    append_csv_values(csv_, summary, head_.stats, basis);
    csv_ += "\n";
    return;
  }
  if (group_ != group) {
    if (group_) json_.end_array().end_object();
    json_.begin_object().field("group", group).key("rows").begin_array();
    group_ = group;
  }
  json_.begin_object().field("start", time_text_s(row.start_s)).field("width", row.width_s);
  write_summary(json_, summary, head_.stats, basis);
  json_.end_object();
}

void RowsAnswer::end_rows() {
  if (head_.csv) return;
  if (group_) json_.end_array().end_object();
  json_.end_array();
}

}  // namespace tributary::api
