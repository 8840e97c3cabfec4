// SPDX-License-Identifier: Apache-2.0
// JsonWriter: builds JSON text in one string. Doubles are the shortest text that reads back the same; strings are
// escaped and what is not UTF-8 becomes U+FFFD, so that the output is always valid.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tributary::runtime {

// Appends the shortest text that reads back as the same double. REQUIRES: finite.
void append_double(std::string& out, double value);
// Appends text in quotation marks, escaped.
void append_json_string(std::string& out, std::string_view text);

class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(double number);  // null if not finite
  JsonWriter& value(uint64_t number);
  JsonWriter& value(int64_t number);
  JsonWriter& value(uint32_t number) { return value(static_cast<uint64_t>(number)); }
  JsonWriter& value(int number) { return value(static_cast<int64_t>(number)); }
  JsonWriter& value(bool flag);
  JsonWriter& null();
  // Appends text that is JSON already. REQUIRES: it is valid.
  JsonWriter& raw(std::string_view json);

  template <class T>
  JsonWriter& field(std::string_view name, const T& content) {
    key(name);
    return value(content);
  }

  const std::string& text() const { return out_; }
  size_t size() const { return out_.size(); }
  // The finished text; the writer is empty again.
  std::string take();

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();

  std::string out_;
  bool comma_ = false;  // the next element needs a comma before it
};

}  // namespace tributary::runtime
