// SPDX-License-Identifier: Apache-2.0
// Claims about the main loop: readings reach the gateway, and it ends inputs first, outbox last.
#include "edge/run/loop.h"

#include <gtest/gtest.h>

#include <thread>

#include "common/runtime/program.h"
#include "edge/source/mqtt_source.h"
#include "tests/support/broker.h"
#include "tests/support/fake_gateway.h"

namespace tributary::edge {
namespace {

using test::Broker;
using test::eventually;
using test::FakeGateway;

// A source that hands over one reading at each drain, and one more after it was stopped: what had arrived by then.
class CountingSource final : public Source {
 public:
  void start() override { started = true; }
  size_t drain(Gateway& gateway, Instant now) override {
    if (!started || (stopped && drained_after_stop++ > 0)) return 0;
    gateway.accept("d", "m", std::nullopt, 1, now);
    ++drained;
    due = now.mono_ns + 1'000'000;
    return 1;
  }
  int64_t due_ns() const override { return due; }
  void stop() override {
    stopped = true;
    stopped_ns = runtime::now().wall_ns;
  }

  std::atomic<int> drained{0};
  int drained_after_stop = 0;
  int64_t due = 0, stopped_ns = 0;
  bool started = false, stopped = false;
};

TEST(Loop, DrainsTicksAndEndsInputsFirstAndOutboxLast) {
  Broker broker;
  runtime::EventLoop events;
  runtime::Wakeup wakeup(events);
  FakeGateway gateway;
  auto uplink = std::move(Uplink::make({.client = {.url = broker.url()}, .tenant = "t", .gateway = "g"}, "off", [&] {
                            wakeup.wake();
                          }).value());
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<CountingSource>());
  auto* source = static_cast<CountingSource*>(sources.front().get());
  runtime::Recoveries recoveries(recovery_kinds());
  Loop loop(gateway, *uplink, sources, events, wakeup, recoveries);
  std::thread runner([&] { loop.run(); });
  EXPECT_TRUE(eventually([&] { return source->drained > 300; }));
  EXPECT_TRUE(eventually([&] { return uplink->ready(); }));
  events.stop();
  runner.join();
  EXPECT_GE(gateway.ticks, 2);
  EXPECT_TRUE(loop.finish(2000).ok());
  EXPECT_TRUE(source->stopped);
  EXPECT_EQ(source->drained_after_stop, 1);
  EXPECT_EQ(gateway.readings.size(), static_cast<size_t>(source->drained));
  EXPECT_TRUE(gateway.closed);
}

// While the last partials are sent nobody listens to the sensors any more: the gap that the next start reports begins
// where listening ended, not where sending did.
TEST(Loop, TheGapOfAStopBeginsWhereTheSourcesEnded) {
  Broker broker;
  runtime::EventLoop events;
  runtime::Wakeup wakeup(events);
  FakeGateway gateway;
  gateway.told.flight_items = 1;  // never acknowledged: it is waited for as long as may be
  auto uplink = std::move(Uplink::make({.client = {.url = broker.url()}, .tenant = "t", .gateway = "g"}, "off", [&] {
                            wakeup.wake();
                          }).value());
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<CountingSource>());
  auto* source = static_cast<CountingSource*>(sources.front().get());
  runtime::Recoveries recoveries(recovery_kinds());
  Loop loop(gateway, *uplink, sources, events, wakeup, recoveries);
  std::thread runner([&] { loop.run(); });
  EXPECT_TRUE(eventually([&] { return uplink->ready(); }));
  events.stop();
  runner.join();
  EXPECT_TRUE(loop.finish(500).ok());
  EXPECT_GE(runtime::now().wall_ns, source->stopped_ns + 400'000'000);
  EXPECT_GT(gateway.closed_at.wall_ns, 0);
  EXPECT_LE(gateway.closed_at.wall_ns, source->stopped_ns);
}

TEST(Loop, WorksWithoutABroker) {
  Broker broker;
  broker.kill9();
  runtime::EventLoop events;
  runtime::Wakeup wakeup(events);
  FakeGateway gateway;
  auto uplink = std::move(Uplink::make({.client = {.url = broker.url()}, .tenant = "t", .gateway = "g"}, "off", [&] {
                            wakeup.wake();
                          }).value());
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<CountingSource>());
  auto* source = static_cast<CountingSource*>(sources.front().get());
  runtime::Recoveries recoveries(recovery_kinds());
  Loop loop(gateway, *uplink, sources, events, wakeup, recoveries);
  std::thread runner([&] { loop.run(); });
  EXPECT_TRUE(eventually([&] { return source->drained > 50; }));
  events.stop();
  runner.join();
  EXPECT_TRUE(loop.finish(2000).ok());
  EXPECT_TRUE(gateway.closed);
}

}  // namespace
}  // namespace tributary::edge
