// SPDX-License-Identifier: Apache-2.0
// What the servers of the cloud add to common/runtime/exposition.h.
#pragma once

#include "cloud/http/server.h"
#include "common/runtime/exposition.h"

namespace tributary::api {

using runtime::append_family;
using runtime::append_sample;
using runtime::Exposition;
using runtime::LabelList;
using runtime::number_text;

// The families of a server: connections, streams, answers by status, refusals by reason.
void http_families(Exposition& text, const http::HttpStats& stats);

}  // namespace tributary::api
