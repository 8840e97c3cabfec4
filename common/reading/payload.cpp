// SPDX-License-Identifier: Apache-2.0
// JSON payloads to readings, over simdjson's on-demand parser. That parser is lazy: it checks only what is visited, so
// every value of the document is visited here, and nothing is told to the sink before the last byte was.
#include "common/reading/payload.h"

#include <simdjson.h>

#include <cstring>

#include "common/series/series.h"

namespace tributary::reading {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr size_t kFoundBytesMax = 80;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string printable(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, kFoundBytesMax)) {
    out += static_cast<uint8_t>(c) >= 0x20 && static_cast<uint8_t>(c) < 0x7f ? c : '?';
  }
  return out;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    if (c != lower[i]) return false;
  }
  return true;
}

// NaN and the infinities as programs write them: "NaN", "-nan", "Infinity", "+inf".
bool is_not_finite(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return equals_ignoring_case(text, "nan") || equals_ignoring_case(text, "inf") ||
         equals_ignoring_case(text, "infinity");
}

// RFC 8259, section 6.
bool is_json_number(std::string_view text) {
  size_t i = 0;
  auto digits = [&] {
    size_t before = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i > before;
  };
  if (i < text.size() && text[i] == '-') ++i;
  if (i < text.size() && text[i] == '0') {
    ++i;
  } else if (!digits()) {
    return false;
  }
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (!digits()) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (!digits()) return false;
  }
  return i == text.size();
}

// What stands at the front of a value. Only kText still has to be unescaped to be checked.
enum class TokenKind { kBroken, kObject, kArray, kText, kTrue, kFalse, kNull, kNumber, kNotFinite };

TokenKind token_kind(std::string_view token) {
  if (token.empty()) return TokenKind::kBroken;
  switch (token.front()) {
    case '{':
      return TokenKind::kObject;
    case '[':
      return TokenKind::kArray;
    case '"':
      return TokenKind::kText;
    default:
      break;
  }
  if (is_json_number(token)) return TokenKind::kNumber;
  if (token == "true") return TokenKind::kTrue;
  if (token == "false") return TokenKind::kFalse;
  if (token == "null") return TokenKind::kNull;
  return is_not_finite(token) ? TokenKind::kNotFinite : TokenKind::kBroken;
}

}  // namespace

struct PayloadParser::Impl {
  struct Found {
    size_t object = 0;                  // index in objects
    size_t name_at = 0, name_size = 0;  // in names
    double value = 0;
  };
  struct Refused {
    Reject reason;
    std::string found;
    const char* expected;
  };
  struct Object {
    std::string_view device;
    std::optional<int64_t> time_ns;
    size_t time_rank = SIZE_MAX;
    bool time_bad = false;
    std::string time_found;
    int fields = 0;
    size_t refused_before = 0;
    bool dropped = false;
  };
  enum class Outcome { kGood, kBroken, kDeep };

  explicit Impl(PayloadLimits given) : limits(std::move(given)) {}

  PayloadLimits limits;
  ondemand::parser parser;
  std::string padded;  // the payload with the bytes simdjson reads beyond its end
  std::string names;
  std::string path;  // the flattened name so far
  std::vector<Found> found;
  std::vector<Refused> refused;
  std::vector<Object> objects;

  void refuse(Reject reason, std::string_view what, const char* expected) {
    refused.push_back({reason, printable(what), expected});
  }

  void add(double value) {
    Object& object = objects.back();
    ++object.fields;
    if (object.fields > limits.fields_max) return;
    if (path.empty() || path.size() > kMetricBytesMax) {
      refuse(Reject::kBadName, path, "a field name that makes a metric name of 1 to 64 bytes");
      return;
    }
    found.push_back({objects.size() - 1, names.size(), path.size(), value});
    names.append(path);
  }

  void refuse_field(Reject reason, std::string_view token, const char* expected) {
    ++objects.back().fields;
    if (objects.back().fields > limits.fields_max) return;
    refuse(reason, path + ": " + std::string(token.substr(0, kFoundBytesMax)), expected);
  }

  void add_number(std::string_view token) {
    Reject why{};
    if (auto value = parse_number(token, why)) {
      add(*value);
    } else {
      refuse_field(why, token, "a number within the range of double");
    }
  }

  // Visits an array's every value: checked as JSON, and otherwise skipped.
  Outcome skip_array(ondemand::array array, int depth) {
    for (auto element : array) {
      ondemand::value value;
      if (element.get(value)) return Outcome::kBroken;
      if (Outcome inner = skip_value(value, depth); inner != Outcome::kGood) return inner;
    }
    return Outcome::kGood;
  }

  Outcome skip_object(ondemand::object object, int depth) {
    for (auto entry : object) {
      ondemand::field field;
      if (std::move(entry).get(field)) return Outcome::kBroken;
      std::string_view key;
      if (field.unescaped_key().get(key)) return Outcome::kBroken;
      if (Outcome inner = skip_value(field.value(), depth); inner != Outcome::kGood) return inner;
    }
    return Outcome::kGood;
  }

  Outcome skip_value(ondemand::value value, int depth) {
    switch (token_kind(trimmed(value.raw_json_token()))) {
      case TokenKind::kBroken:
        return Outcome::kBroken;
      case TokenKind::kObject: {
        ondemand::object object;
        if (depth >= limits.depth_max) return Outcome::kDeep;
        if (value.get_object().get(object)) return Outcome::kBroken;
        return skip_object(object, depth + 1);
      }
      case TokenKind::kArray: {
        ondemand::array array;
        if (depth >= limits.depth_max) return Outcome::kDeep;
        if (value.get_array().get(array)) return Outcome::kBroken;
        return skip_array(array, depth + 1);
      }
      case TokenKind::kText: {
        std::string_view text;
        return value.get_string().get(text) ? Outcome::kBroken : Outcome::kGood;
      }
      default:
        return Outcome::kGood;
    }
  }

  // timestamp, ts, time: a number or text. null is as good as absent.
  Outcome take_time(ondemand::value value, TokenKind kind, std::string_view token, size_t rank, int depth) {
    std::string_view text = token;
    if (kind == TokenKind::kText) {
      if (value.get_string().get(text)) return Outcome::kBroken;
    } else if (Outcome inner = skip_value(value, depth); inner != Outcome::kGood) {
      return inner;
    }
    Object& object = objects.back();
    if (kind == TokenKind::kNull || rank >= object.time_rank) return Outcome::kGood;
    object.time_rank = rank;
    object.time_ns.reset();
    if (kind == TokenKind::kText || kind == TokenKind::kNumber) object.time_ns = parse_timestamp(text);
    object.time_bad = !object.time_ns.has_value();
    if (object.time_bad) object.time_found = text.substr(0, kFoundBytesMax);
    return Outcome::kGood;
  }

  Outcome take_device(ondemand::value value, TokenKind kind, std::string_view token, bool wanted, int depth) {
    std::string_view text = token;
    if (kind == TokenKind::kText) {
      if (value.get_string().get(text)) return Outcome::kBroken;
    } else if (Outcome inner = skip_value(value, depth); inner != Outcome::kGood) {
      return inner;
    }
    bool is_name = kind == TokenKind::kText || kind == TokenKind::kNumber;
    if (wanted && is_name && objects.back().device.empty()) objects.back().device = text;
    return Outcome::kGood;
  }

  Outcome take_value(ondemand::value value, TokenKind kind, std::string_view token, bool device_wanted, int depth) {
    switch (kind) {
      case TokenKind::kBroken:
        return Outcome::kBroken;
      case TokenKind::kNumber:
        add_number(token);
        return Outcome::kGood;
      case TokenKind::kTrue:
        add(1);
        return Outcome::kGood;
      case TokenKind::kFalse:
        add(0);
        return Outcome::kGood;
      case TokenKind::kNull:
        return Outcome::kGood;
      case TokenKind::kNotFinite:
        refuse_field(Reject::kNotANumber, token, "a finite number");
        return Outcome::kGood;
      case TokenKind::kText: {
        std::string_view text;
        if (value.get_string().get(text)) return Outcome::kBroken;
        if (is_not_finite(trimmed(text))) refuse_field(Reject::kNotANumber, text, "a finite number");
        return Outcome::kGood;
      }
      case TokenKind::kObject: {
        ondemand::object object;
        if (depth >= limits.depth_max) return Outcome::kDeep;
        if (value.get_object().get(object)) return Outcome::kBroken;
        return take_object(object, device_wanted, depth + 1, false);
      }
      case TokenKind::kArray:
        return skip_value(value, depth);
    }
    return Outcome::kBroken;
  }

  // depth: of the containers around and with this object.
  Outcome take_object(ondemand::object object, bool device_wanted, int depth, bool top) {
    size_t path_size = path.size();
    for (auto entry : object) {
      ondemand::field field;
      if (std::move(entry).get(field)) return Outcome::kBroken;
      std::string_view key;
      if (field.unescaped_key().get(key)) return Outcome::kBroken;
      ondemand::value value = field.value();
      std::string_view token = trimmed(value.raw_json_token());
      TokenKind kind = token_kind(token);
      Outcome outcome = Outcome::kGood;
      size_t rank = 0;
      if (top) {
        while (rank < limits.time_fields.size() && limits.time_fields[rank] != key) ++rank;
      }
      if (kind == TokenKind::kBroken) {
        outcome = Outcome::kBroken;
      } else if (top && rank < limits.time_fields.size()) {
        outcome = take_time(value, kind, token, rank, depth);
      } else if (top && (key == "device_id" || key == "device")) {
        outcome = take_device(value, kind, token, device_wanted, depth);
      } else {
        append_name(key, top);
        outcome = take_value(value, kind, token, device_wanted, depth);
        path.resize(path_size);
      }
      if (outcome != Outcome::kGood) return outcome;
    }
    return Outcome::kGood;
  }

  void append_name(std::string_view key, bool top) {
    // Names far beyond the limit are refused anyway; cutting them here keeps hostile nesting from costing memory.
    key = key.substr(0, kMetricBytesMax + 1);
    if (top) {
      path = metric_name(key);
      return;
    }
    path += '_';
    for (char c : key) {
      bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '.' || c == ':' ||
                  c == '-';
      path += fits ? c : '_';
    }
  }

  Outcome take_top(ondemand::object object, std::string_view default_device, int depth) {
    Object begun;
    begun.device = default_device;
    begun.refused_before = refused.size();
    objects.push_back(std::move(begun));
    path.clear();
    size_t found_before = found.size();
    if (Outcome outcome = take_object(object, default_device.empty(), depth, true); outcome != Outcome::kGood)
      return outcome;
    Object& done = objects.back();
    if (done.fields > limits.fields_max) {
      refused.resize(done.refused_before);
      refuse(Reject::kTooMany, std::to_string(done.fields) + " fields", "fewer fields in one object");
      done.dropped = true;
    } else if (done.time_bad) {
      refuse(Reject::kBadTimestamp, done.time_found, "RFC 3339, or Unix seconds, milli-, micro- or nanoseconds");
      done.dropped = true;
    } else if (done.device.empty()) {
      refuse(Reject::kNoDevice, "no device", "device_id or device beside the values");
      done.dropped = true;
    } else if (found.size() == found_before && refused.size() == done.refused_before) {
      refuse(Reject::kNoValue, "no value", "at least one number or boolean");
    }
    return Outcome::kGood;
  }

  Outcome take_document(std::string_view payload, std::string_view default_device) {
    padded.resize(payload.size() + simdjson::SIMDJSON_PADDING);
    if (!payload.empty()) std::memcpy(padded.data(), payload.data(), payload.size());
    std::memset(padded.data() + payload.size(), 0, simdjson::SIMDJSON_PADDING);
    ondemand::document document;
    if (parser.iterate(padded.data(), payload.size(), padded.size()).get(document)) return Outcome::kBroken;
    std::string_view rest = trimmed(payload);
    if (rest.empty()) return Outcome::kBroken;
    Outcome outcome = Outcome::kBroken;
    if (rest.front() == '{') {
      ondemand::object object;
      if (document.get_object().get(object)) return Outcome::kBroken;
      outcome = take_top(object, default_device, 1);
    } else if (rest.front() == '[') {
      ondemand::array array;
      if (document.get_array().get(array)) return Outcome::kBroken;
      outcome = take_array(array, default_device);
    }
    bool at_end = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
    if (outcome == Outcome::kGood && !at_end) return Outcome::kBroken;
    return outcome;
  }

  Outcome take_array(ondemand::array array, std::string_view default_device) {
    bool empty = true;
    for (auto element : array) {
      ondemand::value value;
      if (element.get(value)) return Outcome::kBroken;
      empty = false;
      std::string_view token = trimmed(value.raw_json_token());
      Outcome outcome = Outcome::kGood;
      if (token_kind(token) == TokenKind::kObject) {
        ondemand::object object;
        if (limits.depth_max < 2) return Outcome::kDeep;
        if (value.get_object().get(object)) return Outcome::kBroken;
        outcome = take_top(object, default_device, 2);
      } else {
        outcome = skip_value(value, 1);
        refuse(Reject::kNoValue, token, "an object with numeric fields");
      }
      if (outcome != Outcome::kGood) return outcome;
    }
    if (empty) refuse(Reject::kNoValue, "[]", "at least one object");
    return Outcome::kGood;
  }

  void clear() {
    names.clear();
    found.clear();
    refused.clear();
    objects.clear();
  }
};

PayloadParser::PayloadParser(PayloadLimits limits) : impl_(std::make_unique<Impl>(std::move(limits))) {}
PayloadParser::~PayloadParser() = default;

void PayloadParser::parse_json(std::string_view payload, std::string_view default_device, Instant arrived,
                               ReadingSink& sink) {
  Impl& impl = *impl_;
  if (payload.size() > impl.limits.bytes_max) {
    std::string size = std::to_string(payload.size()) + " bytes";
    std::string expected = "at most " + std::to_string(impl.limits.bytes_max) + " bytes";
    sink.reject(Reject::kTooLarge, size, expected);
    return;
  }
  impl.clear();
  switch (impl.take_document(payload, default_device)) {
    case Impl::Outcome::kBroken:
      sink.reject(Reject::kBadJson, printable(payload), "one JSON object, or an array of them");
      return;
    case Impl::Outcome::kDeep: {
      std::string expected =
          "at most " + std::to_string(impl.limits.depth_max) + " objects and arrays inside one another";
      sink.reject(Reject::kTooDeep, printable(payload), expected);
      return;
    }
    case Impl::Outcome::kGood:
      break;
  }
  std::string_view names = impl.names;
  Reading reading;
  for (const Impl::Found& one : impl.found) {
    const Impl::Object& object = impl.objects[one.object];
    if (object.dropped) continue;
    reading.device = object.device;
    reading.metric = names.substr(one.name_at, one.name_size);
    reading.time_ns = object.time_ns;
    reading.value.number = one.value;
    sink.accept(reading, arrived);
  }
  for (const Impl::Refused& one : impl.refused) sink.reject(one.reason, one.found, one.expected);
}

void PayloadParser::parse_plain(std::string_view payload, std::string_view device, std::string_view metric,
                                Instant arrived, ReadingSink& sink) {
  std::string_view text = trimmed(payload);
  if (text.size() > impl_->limits.bytes_max) {
    sink.reject(Reject::kTooLarge, std::to_string(payload.size()) + " bytes", "one number");
    return;
  }
  Reject why{};
  std::optional<double> value;
  if (equals_ignoring_case(text, "true") || equals_ignoring_case(text, "on")) {
    value = 1;
  } else if (equals_ignoring_case(text, "false") || equals_ignoring_case(text, "off")) {
    value = 0;
  } else {
    value = parse_number(text, why);
  }
  if (value) {
    sink.accept({.device = device, .metric = metric, .value = {.number = *value}}, arrived);
  } else {
    sink.reject(why, printable(text), "one number, true, false, on or off");
  }
}

}  // namespace tributary::reading
