// SPDX-License-Identifier: Apache-2.0
// HttpCodec, see http_codec.h. The only file that includes cpp-httplib.
#include "cloud/http/codec.h"

#include <fcntl.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "cloud/http/problem.h"

namespace tributary::http {
namespace {

constexpr size_t kKeepAliveMax = 1'000'000;  // the library tells clients a number; there is no bound

// A connection that is two strings.
class MemoryStream final : public httplib::Stream {
 public:
  MemoryStream(std::string input, std::string& output) : input_(std::move(input)), output_(output) {}
  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, size_t size) override {
    size = std::min(size, input_.size() - at_);
    std::memcpy(to, input_.data() + at_, size);
    at_ += size;
    return static_cast<ssize_t>(size);
  }
  ssize_t write(const char* from, size_t size) override {
    output_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  // None: with a real number the library would refuse those of 1,024 and more.
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  std::string input_;
  std::string& output_;
  size_t at_ = 0;
};

// The present as HTTP writes it (RFC 9110, section 5.6.7); clients learn this machine's clock from it.
std::string date() {
  thread_local std::time_t written = -1;
  thread_local char text[40];
  thread_local size_t size = 0;
  if (const std::time_t now = std::time(nullptr); now != written) {
    written = now;
    std::tm parts{};
    gmtime_r(&now, &parts);
    size = std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  }
  return std::string(text, size);
}

}  // namespace

struct HttpCodec::Impl final : public httplib::Server {
  Impl(const Fields& defaults, int keep_alive_s) : default_fields(defaults) {
    set_keep_alive_timeout(keep_alive_s);
    set_keep_alive_max_count(kKeepAliveMax);
    // Before routing, so that neither the library's patterns nor its body reading take part.
    set_pre_routing_handler([this](const httplib::Request& from, httplib::Response& to) {
      respond(from, to);
      return HandlerResponse::Handled;
    });
  }

  void respond(const httplib::Request& from, httplib::Response& to) {
    request.method = method == "HEAD" ? "GET" : method;
    request.path = from.path;
    request.params.assign(from.params.begin(), from.params.end());
    try {
      response = (*route)(request);
    } catch (const std::exception&) {
      // Nothing of ours throws; this is memory, and says nothing about anything else in the process.
      response = problem_response({.status = 503, .detail = "There was no memory for the answer.", .retry_after_s = 1});
    }
    to.status = response.status;
    to.set_header("Date", date());
    for (const auto& [name, value] : response.headers) to.set_header(name, value);
    for (const auto& [name, value] : default_fields) {
      if (!to.has_header(name)) to.set_header(name, value);
    }
    if (response.stream) return;
    to.body = std::move(response.body);
    if (!response.content_type.empty() && !to.has_header("Content-Type"))
      to.set_header("Content-Type", response.content_type);
  }

  bool run(std::string input, std::string& output, bool keep_alive) {
    MemoryStream stream(std::move(input), output);
    bool closed = false;
    return process_request(stream, !keep_alive, closed, nullptr);
  }

  const Fields& default_fields;
  std::string method;
  Request request;
  Response response;
  const http::Handler* route = nullptr;
};

HttpCodec::HttpCodec(const Fields& default_headers, int keep_alive_s)
    : impl_(std::make_unique<Impl>(default_headers, keep_alive_s)) {}
HttpCodec::~HttpCodec() = default;

HttpCodec::Answer HttpCodec::answer(const Head& head, std::string body, std::string remote, bool keep_alive,
                                    const http::Handler& route) {
  impl_->request = Request{};
  impl_->request.headers = head.headers;
  impl_->request.body = std::move(body);
  impl_->request.remote = std::move(remote);
  impl_->response = Response{};
  impl_->response.status = 0;
  impl_->route = &route;
  Answer answer;
  // The library knows fewer methods; all it has to know is whether there will be a body.
  impl_->method = head.method;
  impl_->run((head.method == "HEAD" ? "HEAD " : "GET ") + head.target + " HTTP/1.1\r\nHost: -\r\n\r\n", answer.bytes,
             keep_alive);
  answer.status = impl_->response.status;
  if (answer.status == 0 || answer.bytes.empty()) {
    // The library refused the line without calling us (a target it cannot take apart).
    Response refused = problem_response({.status = 400,
                                         .detail = "The request target is broken.",
                                         .found = head.target,
                                         .expected = "a path, percent-encoded"});
    answer.status = refused.status;
    answer.bytes = serialize_head(refused, impl_->default_fields) + refused.body;
  }
  if (impl_->response.stream) {
    answer.bytes = serialize_head(impl_->response, impl_->default_fields);
    if (head.method != "HEAD") answer.stream = std::move(impl_->response.stream);
  }
  impl_->request = Request{};
  impl_->response = Response{};
  return answer;
}

std::string serialize_head(const Response& response, const Fields& default_headers) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " " + reason_phrase(response.status) + "\r\n";
  auto add = [&out](const std::string& name, const std::string& value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  add("Date", date());
  for (const auto& [name, value] : response.headers) add(name, value);
  for (const auto& [name, value] : default_headers) {
    bool given = false;
    for (const auto& header : response.headers) given = given || header.first == name;
    if (!given) add(name, value);
  }
  if (!response.content_type.empty()) add("Content-Type", response.content_type);
  if (!response.stream) add("Content-Length", std::to_string(response.body.size()));
  add("Connection", "close");
  return out += "\r\n";
}

}  // namespace tributary::http
