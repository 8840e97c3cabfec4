// SPDX-License-Identifier: Apache-2.0
// Answerer, see answerer.h.
#include "cloud/cluster/answerer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "cloud/query/questions.h"

namespace tributary::cluster {

Answerer::Answerer(const query::LocalQuery& local, const Layout& layout, std::function<uint64_t()> log_id,
                   query::TellSystem system)
    : local_(local),
      layout_(layout),
      self_{.log_id = std::move(log_id),
            .place = [this](const query::Place& known, uint32_t wait_ms) { return wait(known, wait_ms); },
            .system = std::move(system)} {}

void Answerer::changed() {
  { std::lock_guard lock(mutex_); }  // who looks at the place under the lock waits before this, or sees the change
  woken_.notify_all();
}

void Answerer::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  woken_.notify_all();
}

query::Place Answerer::wait(const query::Place& known, uint32_t wait_ms) const {
  {
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, std::chrono::milliseconds(std::min(wait_ms, kWaitMsMax)),
                    [&] { return stopped_ || local_.place() != known; });
  }
  return local_.place();
}

std::string Answerer::answer(Bytes bytes) const {
  query::In in(bytes);
  QuestionHead asked;
  std::string answer;
  const auto visit = [&]<class Q>() { answer = this->answer<Q>(asked, in); };
  if (!get(in, asked) || !query::Questions::with(asked.op, visit) || answer.empty()) {
    return encode_error(head(), {ErrorCode::kInvalid, "found " + std::to_string(bytes.size()) +
                                                          " bytes that are no question of this version"});
  }
  if (answer.size() > kAnswerBytesMax) return encode_error(head(), query::too_large());
  return answer;
}

// Empty: the bytes are no such question.
template <class Q>
std::string Answerer::answer(const QuestionHead& asked, query::In& in) const {
  Q question;
  if (!question.get(in) || !in.done()) return {};
  if (asked.replicas != layout_.replicas || asked.partitions != layout_.partitions ||
      asked.ordinal != layout_.ordinal) {
    auto text = [](uint32_t ordinal, uint32_t replicas, uint32_t partitions) {
      return "ordinal " + std::to_string(ordinal) + " of " + std::to_string(replicas) + " with " +
             std::to_string(partitions) + " partitions";
    };
    return encode_error(head(), {ErrorCode::kMismatch,
                                 "asked as " + text(asked.ordinal, asked.replicas, asked.partitions) +
                                     ", but this is " + text(layout_.ordinal, layout_.replicas, layout_.partitions)});
  }
  AnswerHead told = head();
  if (asked.traced) told.trace.emplace();
  const auto part = local_.part(question, self_, told.trace ? &*told.trace : nullptr);
  return part ? encode_answer(told, *part) : encode_error(told, part.error());
}

}  // namespace tributary::cluster
