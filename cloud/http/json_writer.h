// SPDX-License-Identifier: Apache-2.0
// The writer of every JSON text (common/runtime/json_writer.h), by the name under which the cloud's rooms know it.
#pragma once

#include "common/runtime/json_writer.h"

namespace tributary::api {

using runtime::append_double;
using runtime::append_json_string;
using runtime::JsonWriter;

}  // namespace tributary::api
