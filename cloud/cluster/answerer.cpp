// SPDX-License-Identifier: Apache-2.0
// Answerer, see answerer.h.
#include "cloud/cluster/answerer.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tributary::cluster {
namespace {

// Keys of rows that are too many are given up to here, so that the asker can say how many there are.
constexpr uint64_t kKeysMax = kRowsMax;

Error too_large() {
  return {ErrorCode::kFull, "the answer would be longer than " + std::to_string(kAnswerBytesMax >> 20) + " MiB"};
}

query::NamePage page_of(const Question& question) {
  query::NamePage page{.after = question.by};
  if (question.max > 0) page.max = question.max;
  return page;
}

// wrap(value) as the answer, or the error.
template <class T, class Wrap>
std::string told(const AnswerHead& head, Result<T> found, const Wrap& wrap) {
  if (!found) return encode_error(head, found.error());
  return encode_answer(head, wrap(std::move(found).value()));
}

}  // namespace

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

std::string Answerer::answer(Bytes bytes) const {
  Question question;
  if (!decode(bytes, question)) {
    return encode_error(head(), {ErrorCode::kInvalid, "found " + std::to_string(bytes.size()) +
                                                          " bytes that are no question of this version"});
  }
  if (question.replicas != layout_.replicas || question.partitions != layout_.partitions ||
      question.ordinal != layout_.ordinal) {
    auto text = [](uint32_t ordinal, uint32_t replicas, uint32_t partitions) {
      return "ordinal " + std::to_string(ordinal) + " of " + std::to_string(replicas) + " with " +
             std::to_string(partitions) + " partitions";
    };
    return encode_error(head(), {ErrorCode::kMismatch,
                                 "asked as " + text(question.ordinal, question.replicas, question.partitions) +
                                     ", but this is " + text(layout_.ordinal, layout_.replicas, layout_.partitions)});
  }
  std::string answer = this->answer(question);
  if (answer.size() > kAnswerBytesMax) return encode_error(head(), too_large());
  return answer;
}

std::string Answerer::answer(const Question& question) const {
  const std::string& tenant = question.selection.tenant;
  switch (question.op) {
    case Op::kHead:
      return answer_head(question);
    case Op::kMetrics:
      return told(head(), local_.metrics(tenant), [](auto list) { return MetricsBody{std::move(list)}; });
    case Op::kDevices:
      return told(head(), local_.devices_page(tenant, page_of(question)),
                  [](auto list) { return DevicesBody{std::move(list)}; });
    case Op::kGateways:
      return told(head(), local_.gateways_page(tenant, question.now_ns, page_of(question)),
                  [](auto list) { return GatewaysBody{std::move(list)}; });
    case Op::kKnown:
      return encode_answer(head(), KnownBody{local_.known(tenant, question.selection.metric)});
    case Op::kSummary:
      return told(head(), local_.summary(question.selection, question.range), [](const stats::Summary& summary) {
        return SummaryBody{0, encoded_summary(summary)};
      });
    case Op::kSeries:
      return answer_series(question);
    case Op::kNewest:
      return told(head(), local_.newest_part(question.selection, question.width_s),
                  [](const query::NewestPart& part) { return NewestBody{part}; });
    case Op::kNewestSum: {
      WidthS unfit_s = 0;
      auto sum = local_.newest_sum(question.selection, question.width_s, question.choice, &unfit_s);
      return told(head(), std::move(sum), [&](const stats::Summary& summary) {
        return SummaryBody{unfit_s, encoded_summary(summary)};
      });
    }
    case Op::kCompleteness:
      return told(head(), local_.completeness_part(question.selection, question.range, question.now_ns),
                  [](auto part) { return CompletenessBody{std::move(part)}; });
    case Op::kChanges:
      return answer_changes(question);
    case Op::kRows:
      return answer_rows(question);
    case Op::kLast:
      return told(head(), local_.last(question.selection, question.range.to_ns, question.by, question.max),
                  [](auto list) { return LastBody{std::move(list)}; });
    case Op::kSystem:
      if (!system_) return encode_error(head(), {ErrorCode::kUnsupported, "it tells nothing of itself"});
      return told(head(), system_(tenant, question.now_ns), [](auto part) { return SystemBody{std::move(part)}; });
  }
  CHECK(false);
}

std::string Answerer::answer_head(const Question& question) const {
  {
    std::unique_lock lock(mutex_);
    const auto wait = std::chrono::milliseconds(std::min(question.wait_ms, kWaitMsMax));
    woken_.wait_for(lock, wait, [&] { return stopped_ || local_.place() != question.place; });
  }
  return encode_answer(head(), HeadBody{log_id_(), local_.place()});
}

std::string Answerer::answer_series(const Question& question) const {
  SeriesBody body;
  size_t bytes = 0;
  auto add = [&](const std::string& group, const query::Row& row, const stats::Summary& summary) {
    if (bytes > kAnswerBytesMax) return;
    body.rows.push_back({group, row, encoded_summary(summary)});
    bytes += body.rows.back().summary.size();
  };
  auto too_many = [&](const std::string& group, const query::Row& row) {
    if (body.rows.size() < kKeysMax) body.rows.push_back({group, row, ""});
  };
  auto facts = local_.series_part(question.selection, question.range, question.width_s, question.by, question.max, add,
                                  too_many);
  if (!facts) return encode_error(head(), facts.error());
  if (bytes > kAnswerBytesMax) return encode_error(head(), too_large());
  body.facts = *facts;
  return encode_answer(head(), body);
}

std::string Answerer::answer_changes(const Question& question) const {
  ChangesBody body;
  auto changes = local_.changes(question.selection.tenant, question.place, question.max, &body.upto);
  return told(head(), std::move(changes), [&](auto list) {
    body.changes = std::move(list);
    return std::move(body);
  });
}

std::string Answerer::answer_rows(const Question& question) const {
  RowsBody body;
  size_t bytes = 0;
  auto add = [&](size_t index, const stats::Summary& summary) {
    if (bytes > kAnswerBytesMax) return;
    body.rows.emplace_back(index, encoded_summary(summary));
    bytes += body.rows.back().second.size();
  };
  if (Status done = local_.rows(question.selection.tenant, question.keys, add); !done) {
    return encode_error(head(), done.error());
  }
  if (bytes > kAnswerBytesMax) return encode_error(head(), too_large());
  return encode_answer(head(), body);
}

}  // namespace tributary::cluster
