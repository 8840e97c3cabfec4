// SPDX-License-Identifier: Apache-2.0
// Federation::members: what every aggregator tells of itself, and why one does not. It is no answer made of parts: who
// tells nothing is named with the reason.
#include <utility>

#include "cloud/cluster/federation.h"
#include "cloud/query/question/system.h"

namespace tributary::cluster {
namespace {

// False: no answer of that aggregator.
bool read(const std::string& answer, const Layout& layout, query::SystemMember& member) {
  AnswerHead head;
  std::optional<Error> error;
  query::AskSystem::Part part;
  if (!decode_answer(as_bytes(answer), head, error, part) || head.ordinal != member.ordinal ||
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
  if (part.size() != 1 || !query::AskSystem::sound(part, {.partitions = member.partitions})) return false;
  member.part = std::move(part.front());
  return true;
}

}  // namespace

std::vector<query::SystemMember> Federation::members(const std::string& tenant, int64_t now_ns) const {
  const query::AskSystem question{tenant, now_ns};
  std::vector<query::SystemMember> all;
  std::vector<Peers::Ask> asks;
  for (uint32_t ordinal = 0; ordinal < layout_.replicas; ++ordinal) {
    all.push_back({.ordinal = ordinal, .partitions = layout_.partitions_of(ordinal)});
    if (ordinal != layout_.ordinal) {
      asks.push_back({.ordinal = ordinal, .question = encode(head(question.kOp, ordinal), question)});
    }
  }
  peers_.ask(asks, [&] {
    query::SystemMember& own = all[layout_.ordinal];
    CHECK(read(own_.answer(as_bytes(encode(head(question.kOp, own.ordinal), question))), layout_, own));
  });
  for (const Peers::Ask& ask : asks) {
    query::SystemMember& member = all[ask.ordinal];
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
