// SPDX-License-Identifier: Apache-2.0
// Delivery: what is done with every answer on its way out, whatever made it: a tag and 304 for a client that has it
// already, gzip where it pays, and what a browser needs to read it from a page of another origin.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/http/server.h"
#include "common/runtime/config.h"

namespace tributary::http {

// An answer with this Cache-Control may be kept by its client, who asks each time whether it still holds: it gets a
// tag.
inline constexpr const char* kRevalidate = "private, no-cache";

struct DeliveryConfig {
  // Pages of these origins ("https://app.example", without a path) may read answers; "*": any page. They send a key:
  // cookies are never taken from another origin. Empty: nobody.
  std::vector<std::string> cors_origins;
  std::vector<std::string> cors_methods = {"GET", "HEAD"};
  // Below, compressing costs the server more than it spares the network (gzip of 32 KB takes ten times as long as
  // sending it as it is).
  size_t gzip_bytes_min = 128 * 1024;
  size_t gzip_bytes_max = 64 << 20;  // beyond, the copy would be too large
  int gzip_jobs_max = 2;             // at once; the others go out as they are
};

// Whether an origin can stand in cors_origins: "*", or scheme://host[:port] in lower case.
bool is_origin(std::string_view text);
// cors_origins of a configuration's [http]; complains of what is none.
std::vector<std::string> read_cors_origins(runtime::ConfigTable& http);
// Whether an Accept-Encoding header takes gzip (RFC 9110, section 12.5.3).
bool accepts_gzip(std::string_view accept_encoding);
// gzip; level 1 for what is made for one answer, 9 for what is kept. Nothing if it would not be shorter.
std::optional<std::string> gzip(std::string_view text, int level = 1);
// Whether one of the tags of If-None-Match is the tag, compared weakly.
bool names_tag(std::string_view if_none_match, std::string_view tag);

class Delivery {
 public:
  explicit Delivery(DeliveryConfig config) : config_(std::move(config)) {}
  // For HttpServer::around; thread-safe.
  Response answer(const Request& request, const Handler& next);

 private:
  Response preflight(const Request& request) const;
  void allow_origin(const Request& request, Response& response) const;
  void tag(const Request& request, Response& response) const;
  void compress(const Request& request, Response& response);

  const DeliveryConfig config_;
  std::atomic<int> gzip_jobs_{0};
};

}  // namespace tributary::http
