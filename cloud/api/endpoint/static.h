// SPDX-License-Identifier: Apache-2.0
// The dashboard's files, read and compressed once at the start: what is served is exactly what was there, and no path
// of a request ever reaches the file system.
#pragma once

#include <map>
#include <string>

#include "cloud/http/server.h"
#include "common/runtime/result.h"

namespace tributary::api {

class StaticFiles {
 public:
  // Reads every file below dir (at most 64 MiB). Error: kNotFound without index.html.
  static Result<StaticFiles> load(const std::string& dir);

  // The answer for a path: a file, compressed where the client takes that; index.html for the page's own routes; else
  // 404, to a browser's navigation with the page as its body, which then says so in its own words.
  http::Response answer(const http::Request& request) const;
  // A type by a name's ending.
  static std::string content_type(const std::string& name);

 private:
  struct File {
    std::string content_type, etag, cache_control, body;
    std::string gzipped;  // empty: not worth it
  };
  static http::Response told(const http::Request& request, const File& file);
  std::map<std::string, File> files_;  // by path, "/index.html"
};

}  // namespace tributary::api
