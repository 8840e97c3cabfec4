// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as an answer of another aggregator (the first byte says to which question), as such a
// question, and as the head of a response. What is accepted holds only canonical summaries and encodes to something
// that reads back the same.
#include "cloud/cluster/scatter.h"
#include "cloud/cluster/wire.h"
#include "cloud/query/questions.h"
#include "common/base/check.h"

namespace {

using namespace tributary;
using namespace tributary::cluster;

template <class Q>
void check_answer(Bytes bytes) {
  AnswerHead head;
  std::optional<Error> error;
  typename Q::Part part;
  if (!decode_answer(bytes, head, error, part) || error) return;
  const std::string again = encode_answer(head, part);
  typename Q::Part read;
  CHECK(decode_answer(as_bytes(again), head, error, read));
  CHECK(encode_answer(head, read) == again);
  // What was read can be added to, whatever it says.
  typename Q::Part all;
  Q::add(all, std::move(part));
  Q::add(all, std::move(read));
}

template <class Q>
void check_question(Bytes bytes) {
  QuestionHead head;
  Q question;
  if (!decode(bytes, head, question)) return;
  const std::string again = encode(head, question);
  Q read;
  CHECK(decode(as_bytes(again), head, read));
  CHECK(encode(head, read) == again);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Bytes bytes(data + 1, size - 1);
  const bool known = query::Questions::with(
      data[0] & 0x7f, [&]<class Q>() { (data[0] & 0x80) != 0 ? check_question<Q>(bytes) : check_answer<Q>(bytes); });
  if (!known) {
    bool broken = false;
    const auto head = parse_response_head(as_text(bytes), &broken);
    CHECK(!head || (!broken && head->head_bytes <= bytes.size() && head->body_bytes <= kAnswerBytesMax));
  }
  return 0;
}
