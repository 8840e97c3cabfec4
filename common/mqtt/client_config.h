// SPDX-License-Identifier: Apache-2.0
// The keys that every MQTT connection has, read and checked in one place: for the edge's uplink and sources, and the
// bridge.
#pragma once

#include <string_view>

#include "common/mqtt/client.h"
#include "common/runtime/config.h"

namespace tributary::mqtt {

// url (required), username, password_file or password_env, ca_file, cert_file, key_file, plaintext. Complains of a URL
// of another form, of certificates without TLS, of files that cannot be read, and of a password that would go
// unencrypted to a host of the public network, unless plaintext = true says that the way there is trusted.
ClientConfig read_client_config(runtime::ConfigTable& table);

// Whether a URL's host may be one beyond the own machine and network: neither loopback nor a private address (RFC 1918,
// 3927, 4193, 4291), nor a name that no public name server knows (one without a dot, .local, .lan, .internal, .svc …).
bool is_public(std::string_view url);

}  // namespace tributary::mqtt
