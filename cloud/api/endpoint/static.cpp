// SPDX-License-Identifier: Apache-2.0
// The dashboard's files, see static.h.
#include "cloud/api/endpoint/static.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include "cloud/http/delivery.h"
#include "cloud/http/problem.h"
#include "cloud/tenants/keys.h"
#include "common/runtime/sha256.h"

namespace tributary::api {
namespace {

constexpr uint64_t kFilesBytesMax = 64ULL << 20;
constexpr size_t kGzipBytesMin = 1024;
// Routes of the page itself; it reads them from the address.
constexpr std::array<std::string_view, 5> kRoutes = {"/", "/fleet", "/explore", "/now", "/system"};

// Whether the name carries a hash of the content, as Vite makes them: name-HASH.ext below assets/.
bool is_hashed(const std::string& path) {
  if (!path.starts_with("/assets/")) return false;
  const size_t dot = path.rfind('.'), dash = path.rfind('-');
  return dot != std::string::npos && dash != std::string::npos && dash < dot && dot - dash > 8;
}

bool is_compressible(std::string_view content_type) {
  return content_type.starts_with("text/") || content_type.starts_with("application/json") ||
         content_type == "image/svg+xml";
}

// Whether somebody follows a link with a browser, rather than a program asking for a file or for an answer.
bool is_navigation(const http::Request& request) {
  return !request.path.starts_with("/api/") && !request.path.starts_with("/assets/") &&
         request.header("accept").find("text/html") != std::string_view::npos;
}

}  // namespace

std::string StaticFiles::content_type(const std::string& name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kTypes = {
      {{".html", "text/html; charset=utf-8"},
       {".js", "text/javascript; charset=utf-8"},
       {".css", "text/css; charset=utf-8"},
       {".json", "application/json; charset=utf-8"},
       {".map", "application/json; charset=utf-8"},
       {".svg", "image/svg+xml"},
       {".png", "image/png"},
       {".ico", "image/x-icon"},
       {".webp", "image/webp"},
       {".woff2", "font/woff2"},
       {".woff", "font/woff"},
       {".txt", "text/plain; charset=utf-8"},
       {".webmanifest", "application/manifest+json"},
       {".wasm", "application/wasm"}}};
  for (const auto& [ending, type] : kTypes) {
    if (name.ends_with(ending)) return std::string(type);
  }
  return "application/octet-stream";
}

Result<StaticFiles> StaticFiles::load(const std::string& dir) {
  namespace fs = std::filesystem;
  StaticFiles files;
  uint64_t bytes = 0;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(dir, error); !error && it != fs::recursive_directory_iterator();
       it.increment(error)) {
    if (!it->is_regular_file(error)) continue;
    std::ifstream in(it->path(), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) return Error{ErrorCode::kIo, "dashboard: cannot read " + it->path().string()};
    const std::string path = "/" + it->path().lexically_relative(dir).generic_string();
    File file;
    file.body = text.str();
    bytes += file.body.size();
    if (bytes > kFilesBytesMax) return Error{ErrorCode::kInvalid, "dashboard: more than 64 MiB in " + dir};
    file.content_type = content_type(path);
    file.etag = "\"" + runtime::sha256_hex(file.body).substr(0, 32) + "\"";
    if (is_compressible(file.content_type) && file.body.size() >= kGzipBytesMin)
      file.gzipped = http::gzip(file.body, 9).value_or("");
    file.cache_control = is_hashed(path) ? "public, max-age=31536000, immutable" : "no-cache";
    files.files_.emplace(path, std::move(file));
  }
  if (!files.files_.contains("/index.html"))
    return Error{ErrorCode::kNotFound, "dashboard: found no index.html in " + dir};
  return files;
}

// The two forms of a file have tags of their own, since a strong tag stands for these very bytes.
http::Response StaticFiles::told(const http::Request& request, const File& file) {
  const bool gzipped = !file.gzipped.empty() && http::accepts_gzip(request.header("accept-encoding"));
  const std::string etag = gzipped ? file.etag.substr(0, file.etag.size() - 1) + "-gz\"" : file.etag;
  http::Response response;
  response.content_type = file.content_type;
  response.headers = {{"ETag", etag}, {"Cache-Control", file.cache_control}};
  if (!file.gzipped.empty()) response.headers.emplace_back("Vary", "Accept-Encoding");
  if (http::names_tag(request.header("if-none-match"), etag)) {
    response.status = 304;
    response.content_type.clear();
    return response;
  }
  if (gzipped) response.headers.emplace_back("Content-Encoding", "gzip");
  response.body = gzipped ? file.gzipped : file.body;
  return response;
}

http::Response StaticFiles::answer(const http::Request& request) const {
  const bool route = std::find(kRoutes.begin(), kRoutes.end(), request.path) != kRoutes.end();
  const auto it = files_.find(route ? "/index.html" : request.path);
  if (it != files_.end()) return told(request, it->second);
  if (!is_navigation(request)) return http::problem_response({.status = 404, .detail = "There is nothing here."});
  const File& page = files_.at("/index.html");
  return {
      .status = 404, .content_type = page.content_type, .headers = {{"Cache-Control", "no-cache"}}, .body = page.body};
}

}  // namespace tributary::api
