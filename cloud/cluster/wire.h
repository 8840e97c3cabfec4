// SPDX-License-Identifier: Apache-2.0
// What stands around questions and parts when aggregators speak to each other, as bounded bytes. Both sides expect
// hostile bytes: decode says false for anything that encode would not have written so far as it matters, and a summary
// that comes out is canonical. Numbers are varints (zigzag where signed), texts have their length before them, lists
// their count. The form is of one version: aggregators of a cluster are upgraded together, and one of another version
// counts as not answering. What the questions are: cloud/query/questions.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cloud/query/codec.h"
#include "cloud/query/trace.h"
#include "common/base/bytes.h"
#include "common/runtime/result.h"

namespace tributary::cluster {

using query::kAnswerBytesMax;
using query::kPartitionsMax;
using query::kQuestionBytesMax;
inline constexpr const char* kPath = "/internal/v1/query";
inline constexpr const char* kSecretHeader = "tributary-cluster-secret";  // lower case

// The cluster as the asker knows it: who knows another one refuses.
struct QuestionHead {
  uint32_t replicas = 1, partitions = 1;
  uint32_t ordinal = 0;  // who is asked
  uint8_t op = 0;
  bool traced = false;  // the answer tells what it cost
};
void put(query::Out& out, const QuestionHead& head);
// Reads the head; what follows is the question's own.
bool get(query::In& in, QuestionHead& head);

template <class Q>
std::string encode(QuestionHead head, const Q& question) {
  head.op = Q::kOp;
  query::Out out;
  put(out, head);
  question.put(out);
  return out.take();
}
template <class Q>
bool decode(Bytes bytes, QuestionHead& head, Q& question) {
  query::In in(bytes);
  return get(in, head) && head.op == Q::kOp && question.get(in) && in.done();
}

// An answer: who speaks, and a part or an error.
struct AnswerHead {
  uint32_t replicas = 1, partitions = 1, ordinal = 0;
  std::optional<query::Trace> trace = std::nullopt;
};
std::string encode_error(const AnswerHead& head, const Error& error);
void put(query::Out& out, const AnswerHead& head);
// Reads the head, and the error if it is one; else the part follows. False: no answer.
bool get(query::In& in, AnswerHead& head, std::optional<Error>& error);

template <class Part>
std::string encode_answer(const AnswerHead& head, const Part& part) {
  query::Out out;
  put(out, head);
  put(out, part);
  return out.take();
}
// False: not an answer with such a part. If an error was answered, the part is empty.
template <class Part>
bool decode_answer(Bytes bytes, AnswerHead& head, std::optional<Error>& error, Part& part) {
  part = Part{};
  query::In in(bytes);
  if (!get(in, head, error)) return false;
  return error.has_value() || (get(in, part) && in.done());
}

}  // namespace tributary::cluster
