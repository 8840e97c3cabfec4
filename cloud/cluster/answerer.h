// SPDX-License-Identifier: Apache-2.0
// Answerer: this aggregator's part of other aggregators' answers: encoded questions in, encoded answers out. It asks
// nobody else, so two aggregators never wait for each other. Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "cloud/cluster/layout.h"
#include "cloud/cluster/wire.h"
#include "cloud/query/local.h"

namespace tributary::cluster {

class Answerer {
 public:
  static constexpr uint32_t kWaitMsMax = 1'000;

  // local is over the partitions of layout.ordinal and must outlive it. log_id: of the log the states are tied to.
  // system: what kSystem tells; may be null.
  Answerer(const query::LocalQuery& local, const Layout& layout, std::function<uint64_t()> log_id,
           TellSystem system = nullptr)
      : local_(local), layout_(layout), log_id_(std::move(log_id)), system_(std::move(system)) {}

  // An answer, or an error as an answer. kInvalid: these bytes are no question; kMismatch: the asker knows another
  // cluster; kFull: the answer would be longer than kAnswerBytesMax.
  std::string answer(Bytes question) const;

  // Call after a commit, and at the end: wakes the questions that wait.
  void changed();
  void stop();

 private:
  AnswerHead head() const { return {layout_.replicas, layout_.partitions, layout_.ordinal}; }
  std::string answer(const Question& question) const;
  std::string answer_head(const Question& question) const;
  std::string answer_series(const Question& question) const;
  std::string answer_changes(const Question& question) const;
  std::string answer_rows(const Question& question) const;

  const query::LocalQuery& local_;
  const Layout layout_;
  const std::function<uint64_t()> log_id_;
  const TellSystem system_;
  mutable std::mutex mutex_;
  mutable std::condition_variable woken_;
  bool stopped_ = false;
};

}  // namespace tributary::cluster
