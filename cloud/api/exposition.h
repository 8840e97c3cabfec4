// SPDX-License-Identifier: Apache-2.0
// Exposition: builds the text that Prometheus scrapes (text format 0.0.4): families with help and type, labels escaped.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/api/http_server.h"

namespace tributary::api {

class Exposition {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

  // Begins a family; the samples that follow belong to it. name: tributary_<thing>_<unit>_total.
  Exposition& counter(std::string_view name, std::string_view help) { return family(name, help, "counter"); }
  Exposition& gauge(std::string_view name, std::string_view help) { return family(name, help, "gauge"); }
  Exposition& sample(uint64_t value, Labels labels = {});
  Exposition& sample(double value, Labels labels = {});

  const std::string& text() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  Exposition& family(std::string_view name, std::string_view help, std::string_view type);

  std::string out_;
  std::string name_;
};

// The parts of the text, for those who gather samples by family first.
void append_family(std::string& out, std::string_view name, std::string_view help, std::string_view type);
using LabelList = std::vector<std::pair<std::string, std::string>>;
void append_sample(std::string& out, std::string_view name, const LabelList& labels, double value);
void append_sample(std::string& out, std::string_view name, const LabelList& labels, uint64_t value);
// A number as a value or as the bound of a bucket.
std::string number_text(double value);

// The families of a server: connections, streams, answers by status, refusals by reason.
void http_families(Exposition& text, const http::HttpStats& stats);

}  // namespace tributary::api
