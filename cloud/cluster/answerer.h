// SPDX-License-Identifier: Apache-2.0
// Answerer: this aggregator's part of other aggregators' answers: encoded questions in, encoded parts out. It asks
// nobody else, so two aggregators never wait for each other. Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "cloud/cluster/layout.h"
#include "cloud/cluster/wire.h"
#include "cloud/query/local.h"
#include "cloud/query/question/system.h"

namespace tributary::cluster {

class Answerer {
 public:
  static constexpr uint32_t kWaitMsMax = 1'000;

  // local is over the partitions of layout.ordinal and must outlive it. log_id: of the log the states are tied to.
  // system: what this aggregator tells of itself; may be null.
  Answerer(const query::LocalQuery& local, const Layout& layout, std::function<uint64_t()> log_id,
           query::TellSystem system = nullptr);

  // A part, or an error as an answer. kInvalid: these bytes are no question; kMismatch: the asker knows another
  // cluster; kFull: the answer would be longer than kAnswerBytesMax.
  std::string answer(Bytes question) const;
  // What questions are answered from that are not of the states.
  const query::Self& self() const { return self_; }

  // Call after a commit, and at the end: wakes the questions that wait.
  void changed();
  void stop();

 private:
  template <class Q>
  std::string answer(const QuestionHead& head, query::In& in) const;
  AnswerHead head() const { return {layout_.replicas, layout_.partitions, layout_.ordinal}; }
  query::Place wait(const query::Place& known, uint32_t wait_ms) const;

  const query::LocalQuery& local_;
  const Layout layout_;
  const query::Self self_;
  mutable std::mutex mutex_;
  mutable std::condition_variable woken_;
  bool stopped_ = false;
};

}  // namespace tributary::cluster
