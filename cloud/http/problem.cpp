// SPDX-License-Identifier: Apache-2.0
// Problem details, see problem.h.
#include "cloud/http/problem.h"

#include "cloud/http/json_writer.h"
#include "common/runtime/probes.h"

namespace tributary::http {

const char* reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return status < 400 ? "OK" : "Error";
  }
}

std::string problem_json(const Problem& problem) {
  constexpr size_t kFoundBytesMax = 200;
  api::JsonWriter json;
  runtime::begin_problem(json, problem.status, reason_phrase(problem.status), problem.detail);
  if (!problem.parameter.empty()) json.field("parameter", problem.parameter);
  if (!problem.expected.empty())
    json.field("found", problem.found.substr(0, kFoundBytesMax)).field("expected", problem.expected);
  if (problem.limit > 0) json.field("limit", problem.limit);
  if (!problem.suggestion.empty()) json.field("suggestion", problem.suggestion);
  json.end_object();
  return json.take();
}

Response problem_response(const Problem& problem) {
  Response response;
  response.status = problem.status;
  response.content_type = runtime::kProblemType;
  response.body = problem_json(problem);
  response.headers.emplace_back("Cache-Control", "no-store");
  if (problem.retry_after_s > 0) response.headers.emplace_back("Retry-After", std::to_string(problem.retry_after_s));
  return response;
}

}  // namespace tributary::http
