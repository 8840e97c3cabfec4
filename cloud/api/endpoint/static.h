// SPDX-License-Identifier: Apache-2.0
// The dashboard's files, read once at the start: what is served is exactly what was there, and no path of a request
// ever reaches the file system.
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

  // The answer for a path: a file, index.html for the page's own routes, or 404.
  http::Response answer(const http::Request& request) const;
  // A type by a name's ending.
  static std::string content_type(const std::string& name);

 private:
  struct File {
    std::string content_type, etag, cache_control, body;
  };
  std::map<std::string, File> files_;  // by path, "/index.html"
};

}  // namespace tributary::api
