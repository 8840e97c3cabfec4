// SPDX-License-Identifier: Apache-2.0
// What every program answers at /health and /ready, whoever carries it: alive is {"status":"ok"}; ready is 200 with
// {"status":"ready", …} or 503 with a problem document (RFC 9457) whose detail says what is wrong.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/runtime/json_writer.h"

namespace tributary::runtime {

inline constexpr const char* kJsonType = "application/json";
inline constexpr const char* kProblemType = "application/problem+json";
inline constexpr const char* kHealthBody = R"({"status":"ok"})";

struct Probe {
  int status = 200;
  const char* content_type = kJsonType;
  std::string body;
};

// trouble: one sentence, empty when well. fields writes further members, the same whether ready or not.
Probe ready_probe(std::string_view trouble, const std::function<void(JsonWriter&)>& fields = {});

// Begins the object of a problem document: type, title, status and, if there is one, detail.
void begin_problem(JsonWriter& json, int status, std::string_view title, std::string_view detail);

}  // namespace tributary::runtime
