// SPDX-License-Identifier: Apache-2.0
// The heads of questions and answers as bytes: see wire.h.
#include "cloud/cluster/wire.h"

namespace tributary::cluster {
namespace {

constexpr uint32_t kQuestionMagic = 0x51425254;  // "TRBQ"
constexpr uint32_t kAnswerMagic = 0x41425254;    // "TRBA"
constexpr uint8_t kVersion = 3;

void put_speaker(query::Out& out, const AnswerHead& head) {
  out.fixed32(kAnswerMagic);
  out.u8(kVersion).varint(head.replicas).varint(head.partitions).varint(head.ordinal);
}

}  // namespace

void put(query::Out& out, const QuestionHead& head) {
  out.fixed32(kQuestionMagic);
  out.u8(kVersion).varint(head.replicas).varint(head.partitions).varint(head.ordinal).u8(head.op).u8(head.traced);
}

bool get(query::In& in, QuestionHead& head) {
  if (in.fixed32() != kQuestionMagic || in.u8() != kVersion) return false;
  head.replicas = in.u32();
  head.partitions = in.u32();
  head.ordinal = in.u32();
  head.op = in.u8();
  return in.flag(head.traced);
}

std::string encode_error(const AnswerHead& head, const Error& error) {
  query::Out out;
  put_speaker(out, head);
  out.u8(static_cast<uint8_t>(static_cast<uint8_t>(error.code) + 1));
  out.text(error.message.substr(0, query::kNoteBytesMax));
  return out.take();
}

void put(query::Out& out, const AnswerHead& head) {
  put_speaker(out, head);
  out.u8(0).u8(head.trace.has_value());
  if (head.trace) put(out, *head.trace);
}

bool get(query::In& in, AnswerHead& head, std::optional<Error>& error) {
  error.reset();
  head.trace.reset();
  if (in.fixed32() != kAnswerMagic || in.u8() != kVersion) return false;
  head.replicas = in.u32();
  head.partitions = in.u32();
  head.ordinal = in.u32();
  const uint8_t status = in.u8();
  if (!in.ok()) return false;
  if (status == 0) {
    bool traced = false;
    return in.flag(traced) && (!traced || get(in, head.trace.emplace()));
  }
  if (status > static_cast<uint8_t>(ErrorCode::kUnsupported) + 1) return false;
  error.emplace().code = static_cast<ErrorCode>(status - 1);
  return in.text(error->message, query::kNoteBytesMax) && in.done();
}

}  // namespace tributary::cluster
