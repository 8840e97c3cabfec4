// SPDX-License-Identifier: Apache-2.0
// The list of endpoints: each is served, documented with its parameters, closed to strangers, honest about what is
// missing.
#include "cloud/api/endpoints.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <regex>
#include <set>

#include "cloud/render/stats.h"
#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

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

// Runs over the list of endpoints: a new one is covered by its row.
class EndpointsTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    document_ = Json::parse(body_of(get("/openapi.json", "", false)));
  }
  std::string send(std::string_view method, std::string_view target, const std::string& headers) {
    RawClient client(server_->port());
    client.send(std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n");
    return client.read_response();
  }
  static std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
  }
  const Json& operation_of(const Endpoint& endpoint) const {
    return document_.at("paths").at(std::string(endpoint.path)).at(lower(endpoint.method));
  }
  // The parameters of an operation, by name.
  std::map<std::string, Json> parameters_of(const Json& operation) const {
    std::map<std::string, Json> found;
    if (!operation.contains("parameters")) return found;
    for (const auto& parameter : operation["parameters"]) {
      const Json& one = parameter.contains("$ref")
                            ? document_.at(Json::json_pointer(parameter["$ref"].get<std::string>().substr(1)))
                            : parameter;
      found[one["name"]] = one;
    }
    return found;
  }
  // A call that is answered: with a value for each parameter that must be there.
  std::string good_call(const Endpoint& endpoint) const {
    static const std::map<std::string, std::string> kValues = {
        {"metric", "temperature"}, {"source", "a"}, {"device_id", "a"}};
    std::string target(endpoint.path);
    for (const auto& [name, parameter] : parameters_of(operation_of(endpoint))) {
      if (!parameter.value("required", false)) continue;
      EXPECT_TRUE(kValues.contains(name)) << "give a value for " << name;
      target += (target.find('?') == std::string::npos ? "?" : "&") + name + "=" + kValues.at(name);
    }
    return target;
  }

  Json document_;
};

TEST_F(EndpointsTest, EachIsServedAndDocumentedAndNothingElseIs) {
  EXPECT_EQ(document_["openapi"], "3.1.0");
  check_references(document_, document_);
  std::set<std::pair<std::string, std::string>> served, listed, told, documented;
  for (const auto& route : server_->routes()) served.insert(route);
  served.erase({"GET", "/*"});  // the page
  for (const Endpoint& endpoint : endpoints()) {
    const auto [place, added] = listed.emplace(endpoint.method, endpoint.path);
    EXPECT_TRUE(added) << endpoint.method << " " << endpoint.path << " stands twice";
    if (endpoint.document.empty()) continue;
    documented.emplace(lower(endpoint.method), endpoint.path);
    ASSERT_TRUE(document_["paths"].contains(std::string(endpoint.path))) << endpoint.path;
    EXPECT_EQ(operation_of(endpoint)["operationId"], endpoint.document);
    // Who may ask is said there too.
    EXPECT_EQ(operation_of(endpoint).contains("security"), endpoint.access == Access::kAnybody) << endpoint.path;
  }
  for (const auto& [path, methods] : document_["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) told.emplace(method, path);
  }
  EXPECT_EQ(served, listed);
  EXPECT_EQ(told, documented);
}

TEST_F(EndpointsTest, EveryStatisticIsInTheDocument) {
  const Json& components = document_["components"];
  const std::string description = components["parameters"]["stats"]["description"];
  for (const Statistic* one : statistics()) {
    EXPECT_NE(description.find(one->name), std::string::npos) << one->name;
    for (const char* schema : {"Row", "Kpi", "Summary"}) {
      const Json& told = components["schemas"][schema];
      EXPECT_TRUE(one->parse || told["properties"].contains(std::string(one->name))) << schema << one->name;
      for (const std::string_view name : one->usual) {
        const auto& patterns = told["patternProperties"].items();
        EXPECT_TRUE(std::any_of(
            patterns.begin(), patterns.end(),
            [&](const auto& pattern) { return std::regex_search(std::string(name), std::regex(pattern.key())); }))
            << schema << name;
      }
    }
  }
}

TEST_F(EndpointsTest, NoneButTheOpenOnesAnswersWithoutAKey) {
  for (const Endpoint& endpoint : endpoints()) {
    for (const std::string header :
         {"", "X-API-Key: wrong\r\n", "Authorization: Bearer wrong\r\n", "Cookie: tributary_session=wrong\r\n"}) {
      if (endpoint.access == Access::kAnybody && !header.empty()) continue;
      const std::string response = send(endpoint.method, endpoint.path, header);
      EXPECT_EQ(status_of(response) == 401, endpoint.access != Access::kAnybody) << endpoint.path << header << response;
      EXPECT_EQ(response.find("demo"), std::string::npos) << response;
    }
  }
}

TEST_F(EndpointsTest, EachNamesThePartitionsThatDidNotAnswerAndIsRefusedWhereThatIsDenied) {
  query_.missing_answer = {0};
  for (const Endpoint& endpoint : endpoints()) {
    if (endpoint.access == Access::kAnybody) continue;
    const Json operation = operation_of(endpoint);
    if (operation["responses"]["200"]["content"].contains("text/event-stream")) continue;  // names them in its events
    const std::string target = good_call(endpoint);
    const std::string response = get(target);
    EXPECT_EQ(status_of(response), 200) << target << response;
    EXPECT_NE(response.find("X-Missing-Partitions: 0\r\n"), std::string::npos) << target;
    if (!parameters_of(operation).contains("partial")) continue;
    const std::string one_more = target + (target.find('?') == std::string::npos ? "?" : "&");
    EXPECT_EQ(status_of(get(one_more + "partial=allow")), 200) << target;
    const Json refused = ask(one_more + "partial=deny", 503);
    EXPECT_EQ(refused["parameter"], "partial") << target;
    EXPECT_EQ(refused["expected"], "all 1") << target;
    EXPECT_EQ(ask(one_more + "partial=perhaps", 400)["parameter"], "partial") << target;
  }
}

// The endpoints refuse what they do not know and name what they do: the document has the same names.
TEST_F(EndpointsTest, EachTakesTheParametersThatTheDocumentSaysAndNoOthers) {
  for (const Endpoint& endpoint : endpoints()) {
    if (endpoint.access == Access::kAnybody || endpoint.method != "GET") continue;
    const std::string path(endpoint.path);
    if (path == "/api/v1/session") continue;  // looks at no parameter
    std::set<std::string> told, taken;
    for (const auto& [name, parameter] : parameters_of(operation_of(endpoint))) told.insert(name);
    const std::string target = good_call(endpoint);
    const Json refused = ask(target + (target.find('?') == std::string::npos ? "?" : "&") + "no_such_parameter=1", 400);
    EXPECT_EQ(refused["parameter"], "no_such_parameter") << path << refused;
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
