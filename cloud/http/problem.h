// SPDX-License-Identifier: Apache-2.0
// Problem details (RFC 9457): the one form of every error answer.
#pragma once

#include <string>

#include "cloud/http/server.h"

namespace tributary::http {

struct Problem {
  int status = 500;
  std::string detail;      // one sentence for a person
  std::string parameter;   // the query parameter, header or field that was wrong; empty: none
  std::string found;       // what stood there; cut to 200 bytes in the answer
  std::string expected;    // what should have
  uint64_t limit = 0;      // > 0: the number that was exceeded
  std::string suggestion;  // a value that would do
  int retry_after_s = 0;   // > 0: header Retry-After
};

// The reason phrase of a status ("Not Found").
const char* reason_phrase(int status);
// The body, application/problem+json.
std::string problem_json(const Problem& problem);
Response problem_response(const Problem& problem);

}  // namespace tributary::http
