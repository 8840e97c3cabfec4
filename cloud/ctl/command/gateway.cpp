// SPDX-License-Identifier: Apache-2.0
// tributaryctl gateway, see gateway.h.
#include "cloud/ctl/command/gateway.h"

#include <cstdio>

#include "cloud/ctl/append.h"
#include "cloud/log/control.h"
#include "common/runtime/program.h"
#include "common/runtime/sha256.h"
#include "common/series/names.h"

namespace tributary::ctl {
namespace {

constexpr size_t kRequestBytes = 16;

// Through the log, so that every copy of the state knows it.
int gateway_retire(const Arguments& arguments) {
  const std::string gateway = arguments.text("name"), tenant = arguments.text("--tenant");
  if (!is_topic_name(gateway)) return fail("found gateway name \"" + gateway + "\", expected " + kTopicNameGrammar);
  if (!is_topic_name(tenant)) return fail("found tenant name \"" + tenant + "\", expected " + kTopicNameGrammar);
  // A writer would make a log where none is.
  const log::LogConfig config = log_config(arguments);
  if (auto reader = log::open_reader(config); !reader) return fail(reader.error().message);
  auto writer = open_appender(config);
  if (!writer) return fail(writer.error().message);
  const log::RetireControl control{!arguments.has("--undo"), runtime::random_hex(kRequestBytes)};
  const Status appended = append(**writer, log::retire_record(tenant, gateway, control, runtime::now().wall_ns));
  if (!appended) return fail(appended.error().message);
  std::printf("%s/%s: %s, as soon as the aggregator has merged it (request %s)\n", tenant.c_str(), gateway.c_str(),
              control.retired ? "retired" : "expected again", control.request.c_str());
  return 0;
}

constexpr Option kRetireOptions[] = {
    {"name", "The gateway's name", Option::Takes::kText, true},
    {"--tenant", "Its tenant", Option::Takes::kText, true},
    {"--url", "The log: lmdb:///path or kafka://host:port[/prefix]", Option::Takes::kText, true},
    {"--undo", "Expect it again", Option::Takes::kFlag},
    kKafkaOption,
};

}  // namespace

constexpr Command kGatewayRetire = {"gateway", "retire", "No longer expect a gateway that is gone for good",
                                    kRetireOptions, gateway_retire};

}  // namespace tributary::ctl
