// SPDX-License-Identifier: Apache-2.0
// The same statistics over readings that are floats, for microcontrollers: less memory, the same encoded bytes.
#include "common/stats/summary_inl.h"

namespace tributary::stats {

template class Accumulator<float>;
template class Numeric<float>;
template class SummaryOf<NumberParts<float>>;

}  // namespace tributary::stats
