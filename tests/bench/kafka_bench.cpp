// SPDX-License-Identifier: Apache-2.0
// LINK: tributary_bridge tributary_aggregator tributary_mqtt paho-mqttpp3 PkgConfig::RDKAFKA GTest::gtest
// Into Kafka and out of it, beside the bare libraries doing only the transfer, in one run: real Mosquitto, real Kafka.
// Rounds alternate; medians; ratio = rate / rate. Both sides get the same messages and the same window of unsettled
// ones.
#include <librdkafka/rdkafka.h>
#include <mqtt/async_client.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include "cloud/aggregator/merger.h"
#include "cloud/bridge/bridge.h"
#include "common/runtime/program.h"
#include "common/store/env.h"
#include "tests/bench/fleet.h"
#include "tests/support/broker.h"
#include "tests/support/kafka.h"
#include "tests/support/mqtt_publisher.h"

namespace tributary {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kUnsettledMax = 2000;  // messages sent and not yet durable
constexpr int64_t kBeginS = 1'763'680'000;

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}
double cpu_s(int who) {
  rusage usage{};
  getrusage(who, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Run {
  double seconds = 0, cpu_seconds = 0;  // of this process, without the publisher
};

// Publishes packets with at most kUnsettledMax messages beyond those settled, until all are settled.
Run drive(int port, const std::vector<std::string>& packets, const std::function<uint64_t()>& settled) {
  test::MqttPublisher publisher(port);
  publisher.discard_acks();
  const auto began = Clock::now();
  const double cpu = cpu_s(RUSAGE_SELF), own = cpu_s(RUSAGE_THREAD);
  for (size_t sent = 0; sent < packets.size();) {
    const size_t until = std::min<size_t>(packets.size(), settled() + kUnsettledMax);
    std::string buffer;
    while (sent < until && buffer.size() < 64'000) buffer += packets[sent++];
    if (buffer.empty()) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    } else {
      publisher.write_all(buffer);
    }
  }
  while (settled() < packets.size()) std::this_thread::sleep_for(std::chrono::microseconds(200));
  return {std::chrono::duration<double>(Clock::now() - began).count(),
          cpu_s(RUSAGE_SELF) - cpu - (cpu_s(RUSAGE_THREAD) - own)};
}

void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  char why[256];
  CHECK(rd_kafka_conf_set(conf, name, value.c_str(), why, sizeof why) == RD_KAFKA_CONF_OK);
}

// Receive, produce, count the acknowledgements.
Run bare_to_kafka(const test::Broker& broker, const std::string& kafka, const std::string& kafka_topic,
                  const std::vector<std::string>& packets) {
  std::atomic<uint64_t> delivered{0};
  std::atomic<bool> done{false};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", kafka);
  set(conf, "enable.idempotence", "true");
  set(conf, "acks", "all");
  set(conf, "linger.ms", "5");
  set(conf, "partitioner", "murmur2_random");
  rd_kafka_conf_set_opaque(conf, &delivered);
  rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    CHECK(message->err == RD_KAFKA_RESP_ERR_NO_ERROR);
    ++*static_cast<std::atomic<uint64_t>*>(opaque);
  });
  char why[256];
  rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
  CHECK(producer != nullptr);
  std::thread poller([&] {
    while (!done) rd_kafka_poll(producer, 50);
  });
  Run run;
  {
    ::mqtt::async_client client(broker.url(), "bare");
    client.set_message_callback([&](const ::mqtt::const_message_ptr& message) {
      const std::string& topic = message->get_topic();
      const ::mqtt::binary_ref& payload = message->get_payload_ref();
      CHECK(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(kafka_topic.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_KEY(topic.data(), topic.size()),
                              RD_KAFKA_V_VALUE(const_cast<char*>(payload.data()), payload.size()),
                              RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
    });
    client.connect()->wait();
    client.subscribe("tributary/v1/+/+/partials", 1)->wait();
    run = drive(broker.port(), packets, [&] { return delivered.load(); });
    client.disconnect()->wait();
  }
  done = true;
  poller.join();
  rd_kafka_destroy(producer);
  return run;
}

// The bridge, up to the publishing of every ack.
Run bridge_to_kafka(const test::Broker& broker, const std::string& url, const std::vector<std::string>& packets) {
  log::LogConfig log;
  log.url = url;
  auto writer = log::open_writer(log);
  CHECK(writer.ok());
  bridge::BridgeConfig config;
  config.mqtt.url = broker.url();
  config.mqtt.client_id = "bridge";
  auto bridge = bridge::Bridge::open(config, **writer, &runtime::now);
  CHECK(bridge.ok());
  (*bridge)->start();
  CHECK(test::eventually([&] {
    const bridge::BridgeStats stats = (*bridge)->stats();
    return stats.subscriber_connected && stats.publisher_connected;
  }));
  const Run run = drive(broker.port(), packets, [&] { return (*bridge)->stats().core.acked_messages_total; });
  CHECK((*bridge)->stats().core.rejected_total.empty());
  (*bridge)->stop();
  return run;
}

void into_kafka(const char* name, const std::string& kafka, int rounds, size_t messages, int devices, int metrics) {
  bench::Fleet fleet(50, devices, metrics, kBeginS);
  std::vector<std::string> packets;
  size_t bytes = 0;
  for (size_t i = 0; i < messages; ++i) {
    const bench::Fleet::Message message = fleet.next();
    bytes += message.payload.size();
    packets.push_back(
        test::MqttPublisher::packet(message.topic, message.payload, 1, static_cast<uint16_t>(1 + i % 60'000)));
  }
  log::LogConfig made;
  made.url = "kafka://" + kafka + "/" + name + "-bare";
  CHECK(log::open_writer(made).ok());  // a topic of the same settings
  std::vector<double> bare_rate, bridge_rate, bare_cpu, bridge_cpu, ratio;
  for (int round = 0; round < rounds; ++round) {
    test::Broker broker("allow_anonymous true\nmax_inflight_messages 200\n");
    Run bare, bridge;
    const auto run_bare = [&] { bare = bare_to_kafka(broker, kafka, std::string(name) + "-bare.partials", packets); };
    if (round % 2 == 0) run_bare();
    bridge = bridge_to_kafka(broker, "kafka://" + kafka + "/" + name, packets);
    if (round % 2 == 1) run_bare();
    const auto count = static_cast<double>(messages);
    bare_rate.push_back(count / bare.seconds);
    bridge_rate.push_back(count / bridge.seconds);
    bare_cpu.push_back(bare.cpu_seconds / count * 1e6);
    bridge_cpu.push_back(bridge.cpu_seconds / count * 1e6);
    ratio.push_back(bare.seconds / bridge.seconds);
  }
  std::printf(
      "BENCH %s ratio=%.2f messages_per_s=%.0f baseline_messages_per_s=%.0f cpu_us_per_message=%.1f "
      "baseline_cpu_us_per_message=%.1f partials_per_message=%d bytes_per_message=%zu\n",
      name, median(ratio), median(bridge_rate), median(bare_rate), median(bridge_cpu), median(bare_cpu),
      fleet.partials_a_message(), bytes / messages);
  std::fflush(stdout);
}

constexpr size_t kBatchRecords = 1000, kBatchBytes = 4 << 20;  // as the aggregator's

using Batch = std::vector<const rd_kafka_message_t*>;

// Consumes partition 0 from its beginning in batches.
double bare_from_kafka(const std::string& kafka, const std::string& topic_name, size_t messages,
                       const std::function<void(const Batch&)>& on_batch) {
  const auto began = Clock::now();
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", kafka);
  set(conf, "fetch.wait.max.ms", "10");
  char why[256];
  rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
  CHECK(consumer != nullptr);
  rd_kafka_topic_t* topic = rd_kafka_topic_new(consumer, topic_name.c_str(), nullptr);
  CHECK(rd_kafka_consume_start(topic, 0, RD_KAFKA_OFFSET_BEGINNING) == 0);
  std::vector<rd_kafka_message_t*> got(kBatchRecords);
  for (size_t seen = 0; seen < messages;) {
    size_t count = 0;
    while (count < std::min(kBatchRecords, messages - seen)) {
      const ssize_t more = rd_kafka_consume_batch(topic, 0, 1000, got.data() + count, kBatchRecords - count);
      CHECK(more >= 0);
      count += static_cast<size_t>(more);
    }
    on_batch(Batch(got.begin(), got.begin() + static_cast<ptrdiff_t>(count)));
    for (size_t i = 0; i < count; ++i) rd_kafka_message_destroy(got[i]);
    seen += count;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  rd_kafka_consume_stop(topic, 0);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(consumer);
  return seconds;
}

struct Bare {
  std::unique_ptr<store::Env> env;
  store::Table table;
  explicit Bare(const std::string& path) : env(std::move(store::Env::open({.path = path}).value())) {
    table = env->table("rows").value();
  }
};

// Opening reader and state is part of it, as for the bare one.
double merge_from_kafka(const std::string& url, const std::string& path, size_t messages, uint64_t partials) {
  const auto began = Clock::now();
  merge::WriterConfig config;
  config.path = path;
  for (int64_t& retention : config.retention_s) retention = 100LL * 365 * 86400;
  auto writer = merge::StateWriter::open(config);
  CHECK(writer.ok());
  log::LogConfig log;
  log.url = url;
  auto reader = log::open_reader(log);
  CHECK(reader.ok());
  api::Merger merger({.records_max = kBatchRecords, .bytes_max = kBatchBytes},
                     {.writer = writer->get(),
                      .log = [&] { return Result<log::Reader*>(reader->get()); },
                      .now_ns = [] { return runtime::now().wall_ns; },
                      .committed = [] {},
                      .merged = nullptr,
                      .say = nullptr});
  while ((*writer)->position() < messages) {
    const auto round = merger.round();
    CHECK(round == api::Merger::Round::kMerged || round == api::Merger::Round::kIdle);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  CHECK((*writer)->counters().partials_merged_total == partials);
  return seconds;
}

void from_kafka(const std::string& kafka, int rounds, size_t messages, int devices, int metrics) {
  const std::string url = "kafka://" + kafka + "/out";
  bench::Fleet fleet(10, devices, metrics, kBeginS);
  std::vector<std::vector<std::pair<std::string, std::string>>> puts;
  {
    log::LogConfig log;
    log.url = url;
    log.partitions = 1;
    auto writer = log::open_writer(log);
    CHECK(writer.ok());
    for (size_t i = 0; i < messages; ++i) {
      bench::Fleet::Message message = fleet.next();
      puts.push_back(std::move(message.puts));
      log::Record record;
      record.tenant = "demo";
      record.gateway = message.gateway;
      record.append_ns = (message.start_s + 15) * kNanosPerSecond;
      record.payload = std::move(message.payload);
      while (!(*writer)->append(record, [](const Status& status) { CHECK(status.ok()); })) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    (*writer)->flush();
  }
  const uint64_t partials = messages * static_cast<uint64_t>(fleet.partials_a_message());
  test::TempDir folder;
  std::vector<double> merged_rate, put_rate, ratio, whole_ratio;
  for (int round = 0; round < rounds; ++round) {
    const std::string here = folder.file(std::to_string(round));
    double merged = 0, put = 0;
    const auto run_put = [&] {
      Bare bare(here + "-partials");
      size_t at = 0;
      put = bare_from_kafka(kafka, "out.partials", messages, [&](const Batch& batch) {
        CHECK(bare.env
                  ->write([&](store::Txn& txn) {
                    for (size_t i = 0; i < batch.size(); ++i, ++at) {
                      for (const auto& [key, value] : puts[at]) txn.put(bare.table, key, value);
                    }
                    return true;
                  })
                  .ok());
      });
    };
    if (round % 2 == 0) run_put();
    merged = merge_from_kafka(url, here + "-state", messages, partials);
    if (round % 2 == 1) run_put();
    // Records as they are, one put each: what no row could be read from.
    Bare whole(here + "-records");
    const double records = bare_from_kafka(kafka, "out.partials", messages, [&](const Batch& batch) {
      CHECK(whole.env
                ->write([&](store::Txn& txn) {
                  for (const rd_kafka_message_t* one : batch) {
                    const state::Key key = state::Key().u64(static_cast<uint64_t>(one->offset));
                    txn.put(whole.table, key.view(), {static_cast<const char*>(one->payload), one->len});
                  }
                  return true;
                })
                .ok());
    });
    merged_rate.push_back(static_cast<double>(partials) / merged);
    put_rate.push_back(static_cast<double>(partials) / put);
    ratio.push_back(put / merged);
    whole_ratio.push_back(records / merged);
    for (const char* kind : {"-partials", "-state", "-records"}) std::filesystem::remove_all(here + kind);
  }
  std::printf(
      "BENCH merge_from_kafka ratio=%.2f partials_per_s=%.0f baseline_partials_per_s=%.0f partials_per_record=%d "
      "ratio_to_records_put_whole=%.2f\n",
      median(ratio), median(merged_rate), median(put_rate), fleet.partials_a_message(), median(whole_ratio));
  std::fflush(stdout);
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) {
  using namespace tributary;
  signal(SIGPIPE, SIG_IGN);
  setenv("TRIBUTARY_LOG", "error", 1);
  runtime::start_logging("kafka_bench");
  // An argument picks one, for profiling.
  const std::string only = argc > 1 ? argv[1] : "";
  const auto wanted = [&](const char* name) { return only.empty() || only == name; };
  const test::KafkaBroker kafka;
  if (wanted("bridge_to_kafka")) into_kafka("bridge_to_kafka", kafka.address(), 5, 10'000, 5, 4);
  if (wanted("bridge_to_kafka_small")) into_kafka("bridge_to_kafka_small", kafka.address(), 3, 20'000, 1, 1);
  if (wanted("merge_from_kafka")) from_kafka(kafka.address(), 5, 10'000, 5, 4);
  return 0;
}
