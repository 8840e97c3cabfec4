// SPDX-License-Identifier: Apache-2.0
// Federation::members: what every aggregator tells of itself, and why one does not.
#include <utility>

#include "cloud/cluster/federation.h"

namespace tributary::cluster {
namespace {

// False: no answer of that aggregator.
bool read(const std::string& answer, const Layout& layout, SystemMember& member) {
  AnswerHead head;
  std::optional<Error> error;
  SystemBody body;
  if (!decode_answer(as_bytes(answer), head, error, body) || head.ordinal != member.ordinal ||
      head.replicas != layout.replicas || head.partitions != layout.partitions) {
    return false;
  }
  if (error) {
    // An aggregator that was not upgraded yet takes this for no question at all.
    member.absence = error->code == ErrorCode::kInvalid    ? query::kOtherVersion
                     : error->code == ErrorCode::kMismatch ? "mismatch"
                                                           : query::kUnreadable;
    return true;
  }
  if (body.part.service) {
    for (const auto& one : body.part.service->partitions) {
      if (one.partition >= layout.partitions || one.partition % layout.replicas != member.ordinal) return false;
    }
  }
  member.part = std::move(body.part);
  return true;
}

}  // namespace

std::vector<SystemMember> Federation::members(const std::string& tenant, int64_t now_ns) const {
  Question one = question(Op::kSystem, tenant);
  one.now_ns = now_ns;
  std::vector<SystemMember> all;
  std::vector<Peers::Ask> asks;
  std::string own;
  for (uint32_t ordinal = 0; ordinal < layout_.replicas; ++ordinal) {
    all.push_back({.ordinal = ordinal, .partitions = layout_.partitions_of(ordinal)});
    one.ordinal = ordinal;
    if (ordinal == layout_.ordinal) {
      own = encode(one);
    } else {
      asks.push_back({.ordinal = ordinal, .question = encode(one)});
    }
  }
  peers_.ask(asks, [&] { CHECK(read(own_.answer(as_bytes(own)), layout_, all[layout_.ordinal])); });
  for (const Peers::Ask& ask : asks) {
    SystemMember& member = all[ask.ordinal];
    if (!ask.answer) {
      member.absence = ask.failure;
    } else if (!read(*ask.answer, layout_, member)) {
      member.absence = "bad_answer";
      peers_.distrust(ask.ordinal, member.absence);
    }
  }
  return all;
}

}  // namespace tributary::cluster
