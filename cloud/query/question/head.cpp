// SPDX-License-Identifier: Apache-2.0
// How far an aggregator is: see head.h.
#include "cloud/query/question/head.h"

namespace tributary::query {

void AskHead::put(Out& out) const {
  query::put(out, known);
  out.varint(wait_ms);
}
bool AskHead::get(In& in) {
  if (!query::get(in, known, kPartitionsMax)) return false;
  wait_ms = in.u32();
  return in.ok();
}

Result<AskHead::Part> AskHead::answer(const Self& self) const {
  if (!self.place || !self.log_id) return Error{ErrorCode::kUnsupported, "it tells nothing of itself"};
  return Part{self.log_id(), self.place(known, wait_ms)};
}

void put(Out& out, const AskHead::Part& part) {
  out.varint(part.log_id);
  put(out, part.place);
}
bool get(In& in, AskHead::Part& part) {
  part.log_id = in.varint();
  return get(in, part.place, kPartitionsMax);
}

}  // namespace tributary::query
