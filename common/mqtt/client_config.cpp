// SPDX-License-Identifier: Apache-2.0
// Hosts are judged by their text alone: no name is looked up.
#include "common/mqtt/client_config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace tributary::mqtt {
namespace {

constexpr std::array<std::string_view, 4> kSchemes = {"tcp://", "mqtt://", "ssl://", "mqtts://"};

bool is_tls(std::string_view url) { return url.starts_with("ssl://") || url.starts_with("mqtts://"); }

std::string_view host_of(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find('/'));
  if (url.starts_with('[')) return url.substr(1, url.find(']') - 1);
  return url.substr(0, url.rfind(':'));
}

bool is_private(const in_addr& address) {
  const uint32_t number = ntohl(address.s_addr);
  const uint32_t first = number >> 24;
  const uint32_t second = (number >> 16) & 0xff;
  return first == 127 || first == 10 || (first == 172 && second >= 16 && second < 32) ||
         (first == 192 && second == 168) || (first == 169 && second == 254);
}

bool is_private(const in6_addr& address) {
  const uint8_t* bytes = address.s6_addr;
  return IN6_IS_ADDR_LOOPBACK(&address) || (bytes[0] & 0xfe) == 0xfc || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

}  // namespace

bool is_public(std::string_view url) {
  std::string host(host_of(url));
  in_addr four{};
  in6_addr six{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return !is_private(four);
  if (inet_pton(AF_INET6, host.c_str(), &six) == 1) return !is_private(six);
  std::transform(host.begin(), host.end(), host.begin(), [](unsigned char c) { return std::tolower(c); });
  if (host.ends_with('.')) host.pop_back();
  constexpr std::array<std::string_view, 9> kOwn = {".local", ".lan", ".internal",      ".home",     ".home.arpa",
                                                    ".test",  ".svc", ".cluster.local", ".localhost"};
  return host.find('.') != std::string::npos &&
         std::none_of(kOwn.begin(), kOwn.end(), [&](std::string_view end) { return host.ends_with(end); });
}

ClientConfig read_client_config(runtime::ConfigTable& table) {
  ClientConfig client;
  client.url = table.required_text("url");
  const bool known = std::any_of(kSchemes.begin(), kSchemes.end(), [&](std::string_view scheme) {
    return client.url.starts_with(scheme) && client.url.size() > scheme.size();
  });
  if (!client.url.empty() && !known)
    table.complain("url", '"' + client.url + '"', "tcp://host:port or ssl://host:port");
  client.username = table.text("username");
  client.password = table.secret("password");
  client.ca_file = table.readable_file("ca_file");
  client.cert_file = table.readable_file("cert_file");
  client.key_file = table.readable_file("key_file");
  for (const char* key : {"ca_file", "cert_file", "key_file"}) {
    if (table.has(key) && !is_tls(client.url))
      table.complain(key, "a certificate for " + client.url, "it only with ssl:// or mqtts://");
  }
  const bool trusted = table.boolean("plaintext", false);
  if (known && !client.password.empty() && !is_tls(client.url) && is_public(client.url) && !trusted) {
    table.complain("url", '"' + client.url + "\" with a password, which everybody on the way could read",
                   "ssl://host:port, or plaintext = true if the way there is trusted");
  }
  return client;
}

}  // namespace tributary::mqtt
