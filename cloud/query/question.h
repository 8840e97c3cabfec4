// SPDX-License-Identifier: Apache-2.0
// What a question is. Each is one type, in a file of its own in question/, and one line of the list in questions.h;
// nothing else knows it by name. Such a type Q has
//   static constexpr uint8_t kOp                     its number between aggregators, for ever
//   fields                                           what is asked
//   void put(Out&) const; bool get(In&)              itself as bounded bytes; get says false to what put would not
//   write using Part                                       what some partitions contribute; its default is nothing at
//   all;
//                                                    put(Out&, const Part&) and get(In&, Part&) stand beside it
//   Result<Part> answer(const Snapshots&) const      the part of one process (or answer(const Self&): not from states)
//   static void add(Part& all, Part&& more)          commutative and associative: partitions may be spread in any way
//   using Answer; Result<Answer> conclude(Part&&, const Coverage&) const
// and, where it has need of it,
//   using Sink; Status stream(const Snapshots&, const Sink&) const
//                                                    goes to a sink row by row; conclude then takes the sink
//   std::optional<Q> for_share(const Share&) const   what one of several aggregators is asked; nothing: it need not be
//   static bool sound(const Part&, const Share&)     false: that aggregator cannot have said this
//   static bool settled(const Part&)                 this process's part says it all, nobody else is asked
//   static constexpr ErrorCode kFinal                an error of one aggregator that stands for all
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cloud/query/codec.h"
#include "cloud/query/types.h"
#include "cloud/state/snapshot.h"
#include "common/base/check.h"
#include "common/runtime/result.h"

namespace tributary::query {

// One instant of some partitions, ascending.
using Snapshots = std::vector<state::Snapshot>;

struct SystemPart;
// What a process tells of itself besides its states; each may be null.
struct Self {
  std::function<uint64_t()> log_id;
  // Its place, as soon as that is another one than known, after wait_ms at the latest.
  std::function<Place(const Place& known, uint32_t wait_ms)> place;
  std::function<Result<SystemPart>(const std::string& tenant, int64_t now_ns)> system;
};

// The share of one of several aggregators.
struct Share {
  std::vector<uint32_t> partitions;  // by their number in a Place, ascending
  Place place;                       // of them, as it is known
  bool up = true;
  uint32_t aggregators = 1;
};

// What an answer was made from.
struct Coverage {
  uint32_t partitions = 1;
  std::vector<uint32_t> missing;  // did not answer; ascending
};

template <class Q>
concept Streams = requires {
  typename Q::Sink;
};
template <class Q>
concept OfStates = requires(const Q& question, const Snapshots& snapshots) {
  question.answer(snapshots);
};

// A question without its type, as those who carry it from one process to another see it.
class AnyQuestion {
 public:
  virtual ~AnyQuestion() = default;
  virtual uint8_t op() const = 0;
  virtual bool of_states() const = 0;
  // The question for a share. False: that one need not be asked.
  virtual bool put(Out& out, const Share& share) const = 0;
  // Adds what this process contributes; whole: nobody else is asked, what is to be streamed goes straight to the sink.
  virtual Status answer(const Snapshots& snapshots, const Self& self, const Share& share, bool whole) = 0;
  // Adds what another aggregator answered. False: it cannot have; nothing was added.
  virtual bool add(In& in, const Share& share) = 0;
  virtual bool may_settle() const = 0;
  virtual bool settled() const = 0;
  virtual bool is_final(ErrorCode code) const = 0;
};

namespace detail {
template <class Q>
struct SinkOf {
  using Type = std::nullptr_t;
};
template <Streams Q>
struct SinkOf<Q> {
  using Type = const typename Q::Sink*;
};
}  // namespace detail

// A question being asked: its parts come together here.
template <class Q>
class Asking final : public AnyQuestion {
 public:
  using Part = typename Q::Part;
  explicit Asking(const Q& question, typename detail::SinkOf<Q>::Type sink = nullptr)
      : question_(question), sink_(sink) {}

  const Q& question() const { return question_; }
  void tell(Part part) { Q::add(part_, std::move(part)); }

  uint8_t op() const override { return Q::kOp; }
  bool of_states() const override { return OfStates<Q>; }
  bool put(Out& out, const Share& share) const override {
    const std::optional<Q> fitted = fit(share);
    if (fitted) fitted->put(out);
    return fitted.has_value();
  }
  Status answer(const Snapshots& snapshots, const Self& self, const Share& share, bool whole) override {
    if constexpr (Streams<Q>) {
      if (whole) {
        streamed_ = true;
        return question_.stream(snapshots, *sink_);
      }
    }
    const std::optional<Q> fitted = fit(share);
    if (!fitted) return {};
    auto part = part_of(*fitted, snapshots, self);
    if (!part) return part.error();
    tell(std::move(part).value());
    return {};
  }
  bool add(In& in, const Share& share) override {
    Part part{};
    if (!get(in, part) || !in.done()) return false;
    if constexpr (requires { Q::sound(part, share); }) {
      if (!Q::sound(part, share)) return false;
    }
    tell(std::move(part));
    return true;
  }
  bool may_settle() const override {
    return requires(const Part& part) { Q::settled(part); };
  }
  bool settled() const override {
    if constexpr (requires(const Part& part) { Q::settled(part); }) return Q::settled(part_);
    return false;
  }
  bool is_final([[maybe_unused]] ErrorCode code) const override {
    if constexpr (requires { Q::kFinal; }) return code == Q::kFinal;
    return false;
  }

  auto conclude(const Coverage& coverage) {
    if constexpr (Streams<Q>) {
      return streamed_ ? Status() : question_.conclude(std::move(part_), coverage, *sink_);
    } else {
      return question_.conclude(std::move(part_), coverage);
    }
  }

  static Result<Part> part_of(const Q& question, const Snapshots& snapshots, const Self& self) {
    if constexpr (OfStates<Q>) {
      return question.answer(snapshots);
    } else {
      return question.answer(self);
    }
  }

 private:
  std::optional<Q> fit([[maybe_unused]] const Share& share) const {
    if constexpr (requires { question_.for_share(share); }) {
      return question_.for_share(share);
    } else {
      return question_;
    }
  }

  Q question_;
  typename detail::SinkOf<Q>::Type sink_;
  Part part_{};
  bool streamed_ = false;
};

}  // namespace tributary::query
