// SPDX-License-Identifier: Apache-2.0
// The JSON of answers other than statistics: completeness, metrics, devices, gateways.
#pragma once

#include <string>
#include <vector>

#include "cloud/http/json_writer.h"
#include "cloud/query/query.h"
#include "cloud/query/question/catalog.h"
#include "cloud/query/question/completeness.h"
#include "cloud/query/question/gateways.h"

namespace tributary::api {

// What is empty is left out, share and to never.
void write_completeness(JsonWriter& json, const query::Completeness& completeness);
// {expected, answered}, and missing where partitions did not answer.
void write_partitions(JsonWriter& json, uint32_t expected, const std::vector<uint32_t>& missing);
// Which partitions answered, rows and bytes read of each and of all, milliseconds by stage.
void write_trace(JsonWriter& json, const query::Trace& trace);
// As the header X-Missing-Partitions names them: "1, 4, 7".
std::string partitions_text(const std::vector<uint32_t>& numbers);
void write_metric(JsonWriter& json, const query::MetricInfo& metric);
void write_device(JsonWriter& json, const query::DeviceInfo& device);
void write_gateway(JsonWriter& json, const query::GatewayInfo& gateway);
void write_labels(JsonWriter& json, const std::vector<Label>& labels);

}  // namespace tributary::api
