// SPDX-License-Identifier: Apache-2.0
// The list of the questions: each a file in question/ and a line here.
#pragma once

#include "cloud/query/question/catalog.h"
#include "cloud/query/question/changes.h"
#include "cloud/query/question/completeness.h"
#include "cloud/query/question/gateways.h"
#include "cloud/query/question/head.h"
#include "cloud/query/question/last.h"
#include "cloud/query/question/names.h"
#include "cloud/query/question/newest.h"
#include "cloud/query/question/rows.h"
#include "cloud/query/question/system.h"

namespace tributary::query {

template <class... Q>
struct QuestionList {
  // Calls visit.operator()<Q>() for the question of the number. False: there is none.
  template <class Visit>
  static bool with(uint8_t op, const Visit& visit) {
    return ((op == Q::kOp && (visit.template operator()<Q>(), true)) || ...);
  }
  template <class Visit>
  static void each(const Visit& visit) {
    (visit.template operator()<Q>(), ...);
  }
  static constexpr bool all_different() {
    bool seen[256] = {};
    bool fine = true;
    ((fine = fine && !seen[Q::kOp], seen[Q::kOp] = true), ...);
    return fine;
  }
};

using Questions = QuestionList<AskHead, AskMetrics, AskDevices, AskGateways, AskKnown, AskSummary, AskSeries, AskNewest,
                               AskNewestSum, AskCompleteness, AskChanges, AskRows, AskLast, AskSystem, AskNames>;
static_assert(Questions::all_different(), "two questions have one number");

}  // namespace tributary::query
