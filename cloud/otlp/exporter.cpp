// SPDX-License-Identifier: Apache-2.0
// OtlpExporter, see exporter.h.
#include "cloud/otlp/exporter.h"

#include <httplib.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <exception>
#include <fstream>

#include "cloud/query/question/last.h"
#include "cloud/query/question/rows.h"
#include "cloud/render/otlp.h"
#include "cloud/render/told_rows.h"
#include "common/runtime/program.h"

namespace tributary::api {
namespace {

constexpr size_t kAnswerBytesMax = 64 * 1024;
constexpr int64_t kRetryAfterMaxMs = 300'000;
constexpr int kConnectMsMax = 5'000;

int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

const char* reason_of(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
    case httplib::Error::BindIPAddress:
      return "connect";
    case httplib::Error::ConnectionTimeout:
      return "connect_timeout";
    case httplib::Error::Read:
      return "read";
    case httplib::Error::Write:
      return "write";
    case httplib::Error::Canceled:
      return "canceled";
    case httplib::Error::SSLConnection:
    case httplib::Error::SSLLoadingCerts:
    case httplib::Error::SSLServerVerification:
      return "tls";
    default:
      return "other";
  }
}

// "Name: value" lines; what was wrong, without the line's text, which is secret.
std::string read_headers(const std::string& file, http::Fields& headers) {
  std::ifstream in(file);
  if (!in) return "no readable file";
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty()) continue;
    const size_t colon = line.find(':');
    const auto control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
    if (colon == std::string::npos || colon == 0 || line.find(' ') < colon ||
        std::any_of(line.begin(), line.end(), control))
      return "line " + std::to_string(number) + " is no header";
    headers.emplace_back(line.substr(0, colon),
                         line.substr(std::min(line.find_first_not_of(' ', colon + 1), line.size())));
  }
  return "";
}

}  // namespace

std::vector<OtlpConfig> read_otlp_config(runtime::ConfigTable root) {
  std::vector<OtlpConfig> all;
  for (auto& table : root.tables("otlp")) {
    OtlpConfig config;
    const std::string endpoint = table.required_text("endpoint");
    const size_t scheme = endpoint.find("://");
    const size_t slash = scheme == std::string::npos ? endpoint.npos : endpoint.find('/', scheme + 3);
    if ((!endpoint.starts_with("http://") && !endpoint.starts_with("https://")) || endpoint.size() <= scheme + 3 ||
        slash == scheme + 3 || endpoint.find_first_of(" \t\r\n@#") != std::string::npos) {
      if (!endpoint.empty())
        table.complain("endpoint", endpoint, "http://host:port[/path] or https://…, without user or password");
    } else {
      config.origin = endpoint.substr(0, slash);
      config.path = slash == std::string::npos || slash + 1 == endpoint.size() ? "/v1/metrics" : endpoint.substr(slash);
    }
    config.tenant = table.required_text("tenant");
    config.interval_ms = table.integer("interval_seconds", config.interval_ms / 1000, 1, 86'400) * 1000;
    config.timeout_ms = static_cast<int>(table.integer("timeout_ms", config.timeout_ms, 100, 120'000));
    config.metrics = table.texts("metrics");
    config.ca_file = table.readable_file("ca_file");
    if (const std::string file = table.text("headers_file"); !file.empty()) {
      if (const std::string wrong = read_headers(file, config.headers); !wrong.empty())
        table.complain("headers_file", file + " (" + wrong + ")", "a file with lines \"Name: value\"");
    }
    all.push_back(std::move(config));
  }
  return all;
}

class OtlpExporter::Connection {
 public:
  explicit Connection(const OtlpConfig& config) : client(config.origin) {
    client.set_keep_alive(true);
    client.set_tcp_nodelay(true);
    const int connect_ms = std::min(config.timeout_ms, kConnectMsMax);
    client.set_connection_timeout(connect_ms / 1000, connect_ms % 1000 * 1000);
    client.set_read_timeout(config.timeout_ms / 1000, config.timeout_ms % 1000 * 1000);
    client.set_write_timeout(config.timeout_ms / 1000, config.timeout_ms % 1000 * 1000);
    if (!config.ca_file.empty()) client.set_ca_cert_path(config.ca_file);
  }
  httplib::Client client;
};

OtlpExporter::OtlpExporter(OtlpConfig config, Dependencies parts)
    : config_(std::move(config)), parts_(std::move(parts)) {}

OtlpExporter::~OtlpExporter() { stop(); }

void OtlpExporter::start() {
  thread_ = std::thread([this] { run(); });
}

void OtlpExporter::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    if (connection_) connection_->client.stop();
  }
  woken_.notify_all();
  if (thread_.joinable()) thread_.join();
}

OtlpExporter::Facts OtlpExporter::facts() const {
  std::lock_guard lock(mutex_);
  return facts_;
}

bool OtlpExporter::pause(int64_t ms) {
  std::unique_lock lock(mutex_);
  return !woken_.wait_for(lock, std::chrono::milliseconds(std::max<int64_t>(ms, 0)), [&] { return stopping_; });
}

void OtlpExporter::run() {
  while (true) {
    const int64_t begin_ms = steady_ms();
    if (round()) {
      note("");
      std::lock_guard lock(mutex_);
      facts_.told_ns = parts_.now_ns();
    }
    if (!pause(begin_ms + config_.interval_ms - steady_ms())) return;
  }
}

// Says what changed, once.
void OtlpExporter::note(const std::string& trouble) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || trouble == trouble_) return;
    trouble_ = trouble;
    facts_.up = trouble.empty();
  }
  parts_.say("otlp " + config_.origin + ": " + (trouble.empty() ? "delivering" : trouble));
}

bool OtlpExporter::round() {
  const int64_t deadline_ms = steady_ms() + config_.interval_ms;
  if (config_.metrics.empty()) return tell({.tenant = config_.tenant}, deadline_ms);
  return std::all_of(config_.metrics.begin(), config_.metrics.end(), [&](const std::string& metric) {
    return tell({.tenant = config_.tenant, .metric = metric}, deadline_ms);
  });
}

bool OtlpExporter::tell(const query::Selection& selection, int64_t deadline_ms) {
  std::string after;
  while (true) {
    const int64_t now_ns = parts_.now_ns();
    const auto found = parts_.query->ask(query::AskLast{selection, std::nullopt, after, config_.series_at_once});
    if (!found) {
      note("cannot read the state: " + found.error().message);
      return false;
    }
    OtlpRequest request(config_.tenant, parts_.instance);
    const auto totals = total_rows(*found);
    const auto windows = newest_rows(*found, config_.window_s, now_ns - config_.max_age_s * kNanosPerSecond);
    Status read = query::rows(*parts_.query, config_.tenant, totals, [&](size_t i, const stats::Summary& total) {
      request.add_total(totals[i].series, total, now_ns);
    });
    if (read) {
      read = query::rows(*parts_.query, config_.tenant, windows.keys, [&](size_t i, const stats::Summary& window) {
        request.add_window(windows.keys[i], window, now_ns);
      });
    }
    if (!read) {
      note("cannot read the state: " + read.error().message);
      return false;
    }
    if (request.points() > 0 && !deliver(request.take(), request.points(), deadline_ms)) return false;
    if (found->size() < config_.series_at_once) return true;
    after = found->back().series.id();
  }
}

// Until the collector has it, refuses it, or the round's time is over.
bool OtlpExporter::deliver(const std::string& body, uint64_t points, int64_t deadline_ms) {
  for (int64_t wait_ms = config_.retry_ms;; wait_ms = std::min(wait_ms * 2, config_.retry_ms_max)) {
    std::string reason;
    int64_t retry_after_ms = 0;
    const Sent sent = send(body, reason, retry_after_ms);
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return false;
      ++facts_.requests_total;
      if (sent == Sent::kGood) facts_.points_total += points;
      if (sent != Sent::kGood) ++facts_.failures_total[reason];
    }
    if (sent == Sent::kGood) return true;
    note((sent == Sent::kAgain ? "not delivered: " : "refused: ") + reason);
    // Half of the pause is random, so that several do not come together.
    const int64_t jitter_ms = static_cast<int64_t>(runtime::random_bits() % static_cast<uint64_t>(wait_ms / 2 + 1));
    const int64_t pause_ms = std::max(retry_after_ms, wait_ms / 2 + jitter_ms);
    if (sent == Sent::kRefused || steady_ms() + pause_ms >= deadline_ms || !pause(pause_ms)) return false;
  }
}

OtlpExporter::Sent OtlpExporter::send(const std::string& body, std::string& reason, int64_t& retry_after_ms) {
  Connection* connection = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return Sent::kRefused;
    if (!connection_) connection_ = std::make_unique<Connection>(config_);
    connection = connection_.get();
  }
  httplib::Request request;
  request.method = "POST";
  request.path = config_.path;
  for (const auto& [name, value] : config_.headers) request.headers.emplace(name, value);
  request.headers.emplace("Content-Type", "application/x-protobuf");
  request.headers.emplace("User-Agent", std::string("tributary/") + runtime::kVersion);
  request.body = body;
  std::string answer;
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    if (answer.size() + size > kAnswerBytesMax) return false;
    answer.append(data, size);
    return true;
  };
  int status = 0;
  std::string retry_after;
  try {
    const auto result = connection->client.send(request);
    if (!result) {
      reason = reason_of(result.error());
      return Sent::kAgain;
    }
    status = result->status;
    retry_after = result->get_header_value("Retry-After");
  } catch (const std::exception&) {
    reason = "other";
    return Sent::kAgain;
  }
  if (status >= 200 && status < 300) {
    if (const auto parsed = parse_otlp_answer(answer); parsed && parsed->rejected > 0) {
      {
        std::lock_guard lock(mutex_);
        facts_.rejected_points_total += parsed->rejected;
      }
    }
    return Sent::kGood;
  }
  reason = "status_" + std::to_string(status);
  int64_t seconds = 0;
  std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), seconds);
  retry_after_ms = std::clamp<int64_t>(seconds, 0, kRetryAfterMaxMs / 1000) * 1000;
  const bool again = status == 429 || status == 502 || status == 503 || status == 504;
  return again ? Sent::kAgain : Sent::kRefused;
}

void otlp_families(Exposition& text, const std::vector<std::unique_ptr<OtlpExporter>>& exporters) {
  if (exporters.empty()) return;
  std::vector<OtlpExporter::Facts> facts;
  for (const auto& exporter : exporters) facts.push_back(exporter->facts());
  const auto each = [&](const auto& value) {
    for (size_t i = 0; i < facts.size(); ++i) text.sample(value(facts[i]), {{"exporter", std::to_string(i)}});
  };
  text.gauge("tributary_otlp_up", "1 while the collector takes what it is sent.");
  each([](const auto& one) { return uint64_t{one.up}; });
  text.gauge("tributary_otlp_told_timestamp_seconds", "When everything was told last; 0: never.");
  each([](const auto& one) { return static_cast<double>(one.told_ns) / kNanosPerSecond; });
  text.counter("tributary_otlp_requests_total", "Requests sent, repeated ones included.");
  each([](const auto& one) { return one.requests_total; });
  text.counter("tributary_otlp_points_total", "Data points delivered.");
  each([](const auto& one) { return one.points_total; });
  text.counter("tributary_otlp_rejected_points_total", "Data points delivered that the collector rejected.");
  each([](const auto& one) { return one.rejected_points_total; });
  text.counter("tributary_otlp_failures_total", "Requests that were not taken, by reason.");
  for (size_t i = 0; i < facts.size(); ++i) {
    for (const auto& [reason, count] : facts[i].failures_total)
      text.sample(count, {{"exporter", std::to_string(i)}, {"reason", reason}});
  }
}

}  // namespace tributary::api
