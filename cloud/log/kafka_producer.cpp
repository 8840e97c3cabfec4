// SPDX-License-Identifier: Apache-2.0
// The producer: one thread of its own serves delivery reports, looks after the connection, and replaces librdkafka's
// producer when Kafka has declared it dead.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <thread>

#include "cloud/log/kafka_handle.h"
#include "common/runtime/program.h"

namespace tributary::log {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int kPollMs = 50;
constexpr int kProbeAnswerMsMax = 1000;
constexpr auto kProbeInterval = 5s, kProbeIntervalInTrouble = 1s;
constexpr auto kSilenceMax = 5s;  // something waits and nothing was acknowledged
constexpr auto kFarewell = 10s, kFarewellInTrouble = 1s;
// So long librdkafka keeps a record that cannot be delivered; its sender tries again.
constexpr const char* kMessageTimeoutMs = "60000";
constexpr const char* kMessageBytesMax = "4000000";

}  // namespace

struct KafkaProducer::Impl {
  // Of one record on its way.
  struct Letter {
    Impl* impl;
    Done done;
    uint64_t bytes;
    std::string topic;
  };

  Impl(KafkaConfig config_given, const Limits& limits_given)
      : config(std::move(config_given)), limits(limits_given), last_progress(Clock::now()) {}

  Result<rd_kafka_t*> make() {
    auto conf = make_conf(config, {{"enable.idempotence", "true"},
                                   {"acks", "all"},
                                   {"linger.ms", "5"},
                                   {"message.max.bytes", kMessageBytesMax},
                                   {"message.timeout.ms", kMessageTimeoutMs},
                                   {"partitioner", "murmur2_random"},
                                   {"queue.buffering.max.messages", std::to_string(limits.records_max + 1)},
                                   {"queue.buffering.max.kbytes", std::to_string(limits.bytes_max / 512 + 8192)}});
    if (!conf) return conf.error();
    rd_kafka_conf_set_opaque(conf->get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf->get(), &Impl::on_delivery);
    rd_kafka_conf_set_error_cb(conf->get(), &Impl::on_error);
    char why[512];
    rd_kafka_t* made = rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), why, sizeof why);
    if (made == nullptr) return Error{ErrorCode::kInvalid, std::string("log.kafka: ") + why};
    (void)conf->release();  // it belongs to the producer now
    return made;
  }

  static void on_error(rd_kafka_t*, int code, const char* reason, void* opaque) {
    Impl& impl = *static_cast<Impl*>(opaque);
    const auto error = static_cast<rd_kafka_resp_err_t>(code);
    if (error == RD_KAFKA_RESP_ERR__FATAL) {
      impl.fatal = true;
      return;
    }
    impl.complaint.note(error, reason);
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || impl.complaint.refused()) impl.down = true;
  }

  static void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
    const std::unique_ptr<Letter> letter(static_cast<Letter*>(message->_private));
    Impl& impl = *letter->impl;
    Status status;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      Error error = kafka_error(impl.config, message->err, impl.complaint);
      error.message = "topic " + letter->topic + ": " + error.message;
      status = error;
    } else {
      impl.last_progress = Clock::now();
      impl.down = false;
    }
    if (letter->done) letter->done(status);
    impl.settle(letter->bytes);
  }

  void settle(uint64_t bytes) {
    {
      std::lock_guard lock(mutex);
      unsettled_records -= 1;
      unsettled_bytes -= bytes;
      if (unsettled_records > 0) return;
    }
    settled.notify_all();
  }

  Status produce(const KafkaMessage& message, Done done) {
    const uint64_t bytes = message.key.size() + message.value.size() + sizeof(Letter);
    std::lock_guard lock(mutex);
    const bool room = unsettled_records < limits.records_max && unsettled_bytes + bytes <= limits.bytes_max;
    if (stopping || !room || handle == nullptr) {
      return Error{ErrorCode::kBusy, trouble_text.empty() ? "the log's queue is full" : trouble_text};
    }
    rd_kafka_headers_t* headers = nullptr;
    if (!message.headers.empty()) {
      headers = rd_kafka_headers_new(message.headers.size());
      for (const KafkaHeader& header : message.headers) {
        rd_kafka_header_add(headers, header.name.data(), static_cast<ssize_t>(header.name.size()), header.value.data(),
                            static_cast<ssize_t>(header.value.size()));
      }
    }
    auto letter = std::make_unique<Letter>(Letter{this, std::move(done), bytes, message.topic});
    void* value = message.has_value ? const_cast<char*>(message.value.data()) : nullptr;
    const size_t value_size = message.has_value ? message.value.size() : 0;
    const rd_kafka_resp_err_t error =
        rd_kafka_producev(handle, RD_KAFKA_V_TOPIC(message.topic.c_str()), RD_KAFKA_V_PARTITION(message.partition),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_KEY(message.key.data(), message.key.size()), RD_KAFKA_V_VALUE(value, value_size),
                          RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(letter.get()), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (headers != nullptr) rd_kafka_headers_destroy(headers);
      if (error == RD_KAFKA_RESP_ERR__FATAL) {
        fatal = true;
        return Error{ErrorCode::kBusy, "the log's producer is being replaced"};
      }
      return kafka_error(config, error, complaint);
    }
    (void)letter.release();  // the delivery report brings it back
    if (unsettled_records == 0) last_progress = Clock::now();
    unsettled_records += 1;
    unsettled_bytes += bytes;
    return {};
  }

  void run() {
    Clock::time_point next_probe = Clock::now() + kProbeInterval;
    Clock::time_point give_up = Clock::time_point::max();
    for (;;) {
      rd_kafka_poll(handle, kPollMs);
      if (fatal) renew();
      const Clock::time_point now = Clock::now();
      const bool ending = is_stopping();
      if (ending && idle()) return;
      if (ending) {
        const Clock::time_point latest = now + (in_trouble() ? kFarewellInTrouble : kFarewell);
        give_up = std::min(give_up, latest);
        if (now >= give_up) return refuse_rest();
      } else if (now >= next_probe) {
        probe();
        next_probe = Clock::now() + (in_trouble() ? kProbeIntervalInTrouble : kProbeInterval);
      }
      judge();
      if (in_trouble() && next_probe > now + kProbeIntervalInTrouble) next_probe = now + kProbeIntervalInTrouble;
    }
  }

  // Is anybody there? The answer also tells of topics that have gone.
  void probe() {
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto error = rd_kafka_metadata(handle, 0, nullptr, &metadata, kProbeAnswerMsMax);
    missing_topic.clear();
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      complaint.note(error, rd_kafka_err2str(error));
      down = true;
      return;
    }
    for (int i = 0; i < metadata->topic_cnt; ++i) {
      if (metadata->topics[i].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) missing_topic = metadata->topics[i].topic;
    }
    rd_kafka_metadata_destroy(metadata);
    down = false;
    complaint.forget();
  }

  // Makes the sentence of the moment.
  void judge() {
    std::string text;
    const auto silence = Clock::now() - last_progress.load();
    if (down) {
      text = kafka_error(config, RD_KAFKA_RESP_ERR__TRANSPORT, complaint).message;
    } else if (!missing_topic.empty()) {
      text = "Kafka at " + config.brokers + " has no topic " + missing_topic + " any more";
    } else if (!idle() && silence > kSilenceMax) {
      const std::string why = complaint.text();
      text = "Kafka at " + config.brokers + " has acknowledged nothing for " +
             std::to_string(std::chrono::duration_cast<std::chrono::seconds>(kSilenceMax).count()) + " s or more" +
             (why.empty() ? "" : ": " + why);
    }
    {
      std::lock_guard lock(mutex);
      if (text == trouble_text) return;
      if (!text.empty() && !trouble_text.empty()) {  // the same trouble in other words
        trouble_text = text;
        return;
      }
      trouble_text = text;
    }
    settled.notify_all();
    if (text.empty()) {
      runtime::log_info("Kafka at " + config.brokers + " is written again");
    } else {
      runtime::log_error(text + "; trying again");
    }
  }

  // Kafka has declared this producer dead (its sequence numbers do not fit any more): what it has not delivered is
  // reported as failed, and a new one goes on.
  void renew() {
    char why[512] = "";
    const rd_kafka_resp_err_t code = rd_kafka_fatal_error(handle, why, sizeof why);
    runtime::log_error("Kafka at " + config.brokers + " ended the producer (" + std::string(rd_kafka_err2name(code)) +
                       ": " + why + "); going on with a new one");
    rd_kafka_t* old = nullptr;
    {
      std::lock_guard lock(mutex);
      std::swap(old, handle);
    }
    drain(old);
    rd_kafka_destroy(old);
    renewed += 1;
    fatal = false;
    auto made = make();
    CHECK(made.ok());  // the same configuration was good before
    std::lock_guard lock(mutex);
    handle = *made;
  }

  void drain(rd_kafka_t* from) {
    while (!idle()) {
      rd_kafka_purge(from, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
      rd_kafka_poll(from, kPollMs);
    }
  }

  void refuse_rest() { drain(handle); }

  bool idle() const {
    std::lock_guard lock(mutex);
    return unsettled_records == 0;
  }
  bool is_stopping() const {
    std::lock_guard lock(mutex);
    return stopping;
  }
  bool in_trouble() const {
    std::lock_guard lock(mutex);
    return !trouble_text.empty();
  }

  const KafkaConfig config;
  const Limits limits;
  LastComplaint complaint;
  std::atomic<bool> fatal{false}, down{false};
  std::atomic<uint64_t> renewed{0};
  std::atomic<Clock::time_point> last_progress;
  std::string missing_topic;  // of the thread

  mutable std::mutex mutex;
  std::condition_variable settled;
  rd_kafka_t* handle = nullptr;  // changed by the thread only; nothing while it is being replaced
  uint64_t unsettled_records = 0, unsettled_bytes = 0;
  std::string trouble_text;
  bool stopping = false;
  std::thread thread;
};

KafkaProducer::KafkaProducer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::open(const KafkaConfig& config, const Limits& limits) {
  auto impl = std::make_unique<Impl>(config, limits);
  auto made = impl->make();
  if (!made) return made.error();
  impl->handle = *made;
  Impl* raw = impl.get();
  impl->thread = std::thread([raw] { raw->run(); });
  return std::unique_ptr<KafkaProducer>(new KafkaProducer(std::move(impl)));
}

KafkaProducer::~KafkaProducer() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->thread.join();
  rd_kafka_destroy(impl_->handle);
}

Status KafkaProducer::produce(const KafkaMessage& message, Done done) {
  return impl_->produce(message, std::move(done));
}

void KafkaProducer::flush() {
  std::unique_lock lock(impl_->mutex);
  impl_->settled.wait(lock, [this] { return impl_->unsettled_records == 0 || !impl_->trouble_text.empty(); });
}

std::string KafkaProducer::trouble() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->trouble_text;
}

uint64_t KafkaProducer::renewals() const { return impl_->renewed; }

}  // namespace tributary::log
