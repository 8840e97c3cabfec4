// SPDX-License-Identifier: Apache-2.0
// The OpenAPI document says what the server serves, and nothing else.
#include <gtest/gtest.h>

#include <set>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

using OpenApiTest = ApiTest;

// Every "$ref" leads somewhere.
void check_references(const Json& document, const Json& part) {
  if (part.is_object() && part.contains("$ref")) {
    const std::string target = part["$ref"];
    ASSERT_TRUE(target.starts_with("#"));
    EXPECT_TRUE(document.contains(Json::json_pointer(target.substr(1)))) << target;
  }
  for (const auto& child : part) {
    if (child.is_structured()) check_references(document, child);
  }
}

TEST_F(OpenApiTest, EveryRouteOfTheServerIsInTheDocumentAndTheReverse) {
  const std::string response = get("/openapi.json", "", false);
  ASSERT_EQ(status_of(response), 200);
  const Json document = Json::parse(body_of(response));
  EXPECT_EQ(document["openapi"], "3.1.0");
  check_references(document, document);
  std::set<std::string> served, told;
  for (const auto& [method, pattern] : server_->routes()) {
    if (method == "POST" && pattern.ends_with("/data")) continue;  // only says that the bridge takes readings
    if (pattern != "/*") served.insert(method + " " + pattern);
  }
  std::set<std::string> ids;
  for (const auto& [path, methods] : document["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      std::string upper = method;
      std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
      told.insert(upper + " " + path);
      EXPECT_TRUE(ids.insert(operation["operationId"]).second) << operation["operationId"];
    }
  }
  EXPECT_EQ(told, served);
}

// The endpoints refuse what they do not know and name what they do: the document has the same names.
TEST_F(OpenApiTest, EveryParameterThatIsTakenIsInTheDocumentAndTheReverse) {
  const Json document = Json::parse(body_of(get("/openapi.json")));
  for (const auto& [path, methods] : document["paths"].items()) {
    if (!methods.contains("get") || methods["get"].contains("security")) continue;
    std::set<std::string> told;
    for (const auto& parameter : methods["get"]["parameters"]) {
      const Json& one =
          document.at(parameter.contains("$ref") ? Json::json_pointer(parameter["$ref"].get<std::string>().substr(1))
                                                 : Json::json_pointer(""));
      told.insert(parameter.contains("$ref") ? one["name"] : parameter["name"]);
    }
    if (path == "/api/v1/session") continue;  // looks at no parameter
    std::string query = "?no_such_parameter=1";
    for (const auto& name : told) {
      if (name == "metric") query += "&metric=temperature";
      if (name == "source" || name == "device_id") query += "&" + name + "=a";
    }
    const Json refused = ask(path + query, 400);
    EXPECT_EQ(refused["parameter"], "no_such_parameter") << path << refused;
    std::set<std::string> taken;
    std::string expected = refused.value("expected", "");
    for (const std::string word : {"one of ", "no parameters"}) {
      if (expected.starts_with(word)) expected.erase(0, word.size());
    }
    for (size_t at = 0; at < expected.size();) {
      const size_t end = std::min(expected.find(", ", at), expected.size());
      taken.insert(expected.substr(at, end - at));
      at = end + 2;
    }
    EXPECT_EQ(told.erase("labels"), taken.erase("label.KEY")) << path;
    if (told.contains("source") || told.contains("device_id")) {
      // The call behind knows the device under its own name.
      told.erase("source");
      told.erase("device_id");
      taken.erase("device");
    }
    EXPECT_EQ(told, taken) << path;
  }
}

}  // namespace
}  // namespace tributary::api
