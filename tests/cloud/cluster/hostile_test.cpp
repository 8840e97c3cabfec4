// SPDX-License-Identifier: Apache-2.0
// An aggregator that says anything but what it should: nothing breaks, answers come in time, and its partitions are
// named as missing.
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <functional>
#include <set>

#include "cloud/cluster/federation.h"
#include "cloud/query/question/catalog.h"
#include "cloud/query/question/changes.h"
#include "cloud/query/question/completeness.h"
#include "cloud/query/question/gateways.h"
#include "cloud/query/question/newest.h"
#include "cloud/query/question/rows.h"
#include "cloud/query/question/system.h"
#include "tests/cloud/cluster/support.h"

namespace tributary::testing {
namespace {

using Question = cluster::QuestionHead;

constexpr int kTimeoutMs = 300;

std::string http_answer(const std::string& body, const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Answers looks properly, and every other question as it is told to.
class HostilePeer {
 public:
  // What to send for a question, whole or in pieces; the connection is closed after it if close.
  struct Answer {
    std::vector<std::string> pieces;
    bool close = false;
    int pause_ms = 0;  // before each piece
  };
  using Behave = std::function<Answer(const Question&)>;

  explicit HostilePeer(query::Place place) : place_(std::move(place)) {
    acceptor_ = std::thread([this] {
      while (!stopping_) {
        pollfd one{listener_.fd(), POLLIN, 0};
        if (::poll(&one, 1, 20) <= 0) continue;
        const int fd = ::accept(listener_.fd(), nullptr, nullptr);
        if (fd < 0) continue;
        std::lock_guard lock(mutex_);
        threads_.emplace_back([this, fd] { serve(fd); });
      }
    });
  }
  ~HostilePeer() {
    stopping_ = true;
    acceptor_.join();
    for (auto& thread : threads_) thread.join();
  }
  HostilePeer(const HostilePeer&) = delete;
  HostilePeer& operator=(const HostilePeer&) = delete;

  std::string url() const { return listener_.url(); }
  void behave(Behave behave, bool looks_too = false) {
    std::lock_guard lock(mutex_);
    behave_ = std::move(behave);
    looks_too_ = looks_too;
  }
  static constexpr cluster::AnswerHead kHead{2, 4, 1};

 private:
  bool send(int fd, std::string_view bytes) {
    while (!bytes.empty() && !stopping_) {
      const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno == EAGAIN) {
        pollfd one{fd, POLLOUT, 0};
        ::poll(&one, 1, 20);
        continue;
      }
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return !stopping_;
  }
  void serve(int fd) {
    std::string seen;
    while (!stopping_) {
      pollfd one{fd, POLLIN, 0};
      if (::poll(&one, 1, 20) <= 0) continue;
      char buffer[65536];
      const ssize_t got = ::recv(fd, buffer, sizeof(buffer), 0);
      if (got <= 0) break;
      seen.append(buffer, static_cast<size_t>(got));
      const size_t head = seen.find("\r\n\r\n");
      if (head == std::string::npos) continue;
      const size_t size = std::stoul(seen.substr(seen.find("Content-Length: ") + 16));
      if (seen.size() < head + 4 + size) continue;
      Question question;
      query::In in(as_bytes(std::string_view(seen).substr(head + 4, size)));
      EXPECT_TRUE(get(in, question));
      seen.erase(0, head + 4 + size);
      Behave behave;
      {
        std::lock_guard lock(mutex_);
        if (question.op != query::AskHead::kOp || looks_too_) behave = behave_;
      }
      Answer answer;
      if (behave) {
        answer = behave(question);
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        answer.pieces = {http_answer(cluster::encode_answer(kHead, query::AskHead::Part{7, place_}))};
      }
      bool open = true;
      for (const std::string& piece : answer.pieces) {
        std::this_thread::sleep_for(std::chrono::milliseconds(answer.pause_ms));
        open = open && send(fd, piece);
      }
      if (answer.close || !open) break;
    }
    ::close(fd);
  }

  Listener listener_;
  const query::Place place_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  Behave behave_;
  bool looks_too_ = false;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

class HostileTest : public ::testing::Test {
 protected:
  HostileTest() : states_(4, 21, {.records = 20, .wild_widths = false}), peer_({{11, 3}, {12, 4}}) {
    states_.merge_more(true);
    member_ = make_member(states_, 0, {free_urls(1).front(), peer_.url()}, kTimeoutMs);
    EXPECT_TRUE(member_->cluster->start().ok());
  }
  ~HostileTest() override { member_->cluster->stop(); }

  std::string facts() const {
    api::Exposition text;
    member_->cluster->families(text);
    return text.take();
  }
  bool up() const { return facts().find("peer_up{ordinal=\"1\"} 1") != std::string::npos; }
  // All questions of one answer, each of which must come out as that of the own partitions.
  void ask_all(const std::string& what) {
    SCOPED_TRACE(what);
    ASSERT_TRUE(soon([&] { return up(); })) << facts();
    const query::Selection selection{.tenant = "demo", .metric = "temperature"};
    auto each = [&](const std::function<void(const query::Query&)>& ask) {
      ASSERT_TRUE(soon([&] { return up(); }));
      const auto query = member_->query().one_answer();
      const auto begun = std::chrono::steady_clock::now();
      ask(*query);
      EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(2 * kTimeoutMs + 500));
      EXPECT_EQ(query->missing(), (std::vector<uint32_t>{1, 3}));
      // Asked already in this answer: never again.
      const auto again = std::chrono::steady_clock::now();
      const auto completeness = query->ask(query::AskCompleteness{selection, {}, 0});
      ASSERT_TRUE(completeness.ok());
      EXPECT_EQ(completeness->partitions_answered, 2u);
      EXPECT_LT(std::chrono::steady_clock::now() - again, std::chrono::milliseconds(kTimeoutMs));
    };
    const query::LocalQuery& local = *member_->local;
    each([&](const query::Query& query) {
      auto found = query.ask(query::AskSummary{selection, {}});
      ASSERT_TRUE(found.ok());
      EXPECT_EQ(encoded(*found), encoded(*local.ask(query::AskSummary{selection, {}})));
    });
    each([&](const query::Query& query) {
      EXPECT_EQ(query.ask(query::AskMetrics{"demo"})->size(), local.ask(query::AskMetrics{"demo"})->size());
    });
    each([&](const query::Query& query) {
      EXPECT_EQ(query.ask(query::AskDevices{"demo"})->size(), local.ask(query::AskDevices{"demo"})->size());
    });
    each([&](const query::Query& query) {
      EXPECT_EQ(query.ask(query::AskGateways{"demo", 0})->size(), local.ask(query::AskGateways{"demo", 0})->size());
    });
    each([&](const query::Query& query) { EXPECT_FALSE(query::knows(query, "demo", "nothing")); });
    each([&](const query::Query& query) {
      std::string rows, own;
      auto sink = [](std::string& into) {
        return [&into](const std::string& group, const query::Row& row, const stats::Summary& summary) {
          into += group + std::to_string(row.start_s) + encoded(summary);
        };
      };
      EXPECT_TRUE(query.ask(query::AskSeries{selection, {}, 3600, "device", 10'000}, sink(rows)).ok());
      EXPECT_TRUE(local.ask(query::AskSeries{selection, {}, 3600, "device", 10'000}, sink(own)).ok());
      EXPECT_EQ(rows, own);
    });
    each([&](const query::Query& query) {
      auto found = query::newest(query, selection, 60);
      ASSERT_TRUE(found.ok());
      EXPECT_EQ(encoded(found->summary), encoded(query::newest(local, selection, 60)->summary));
    });
    each([&](const query::Query& query) { EXPECT_TRUE(query.ask(query::AskCompleteness{selection, {}, 0}).ok()); });
    each([&](const query::Query& query) {
      query::Place after = query.place();
      after[1].revision--;
      const auto changes = query.ask(query::AskChanges{"demo", after, 100});
      ASSERT_TRUE(changes.ok());
      EXPECT_EQ(changes->upto, after);
    });
    each([&](const query::Query& query) {
      const Series series = make_series("d1", "temperature", {{"unit", "°C"}});
      size_t rows = 0;
      EXPECT_TRUE(
          query::rows(query, "demo", {{series, {0, kAllTime}}}, [&](size_t, const stats::Summary&) { ++rows; }).ok());
    });
  }

  States states_;
  HostilePeer peer_;
  std::unique_ptr<Member> member_;
};

TEST_F(HostileTest, WhateverItSaysItsPartitionsAreMissingAndNothingElse) {
  using Answer = HostilePeer::Answer;
  const std::string garbage(5'000, '\xff');
  Random random(1);
  const std::pair<const char*, HostilePeer::Behave> behaviours[] = {
      {"closes",
       [](const Question&) {
         return Answer{{}, true};
       }},
      {"garbage", [&](const Question&) { return Answer{{garbage}}; }},
      {"not ours", [&](const Question&) { return Answer{{http_answer(garbage)}}; }},
      {"empty", [&](const Question&) { return Answer{{http_answer("")}}; }},
      {"refuses", [&](const Question&) { return Answer{{http_answer("", "401 Unauthorized")}}; }},
      {"broken", [&](const Question&) { return Answer{{http_answer("", "500 Internal Server Error")}}; }},
      {"another version", [&](const Question&) { return Answer{{"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"}}; }},
      {"no length",
       [&](const Question&) {
         return Answer{{"HTTP/1.1 200 OK\r\n\r\n"}, true};
       }},
      {"chunked",
       [&](const Question&) { return Answer{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}}; }},
      {"two lengths",
       [&](const Question&) { return Answer{{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n"}}; }},
      {"huge length",
       [&](const Question&) { return Answer{{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"}}; }},
      {"endless head", [&](const Question&) { return Answer{{"HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'x')}}; }},
      {"more than it said", [&](const Question&) { return Answer{{http_answer("a") + "b"}}; }},
      {"an error",
       [&](const Question&) {
         return Answer{{http_answer(encode_error(HostilePeer::kHead, {ErrorCode::kIo, "no"}))}};
       }},
      {"another ordinal",
       [&](const Question&) {
         return Answer{{http_answer(cluster::encode_answer({2, 4, 0}, query::AskKnown::Part{true}))}};
       }},
  };
  for (const auto& [what, behave] : behaviours) {
    peer_.behave(behave);
    ask_all(what);
  }
  EXPECT_NE(facts().find("reason=\"bad_answer\""), std::string::npos);
  EXPECT_NE(facts().find("reason=\"status_401\""), std::string::npos);
}

TEST_F(HostileTest, WhoDoesNotTellItsPartOfTheSystemIsNamedWithTheReason) {
  using Answer = HostilePeer::Answer;
  const cluster::AnswerHead head = HostilePeer::kHead;
  query::SystemPart foreign{.readings = 5, .service = query::ServiceInfo{.partitions = {{2, 0, 0}}}};
  const std::pair<std::string, std::string> answers[] = {
      // As an aggregator that was not upgraded yet says it.
      {encode_error(head, {ErrorCode::kInvalid, "found 40 bytes that are no question of this version"}),
       query::kOtherVersion},
      {encode_error(head, {ErrorCode::kIo, "no"}), query::kUnreadable},
      {encode_error(head, {ErrorCode::kMismatch, "asked as X"}), "mismatch"},
      {cluster::encode_answer(head, query::AskKnown::Part{true}), "bad_answer"},
      {cluster::encode_answer({2, 4, 0}, query::AskSystem::Part{query::SystemPart{}}), "bad_answer"},
      {cluster::encode_answer(head, query::AskSystem::Part{foreign}), "bad_answer"},  // a partition that is not its own
  };
  for (const auto& [answer, absence] : answers) {
    SCOPED_TRACE(absence);
    peer_.behave([answer = answer](const Question& question) {
      return question.op == query::AskSystem::kOp
                 ? Answer{{http_answer(answer)}}
                 : Answer{{http_answer(cluster::encode_answer(HostilePeer::kHead, query::AskKnown::Part{}))}};
    });
    ASSERT_TRUE(soon([&] { return up(); }));
    const auto members = member_->cluster->members("demo", 0);
    ASSERT_EQ(members.size(), 2u);
    EXPECT_TRUE(members[0].part.has_value());
    EXPECT_EQ(members[1].absence, absence);
    EXPECT_FALSE(members[1].part.has_value());
    EXPECT_EQ(members[1].partitions, (std::vector<uint32_t>{1, 3}));
    // It is not taken for absent in answers that it does give.
    EXPECT_TRUE(up());
    const auto query = member_->query().one_answer();
    EXPECT_FALSE(query::knows(*query, "demo", "nothing"));
    EXPECT_TRUE(query->missing().empty());
  }
  peer_.behave([](const Question&) { return Answer{}; });
  ASSERT_TRUE(soon([&] { return up(); }));
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(member_->cluster->members("demo", 0)[1].absence, "timeout");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(kTimeoutMs + 400));
}

TEST_F(HostileTest, OneThatHangsCostsTheTimeoutOnceAndThenNothing) {
  using Answer = HostilePeer::Answer;
  ASSERT_TRUE(soon([&] { return up(); }));
  const std::pair<const char*, HostilePeer::Behave> behaviours[] = {
      {"silent", [](const Question&) { return Answer{}; }},
      {"drips a head",
       [](const Question&) {
         return Answer{std::vector<std::string>(200, "H"), false, 20};
       }},
      {"drips a body",
       [](const Question&) {
         Answer answer{std::vector<std::string>(200, "x"), false, 20};
         answer.pieces.insert(answer.pieces.begin(), "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
         return answer;
       }},
  };
  const query::Selection selection{.tenant = "demo", .metric = "temperature"};
  for (const auto& [what, behave] : behaviours) {
    SCOPED_TRACE(what);
    peer_.behave(nullptr);
    ASSERT_TRUE(soon([&] { return up(); }));
    peer_.behave(behave, true);
    // The first may have to wait; once it is known, nobody waits.
    const auto begun = std::chrono::steady_clock::now();
    ASSERT_TRUE(member_->query().ask(query::AskSummary{selection, {}}).ok());
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(kTimeoutMs + 400));
    ASSERT_TRUE(soon([&] { return !up(); }));
    const auto again = std::chrono::steady_clock::now();
    for (int i = 0; i < 50; ++i) {
      const auto query = member_->query().one_answer();
      ASSERT_TRUE(query->ask(query::AskSummary{selection, {}}).ok());
      EXPECT_EQ(query->missing().size(), 2u);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - again, std::chrono::milliseconds(kTimeoutMs));
    EXPECT_NE(facts().find("reason=\"timeout\""), std::string::npos);
  }
  // And it is taken back by itself.
  peer_.behave(nullptr);
  EXPECT_TRUE(soon([&] { return up(); }));
}

TEST_F(HostileTest, OneOfAnotherClusterMakesThisOneNotReady) {
  using Answer = HostilePeer::Answer;
  ASSERT_TRUE(soon([&] { return up(); }));
  EXPECT_EQ(member_->cluster->trouble(), "");
  const query::AskHead::Part body{7, {{11, 3}, {12, 4}}};
  const std::pair<std::string, std::string> misfits[] = {
      {cluster::encode_answer({3, 4, 1}, body), "ordinal 1 of 3 with 4 partitions"},
      {cluster::encode_answer({2, 16, 1}, body), "ordinal 1 of 2 with 16 partitions"},
      {cluster::encode_answer({2, 4, 0}, body), "ordinal 0 of 2 with 4 partitions"},
      {cluster::encode_answer(HostilePeer::kHead, query::AskHead::Part{8, body.place}), "another log"},
      {encode_error(HostilePeer::kHead, {ErrorCode::kMismatch, "asked as X, but this is Y"}), "but this is Y"},
  };
  for (const auto& [answer, said] : misfits) {
    peer_.behave([answer = answer](const Question&) { return Answer{{http_answer(answer)}}; }, true);
    EXPECT_TRUE(soon([&, said = said] { return member_->cluster->trouble().find(said) != std::string::npos; }))
        << member_->cluster->trouble();
    EXPECT_FALSE(up());
  }
  peer_.behave(nullptr);
  EXPECT_TRUE(soon([&] { return up() && member_->cluster->trouble().empty(); }));
}

TEST(SecretTest, WithoutTheRightOneNobodyAnswers) {
  States states(4, 22, {.records = 5, .wild_widths = false});
  const auto urls = free_urls(2);
  auto first = make_member(states, 0, urls), second = make_member(states, 1, urls, 5'000, std::string(32, 'x'));
  ASSERT_TRUE(first->cluster->start().ok());
  ASSERT_TRUE(second->cluster->start().ok());
  auto facts = [](Member& member) {
    api::Exposition text;
    member.cluster->families(text);
    return text.take();
  };
  EXPECT_TRUE(soon([&] { return facts(*first).find("reason=\"status_401\"") != std::string::npos; }));
  EXPECT_EQ(facts(*first).find("peer_up{ordinal=\"1\"} 1"), std::string::npos);
  EXPECT_EQ(facts(*first).find(kSecret), std::string::npos);
  EXPECT_TRUE(
      soon([&] { return facts(*second).find("internal_refused_total{reason=\"secret\"} 0") == std::string::npos; }));
}

}  // namespace
}  // namespace tributary::testing
