// SPDX-License-Identifier: Apache-2.0
// The names of what is refused, and the labels of a reading.
#include "common/reading/reading.h"

#include <algorithm>

namespace tributary::reading {

const char* to_string(Reject reason) {
  switch (reason) {
    case Reject::kBadJson:
      return "bad_json";
    case Reject::kTooDeep:
      return "too_deep";
    case Reject::kTooLarge:
      return "too_large";
    case Reject::kTooMany:
      return "too_many";
    case Reject::kNotANumber:
      return "not_a_number";
    case Reject::kOutOfRange:
      return "out_of_range";
    case Reject::kBadTimestamp:
      return "bad_timestamp";
    case Reject::kFuture:
      return "future";
    case Reject::kBadName:
      return "bad_name";
    case Reject::kNoDevice:
      return "no_device";
    case Reject::kNoValue:
      return "no_value";
    case Reject::kUnknownTopic:
      return "unknown_topic";
    case Reject::kRetained:
      return "retained";
    case Reject::kOutOfOrder:
      return "out_of_order";
    case Reject::kOverload:
      return "overload";
    case Reject::kUnexpectedKey:
      return "unexpected_key";
    case Reject::kTooOld:
      return "too_old";
    case Reject::kTextField:
      return "text_field";
    case Reject::kNullField:
      return "null_field";
    case Reject::kLongArray:
      return "long_array";
    case Reject::kCount:
      break;
  }
  return "unknown";
}

void add_labels(const Reading& reading, std::vector<Label>& labels) {
  const auto said = [&](const Label& label) {
    return (!reading.unit.empty() && label.key == "unit") ||
           std::any_of(reading.labels.begin(), reading.labels.end(),
                       [&](const LabelView& one) { return one.key == label.key; });
  };
  std::erase_if(labels, said);
  for (const LabelView& one : reading.labels) labels.push_back({std::string(one.key), std::string(one.value)});
  if (!reading.unit.empty()) labels.push_back({"unit", std::string(reading.unit)});
  std::sort(labels.begin(), labels.end());
}

}  // namespace tributary::reading
