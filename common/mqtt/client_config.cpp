// SPDX-License-Identifier: Apache-2.0
// One MQTT connection's keys: see client_config.h.
#include "common/mqtt/client_config.h"

#include <string_view>

namespace tributary::mqtt {
namespace {

void check_url(runtime::ConfigTable& table, const std::string& url) {
  for (const char* scheme : {"tcp://", "mqtt://", "ssl://", "mqtts://"}) {
    if (url.starts_with(scheme) && url.size() > std::string_view(scheme).size()) return;
  }
  if (!url.empty()) table.complain("url", '"' + url + '"', "tcp://host:port or ssl://host:port");
}

}  // namespace

ClientConfig read_client(runtime::ConfigTable& table) {
  ClientConfig client;
  client.url = table.required_text("url");
  check_url(table, client.url);
  client.username = table.text("username");
  client.password = table.secret("password");
  client.ca_file = table.text("ca_file");
  client.cert_file = table.text("cert_file");
  client.key_file = table.text("key_file");
  const bool tls = client.url.starts_with("ssl://") || client.url.starts_with("mqtts://");
  for (const char* key : {"ca_file", "cert_file", "key_file"}) {
    if (table.has(key) && !tls)
      table.complain(key, "a certificate for " + client.url, "it only with ssl:// or mqtts://");
  }
  return client;
}

}  // namespace tributary::mqtt
