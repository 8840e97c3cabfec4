// SPDX-License-Identifier: Apache-2.0
// Configuration of librdkafka and its errors: see kafka_handle.h and kafka_client.h.
#include "cloud/log/kafka_handle.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <thread>

namespace tributary::log {
namespace {

constexpr std::string_view kScheme = "kafka://";

// Properties that are ours: the log's promises rest on them. A name that ends with a dot stands for all below it.
constexpr std::array<std::pair<std::string_view, std::string_view>, 21> kOurs{{
    {"acks", "every record is acknowledged by all replicas in sync"},
    {"request.required.acks", "every record is acknowledged by all replicas in sync"},
    {"enable.idempotence", "a retry must not write a record twice"},
    {"enable.gapless.guarantee", "a record that failed is sent again by its gateway"},
    {"transactional.id", "records are acknowledged one by one"},
    {"transaction.timeout.ms", "records are acknowledged one by one"},
    {"retries", "a retry must stay possible"},
    {"message.send.max.retries", "a retry must stay possible"},
    {"partitioner", "the partition is computed here"},
    {"msg_order_cmp", "the order is that of the calls"},
    {"queuing.strategy", "the order is that of the calls"},
    {"enable.auto.commit", "the position is kept with the state"},
    {"auto.commit.enable", "the position is kept with the state"},
    {"enable.auto.offset.store", "the position is kept with the state"},
    {"group.id", "the position is kept with the state"},
    {"group.instance.id", "the position is kept with the state"},
    {"auto.offset.reset", "a position outside the log must be seen"},
    {"isolation.level", "offsets must be seen as they are"},
    {"enable.partition.eof", "the end of the log must be seen"},
    {"bootstrap.servers", "the brokers stand in the log's url"},
    {"metadata.broker.list", "the brokers stand in the log's url"},
}};

bool is_secret(std::string_view name) {
  for (const std::string_view part : {"password", "secret", "pem", "jaas", "token", "oauthbearer.config"}) {
    if (name.find(part) != std::string_view::npos) return true;
  }
  return false;
}

bool is_topic_prefix(std::string_view text) {
  constexpr size_t kBytesMax = 200;
  if (text.empty() || text.size() > kBytesMax || text[0] == '.') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

Status set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char why[512];
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) == RD_KAFKA_CONF_OK) return {};
  // A message of librdkafka names the value.
  const std::string shown = is_secret(name) ? "a value that librdkafka does not take" : std::string(why);
  return Error{ErrorCode::kInvalid, "log.kafka \"" + name + "\": " + shown};
}

}  // namespace

Result<KafkaUrl> parse_kafka_url(const std::string& url) {
  const Error wrong{ErrorCode::kInvalid,
                    "found log url \"" + url + "\", expected kafka://host:port[,host:port][/prefix of topics]"};
  if (!url.starts_with(kScheme)) return wrong;
  KafkaUrl out;
  std::string rest = url.substr(kScheme.size());
  if (const size_t slash = rest.find('/'); slash != std::string::npos) {
    out.prefix = rest.substr(slash + 1);
    rest.resize(slash);
    if (!is_topic_prefix(out.prefix)) return wrong;
  }
  // Every broker as host:port; a port left out is Kafka's own.
  for (size_t begin = 0; begin <= rest.size();) {
    const size_t end = std::min(rest.find(',', begin), rest.size());
    const std::string one = rest.substr(begin, end - begin);
    const size_t colon = one.rfind(':');
    const bool has_port = colon != std::string::npos && one.find(']', colon) == std::string::npos;
    const std::string host = has_port ? one.substr(0, colon) : one;
    const std::string port = has_port ? one.substr(colon + 1) : "9092";
    const bool digits = !port.empty() && port.size() <= 5 &&
                        std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (host.empty() || host.find_first_of(" @?#\"\\") != std::string::npos || !digits || std::stoi(port) > 65535 ||
        std::stoi(port) == 0) {
      return wrong;
    }
    out.brokers += (out.brokers.empty() ? "" : ",") + host + ":" + port;
    begin = end + 1;
  }
  return out;
}

Result<KafkaConfig> kafka_config(const LogConfig& config) {
  auto url = parse_kafka_url(config.url);
  if (!url) return url.error();
  if (Status fits = check_kafka_properties(config.kafka); !fits) return fits.error();
  KafkaConfig out;
  out.brokers = url->brokers;
  out.properties = config.kafka;
  out.replicas = config.replicas;
  return out;
}

Status check_kafka_properties(const std::map<std::string, std::string>& properties) {
  const KafkaConf conf(rd_kafka_conf_new());
  for (const auto& [name, value] : properties) {
    for (const auto& [ours, why] : kOurs) {
      if (name == ours) {
        return Error{ErrorCode::kInvalid, "log.kafka \"" + name + "\" cannot be configured: " + std::string(why)};
      }
    }
    if (Status taken = set(conf.get(), name, value); !taken) return taken;
  }
  return {};
}

Result<KafkaConf> make_conf(const KafkaConfig& config, const std::vector<std::pair<const char*, std::string>>& ours) {
  if (Status fits = check_kafka_properties(config.properties); !fits) return fits.error();
  KafkaConf conf(rd_kafka_conf_new());
  rd_kafka_conf_set_log_cb(conf.get(), nullptr);  // what matters comes by the error callback
  std::vector<std::pair<std::string, std::string>> all{
      {"bootstrap.servers", config.brokers}, {"client.id", "tributary"},
      {"socket.nagle.disable", "true"},      {"reconnect.backoff.ms", "100"},
      {"reconnect.backoff.max.ms", "1000"},  {"allow.auto.create.topics", "false"}};
  all.insert(all.end(), config.properties.begin(), config.properties.end());
  for (const auto& [name, value] : ours) {
    if (!config.properties.contains(name)) all.emplace_back(name, value);
  }
  for (const auto& [name, value] : all) {
    if (Status taken = set(conf.get(), name, value); !taken) return taken.error();
  }
  return conf;
}

void destroy_consumer(rd_kafka_t* handle) {
  auto gone = std::make_shared<std::promise<void>>();
  auto waited = gone->get_future();
  std::thread worker([gone, handle] {
    rd_kafka_destroy(handle);
    gone->set_value();
  });
  if (waited.wait_for(std::chrono::seconds(2)) == std::future_status::ready) {
    worker.join();
  } else {
    worker.detach();
  }
}

void LastComplaint::note(rd_kafka_resp_err_t code, const std::string& text) {
  std::lock_guard lock(mutex_);
  // "all brokers are down" says less than what came before it.
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !text_.empty()) return;
  code_ = code;
  text_ = text;
}

void LastComplaint::forget() {
  std::lock_guard lock(mutex_);
  text_.clear();
  code_ = RD_KAFKA_RESP_ERR_NO_ERROR;
}

std::string LastComplaint::text() const {
  std::lock_guard lock(mutex_);
  return text_;
}

bool LastComplaint::refused() const {
  std::lock_guard lock(mutex_);
  return code_ == RD_KAFKA_RESP_ERR__AUTHENTICATION || code_ == RD_KAFKA_RESP_ERR__SSL ||
         code_ == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
}

Error kafka_error(const KafkaConfig& config, rd_kafka_resp_err_t code, const LastComplaint& complaint) {
  const std::string who = "Kafka at " + config.brokers;
  switch (code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return {ErrorCode::kNotFound, who + " has no such topic or partition"};
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return {ErrorCode::kInvalid, who +
                                       " does not take a record so large (max.message.bytes of the topic, "
                                       "message.max.bytes of the broker)"};
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return {ErrorCode::kIo, who + " does not allow it: " + rd_kafka_err2str(code)};
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      return {ErrorCode::kBusy, "the log's queue is full"};
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__SSL: {
      const std::string why = complaint.text();
      const std::string what = complaint.refused() ? " refuses this client" : " does not answer";
      return {ErrorCode::kIo, who + what + (why.empty() ? "" : ": " + why)};
    }
    default:
      return {ErrorCode::kIo, who + ": " + rd_kafka_err2str(code)};
  }
}

}  // namespace tributary::log
