// SPDX-License-Identifier: Apache-2.0
// Delivery, see http_delivery.h.
#include "cloud/http/delivery.h"

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "common/runtime/sha256.h"

namespace tributary::http {
namespace {

constexpr size_t kTagDigits = 32;
constexpr const char* kCorsHeaders =
    "X-API-Key, Authorization, Accept, Content-Type, If-None-Match, Last-Event-ID, Idempotency-Key";
constexpr const char* kCorsExposed = "ETag, Date, Retry-After, X-Missing-Partitions";
constexpr const char* kCorsSeconds = "600";
constexpr const char* kTenantHeaders = "X-API-Key, Authorization, Cookie, Accept, Accept-Encoding";

std::string_view trimmed_element(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes the next element of a list off the front.
std::string_view next_element(std::string_view& list, char separator) {
  const size_t end = std::min(list.find(separator), list.size());
  const std::string_view element = trimmed_element(list.substr(0, end));
  list.remove_prefix(std::min(end + 1, list.size()));
  return element;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

std::string_view header_of(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

void add_vary(Response& response, std::string_view names) {
  for (auto& [key, value] : response.headers) {
    if (key != "Vary") continue;
    value.append(", ").append(names);
    return;
  }
  response.headers.emplace_back("Vary", names);
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out.append(out.empty() ? "" : ", ").append(text);
  return out;
}

// All but the moment as of which it is so: that moves on with every answer, and an older one stays true.
std::string digest_of(const std::string& body) {
  constexpr std::string_view kMoment = "\"as_of\":\"";
  const size_t at = body.rfind(kMoment);
  if (at == std::string::npos) return runtime::sha256_hex(body);
  const size_t end = std::min(body.find('"', at + kMoment.size()), body.size());
  return runtime::sha256_hex(runtime::sha256_hex(body.substr(0, at)) + runtime::sha256_hex(body.substr(end)));
}

}  // namespace

bool is_origin(std::string_view text) {
  if (text == "*") return true;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view host = text.substr(scheme.size());
    return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':' || c == '[' ||
             c == ']';
    });
  }
  return false;
}

std::vector<std::string> read_cors_origins(runtime::ConfigTable& http) {
  std::vector<std::string> origins = http.texts("cors_origins");
  for (const std::string& origin : origins) {
    if (!is_origin(origin))
      http.complain("cors_origins", origin,
                    "\"*\", or origins such as \"https://app.example\", in lower case, without a path");
  }
  return origins;
}

bool accepts_gzip(std::string_view accept_encoding) {
  std::optional<bool> named, any;
  while (!accept_encoding.empty()) {
    std::string_view element = next_element(accept_encoding, ',');
    const std::string_view coding = next_element(element, ';');
    bool wanted = true;
    while (!element.empty()) {
      const std::string_view parameter = next_element(element, ';');
      // q=0, 0.0, 0.00 or 0.000: not acceptable.
      if (parameter.size() >= 3 && (parameter.starts_with("q=") || parameter.starts_with("Q=")))
        wanted = parameter.find_first_not_of("0.", 2) != std::string_view::npos;
    }
    if (same_word(coding, "gzip") || same_word(coding, "x-gzip")) named = wanted;
    if (coding == "*") any = wanted;
  }
  return named.value_or(any.value_or(false));
}

std::optional<std::string> gzip(std::string_view text, int level) {
  z_stream stream{};
  constexpr int kGzipWindow = 15 + 16;
  if (deflateInit2(&stream, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) return std::nullopt;
  std::string out(text.size(), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int ended = deflate(&stream, Z_FINISH);
  const size_t size = stream.total_out;
  deflateEnd(&stream);
  if (ended != Z_STREAM_END || size >= text.size()) return std::nullopt;
  out.resize(size);
  return out;
}

bool names_tag(std::string_view if_none_match, std::string_view tag) {
  auto plain = [](std::string_view one) { return one.starts_with("W/") ? one.substr(2) : one; };
  while (!if_none_match.empty()) {
    const std::string_view one = next_element(if_none_match, ',');
    if (one == "*" || plain(one) == plain(tag)) return true;
  }
  return false;
}

Response Delivery::answer(const Request& request, const Handler& next) {
  const bool crosses = !config_.cors_origins.empty();
  const bool asks_before = request.method == "OPTIONS" && !request.header("access-control-request-method").empty();
  Response response = crosses && asks_before ? preflight(request) : next(request);
  if (crosses) allow_origin(request, response);
  if (response.stream || request.method != "GET" || response.status != 200) return response;
  const bool tagged = header_of(response, "Cache-Control") == kRevalidate;
  if (tagged) tag(request, response);
  if (response.status == 200) compress(request, response);
  return response;
}

// What may be sent is answered alike for every path: whether there is something is told to who has a key.
Response Delivery::preflight(const Request&) const {
  Response response{.status = 204, .content_type = ""};
  response.headers = {{"Access-Control-Allow-Methods", joined(config_.cors_methods)},
                      {"Access-Control-Allow-Headers", kCorsHeaders},
                      {"Access-Control-Max-Age", kCorsSeconds}};
  return response;
}

void Delivery::allow_origin(const Request& request, Response& response) const {
  const auto& origins = config_.cors_origins;
  const bool any = std::find(origins.begin(), origins.end(), "*") != origins.end();
  const std::string origin(request.header("origin"));
  if (!any) add_vary(response, "Origin");
  if (origin.empty() || (!any && std::find(origins.begin(), origins.end(), origin) == origins.end())) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", any ? "*" : origin);
  response.headers.emplace_back("Access-Control-Expose-Headers", kCorsExposed);
}

// The tag is a digest of what is told, completeness and missing partitions included: an answer changes with the state,
// with the time and with what other aggregators say, and nothing less than the answer knows all three. It is weak: the
// same answer may come compressed or not.
void Delivery::tag(const Request& request, Response& response) const {
  const std::string missing(header_of(response, "X-Missing-Partitions"));
  std::string digest = digest_of(response.body);
  if (!missing.empty()) digest = runtime::sha256_hex(digest + missing);
  const std::string tag = "W/\"" + digest.substr(0, kTagDigits) + "\"";
  response.headers.emplace_back("ETag", tag);
  add_vary(response, kTenantHeaders);
  if (!names_tag(request.header("if-none-match"), tag)) return;
  response.status = 304;
  response.content_type.clear();
  response.body.clear();
}

void Delivery::compress(const Request& request, Response& response) {
  const size_t size = response.body.size();
  const bool text = response.content_type.starts_with("application/json") || response.content_type.starts_with("text/");
  if (!text || size < config_.gzip_bytes_min || size > config_.gzip_bytes_max) return;
  const std::string_view tag = header_of(response, "ETag");
  if (!tag.empty() && !tag.starts_with("W/")) return;  // a strong tag stands for these very bytes
  if (tag.empty()) add_vary(response, "Accept-Encoding");
  if (!accepts_gzip(request.header("accept-encoding"))) return;
  if (gzip_jobs_.fetch_add(1) < config_.gzip_jobs_max) {
    if (auto shorter = gzip(response.body)) {
      response.body = std::move(*shorter);
      response.headers.emplace_back("Content-Encoding", "gzip");
    }
  }
  --gzip_jobs_;
}

}  // namespace tributary::http
