// SPDX-License-Identifier: Apache-2.0
// Summary over readings that are doubles.
#include "common/stats/summary.h"

#include "common/stats/summary_inl.h"

namespace tributary::stats {

bool is_acceptable(double value) { return (std::bit_cast<uint64_t>(value) & kExponentMask) != kExponentMask; }

template class SummaryOf<NumberParts<double>>;

}  // namespace tributary::stats
