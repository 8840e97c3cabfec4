// SPDX-License-Identifier: Apache-2.0
// Appends to the log over Kafka. A thread of its own finds the log, also later if the brokers are away at first, and
// looks now and then whether it is still the same one.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "cloud/log/kafka.h"
#include "cloud/log/record.h"
#include "common/runtime/program.h"

namespace tributary::log {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookInterval = 2s;
constexpr auto kFailedRetryInterval = 500ms;
constexpr int kLookMsMax = 2000;
constexpr const char* kNotYet = "the log has not been found yet";

class KafkaWriter final : public Writer {
 public:
  KafkaWriter(KafkaLog log, LogConfig config, std::unique_ptr<KafkaClient> client,
              std::unique_ptr<KafkaProducer> producer)
      : log_(std::move(log)),
        config_(std::move(config)),
        client_(std::move(client)),
        producer_(std::move(producer)),
        settings_(&unknown_) {}

  ~KafkaWriter() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    woken_.notify_all();
    if (thread_.joinable()) thread_.join();
    producer_.reset();
  }

  Status start() {
    Status found = find();
    if (!found && found.error().code != ErrorCode::kIo) return found;

    thread_ = std::thread([this] { run(); });
    return {};
  }

  Status append(Record record, Done done) override {
    if (Status fits = check_record(record); !fits) return fits;
    std::lock_guard lock(mutex_);
    if (!trouble_.empty()) return Error{ErrorCode::kBusy, trouble_};
    const LogSettings& settings = *settings_;
    const uint32_t partition = partition_of(record.tenant, record.gateway, settings.partitions);
    // Of this writer's records; of several writers' the reader takes the greatest.
    int64_t& tail = tails_[partition];
    record.append_ns = std::max(record.append_ns, tail);
    record.log_id = settings.log_id;
    KafkaMessage message;
    message.topic = log_.records_topic;
    message.partition = static_cast<int32_t>(partition);
    message.key = record.tenant + "/" + record.gateway;
    message.value = encode_record(record);
    message.headers = {{kLogIdHeader, log_id_text(settings.log_id)}};
    Status taken = producer_->produce(message, std::move(done));
    if (taken.ok()) tail = record.append_ns;
    return taken;
  }

  const LogSettings& settings() const override { return *settings_; }

  void flush() override { producer_->flush(); }

  std::string trouble() const override {
    {
      std::lock_guard lock(mutex_);
      if (!trouble_.empty()) return trouble_;
    }
    return producer_->trouble();
  }

 private:
  void run() {
    bool well = settings_.load() != &unknown_;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        woken_.wait_for(lock, well ? std::chrono::milliseconds(kLookInterval) : kFailedRetryInterval,
                        [this] { return stopping_; });
        if (stopping_) return;
      }
      well = well ? look() : find().ok();
    }
  }

  // Finds the log, or makes it.
  Status find() {
    auto found = settle_kafka_log(*client_, log_, config_, true);
    if (!found) {
      set_trouble(found.error().message);
      return found.error();
    }
    const LogSettings& before = *settings_;
    if (before.log_id != found->log_id || before.durability != found->durability) {
      if (before.log_id != 0 && before.log_id != found->log_id) {
        runtime::log_warn(config_.url + " is another log now: " + log_id_text(found->log_id) + ", it was " +
                          log_id_text(before.log_id));
      }
      std::lock_guard lock(mutex_);
      kept_.push_back(std::make_unique<LogSettings>(*found));
      settings_ = kept_.back().get();
      tails_.assign(found->partitions, 0);
    }
    set_trouble("");
    return {};
  }

  // False: it is not the log it was, or it is gone; nothing more is appended until it is found again. Brokers that are
  // away are the producer's to name.
  bool look() {
    Status same = verify_kafka_log(*client_, log_, *settings_, kLookMsMax);
    if (same.ok() || same.error().code == ErrorCode::kIo) return true;
    set_trouble(same.error().message);
    return false;
  }

  void set_trouble(const std::string& trouble) {
    std::string before;
    {
      std::lock_guard lock(mutex_);
      if (trouble == trouble_) return;
      before = std::exchange(trouble_, trouble);
    }
    if (before == kNotYet) before.clear();
    if (trouble.empty() && before.empty()) return;  // found at once: whoever opened it says so
    if (trouble.empty()) {
      const LogSettings& found = *settings_;
      runtime::log_info("log " + config_.url + ": " + std::to_string(found.partitions) + " partitions, durability " +
                        found.durability);
    } else if (before.empty()) {
      runtime::log_error(trouble + "; trying again");
    }
  }

  const KafkaLog log_;
  const LogConfig config_;
  std::unique_ptr<KafkaClient> client_;
  std::unique_ptr<KafkaProducer> producer_;
  const LogSettings unknown_{0, 0, "unknown"};
  std::atomic<const LogSettings*> settings_;

  mutable std::mutex mutex_;
  std::condition_variable woken_;
  std::string trouble_ = kNotYet;
  std::vector<std::unique_ptr<LogSettings>> kept_;  // whoever holds a reference to an older one may go on
  std::vector<int64_t> tails_;                      // the last append_ns of each partition
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Writer>> open_kafka_writer(const LogConfig& config) {
  auto log = kafka_log(config);
  if (!log) return log.error();
  auto client = KafkaClient::open(log->kafka);
  if (!client) return client.error();
  auto producer = KafkaProducer::open(log->kafka, {config.queue_records_max, config.queue_bytes_max});
  if (!producer) return producer.error();
  auto writer = std::make_unique<KafkaWriter>(std::move(*log), config, std::move(*client), std::move(*producer));
  if (Status started = writer->start(); !started) return started.error();
  return std::unique_ptr<Writer>(std::move(writer));
}

}  // namespace tributary::log
