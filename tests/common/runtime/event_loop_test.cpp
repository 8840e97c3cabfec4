// SPDX-License-Identifier: Apache-2.0
// Claims about the event loop: what is handed over runs once and in order, timers replace each other, a signal ends it.
#include "common/runtime/event_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include "common/runtime/program.h"

namespace tributary::runtime {
namespace {

TEST(EventLoop, RunsWhatIsPostedInOrderAndAStopBeforeItRunsIsNotLost) {
  EventLoop loop;
  std::vector<int> seen;
  loop.stop();
  loop.post([&] { seen.push_back(1); });
  loop.run();
  EXPECT_TRUE(seen.empty());
  loop.post([&] {
    seen.push_back(2);
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(seen, (std::vector<int>{1, 2}));
}

TEST(EventLoop, ManyWakesBeforeATurnAreOneAndNoneIsLost) {
  EventLoop loop;
  Wakeup wakeup(loop);
  int turns = 0;
  std::atomic<int> work{0};
  int done = 0;
  wakeup.on_wake([&] {
    ++turns;
    done += work.exchange(0);
    if (done == 40'000) loop.stop();
  });
  for (int i = 0; i < 10; ++i) wakeup.wake();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        ++work;
        wakeup.wake();
      }
    });
  }
  loop.run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(done, 40'000);
  EXPECT_LE(turns, 40'001);
}

TEST(Timer, TheLastSettingCountsAndOneThatIsGoneNeverRuns) {
  EventLoop loop;
  std::vector<int> seen;
  Timer timer(loop);
  {
    Timer gone(loop);
    gone.start(0, [&] { seen.push_back(0); });
  }
  timer.start(0, [&] { seen.push_back(1); });
  timer.start(-5, [&] {
    seen.push_back(2);
    timer.start(1'000'000, [&] {
      seen.push_back(3);
      loop.stop();
    });
  });
  loop.run();
  EXPECT_EQ(seen, (std::vector<int>{2, 3}));
}

TEST(EventLoop, AStopSignalIsToldInItsThreadAlsoIfItCameBefore) {
  block_stop_signals();
  ::kill(::getpid(), SIGTERM);
  EventLoop loop;
  std::thread::id told;
  loop.on_stop_signal([&] {
    told = std::this_thread::get_id();
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(told, std::this_thread::get_id());
  // Held back again: one more while the program ends does not kill it.
  ::kill(::getpid(), SIGTERM);
  loop.post([&] { loop.stop(); });
  loop.run();
}

}  // namespace
}  // namespace tributary::runtime
