// SPDX-License-Identifier: Apache-2.0
// numeric over readings that are doubles.
#include "common/stats/numeric.h"

#include "common/stats/numeric_inl.h"

namespace tributary::stats {

template class Accumulator<double>;
template class Numeric<double>;

}  // namespace tributary::stats
