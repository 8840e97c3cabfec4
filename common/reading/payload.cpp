// SPDX-License-Identifier: Apache-2.0
// JSON payloads to readings, over simdjson's on-demand parser. That parser is lazy: it checks only what is visited, so
// every value of the document is visited here, and nothing is told to the sink before the last byte was.
#include "common/reading/payload.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "common/reading/token.h"
#include "common/series/series.h"

namespace tributary::reading {
namespace {

namespace ondemand = simdjson::ondemand;

}  // namespace

struct PayloadParser::Impl {
  struct Found {
    size_t object = 0;                  // index in objects
    size_t name_at = 0, name_size = 0;  // in names
    size_t raw_at = 0, raw_size = 0;    // in raws: the sender's own name, where the metric's is another
    double value = 0;
    bool dropped = false;
  };
  struct LeftOut {
    Reject reason;
    std::string field;
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
    bool renamed = false;   // a field of it is a metric of another name: two may have become one
    bool unwanted = false;  // a field of it is not wanted, whatever it holds
  };
  enum class Outcome { kGood, kBroken, kDeep };
  static constexpr char kLevelEnd = '\xff';     // no UTF-8 has it
  static constexpr size_t kKeyBytesMax = 1024;  // of a field's name, to find it in a rename

  explicit Impl(PayloadLimits given) : limits(std::move(given)) {}

  PayloadLimits limits;
  ondemand::parser parser;
  std::string padded;  // the payload with the bytes simdjson reads beyond its end
  std::string names, raws;
  std::string path;  // the flattened name so far
  std::string raw;   // the same as the sender has it, with kLevelEnd between levels
  FieldNames* fields = nullptr;
  std::vector<Found> found;
  std::vector<Refused> refused;
  std::vector<LeftOut> left_out;
  std::vector<Object> objects;

  void refuse(Reject reason, std::string_view what, const char* expected) {
    refused.push_back({reason, printable(what), expected});
  }

  // The name of the metric that the field becomes; nothing: it is not wanted, or refused already.
  std::optional<std::string_view> metric() {
    std::optional<std::string_view> name = path;
    if (fields != nullptr) name = fields->metric_of(path);
    if (!name) objects.back().unwanted = true;
    return name;
  }

  void add(double value) {
    Object& object = objects.back();
    ++object.fields;
    if (object.fields > limits.fields_max) return;
    const auto name = metric();
    if (!name) return;
    if (name->empty() || name->size() > kMetricBytesMax) {
      refuse(Reject::kBadName, path, "a field name that makes a metric name of 1 to 128 bytes");
      return;
    }
    Found one{.object = objects.size() - 1, .name_at = names.size(), .name_size = name->size(), .value = value};
    names.append(*name);
    if (*name != raw) {
      object.renamed = true;
      one.raw_at = raws.size();
      one.raw_size = raw.size();
      raws.append(raw);
    }
    found.push_back(one);
  }

  std::string_view name_of(const Found& one) const {
    return std::string_view(names).substr(one.name_at, one.name_size);
  }
  std::string_view raw_of(const Found& one) const {
    return one.raw_size == 0 ? name_of(one) : std::string_view(raws).substr(one.raw_at, one.raw_size);
  }

  // Two fields of one object that make one metric are two things under one name: none of them counts. The same field
  // said twice is the same thing twice.
  void refuse_one_name_for_two(size_t begin) {
    std::vector<size_t> order(found.size() - begin);
    for (size_t i = 0; i < order.size(); ++i) order[i] = begin + i;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return name_of(found[a]) < name_of(found[b]); });
    for (size_t i = 0, end = 0; i < order.size(); i = end) {
      const std::string_view name = name_of(found[order[i]]);
      bool two = false;
      for (end = i; end < order.size() && name_of(found[order[end]]) == name; ++end) {
        two = two || raw_of(found[order[end]]) != raw_of(found[order[i]]);
      }
      for (size_t k = i; two && k < end; ++k) {
        found[order[k]].dropped = true;
        std::string said(raw_of(found[order[k]]));
        std::replace(said.begin(), said.end(), kLevelEnd, '/');
        refuse(Reject::kBadName, said.substr(0, kFoundBytesMax / 2) + " and another field as " + std::string(name),
               "fields of one object that make metrics of different names");
      }
    }
  }

  // Counted, but no fault of the object's: its other fields are readings.
  void leave_out(Reject reason) {
    if (++objects.back().fields > limits.fields_max || !metric()) return;
    left_out.push_back({reason, printable(path)});
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
    if (kind == TokenKind::kText || kind == TokenKind::kNumber)
      object.time_ns = parse_timestamp(text, limits.local_time);
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
        leave_out(Reject::kNullField);
        return Outcome::kGood;
      case TokenKind::kNotFinite:
        refuse_field(Reject::kNotANumber, token, "a finite number");
        return Outcome::kGood;
      case TokenKind::kText: {
        std::string_view text;
        if (value.get_string().get(text)) return Outcome::kBroken;
        take_text(text);
        return Outcome::kGood;
      }
      case TokenKind::kObject: {
        ondemand::object object;
        if (depth >= limits.depth_max) return Outcome::kDeep;
        if (value.get_object().get(object)) return Outcome::kBroken;
        return take_object(object, device_wanted, depth + 1, false);
      }
      case TokenKind::kArray: {
        ondemand::array array;
        if (depth >= limits.depth_max) return Outcome::kDeep;
        if (value.get_array().get(array)) return Outcome::kBroken;
        return take_elements(array, device_wanted, depth + 1);
      }
    }
    return Outcome::kBroken;
  }

  void take_text(std::string_view text) {
    if (is_not_finite(trimmed(text))) {
      refuse_field(Reject::kNotANumber, text, "a finite number");
    } else if (const auto number = number_in_text(text, limits.decimal_comma)) {
      add_number(*number);
    } else {
      leave_out(Reject::kTextField);
    }
  }

  // An array's elements become c_0, c_1, …; a long one is left out as a whole, since its beginning alone says little.
  Outcome take_elements(ondemand::array array, bool device_wanted, int depth) {
    size_t count = 0;
    if (array.count_elements().get(count)) return Outcome::kBroken;
    if (count > limits.elements_max) {
      leave_out(Reject::kLongArray);
      return skip_array(array, depth);
    }
    const size_t path_size = path.size(), raw_size = raw.size();
    size_t index = 0;
    for (auto element : array) {
      ondemand::value value;
      if (element.get(value)) return Outcome::kBroken;
      append_name(std::to_string(index++), false);
      const std::string_view token = trimmed(value.raw_json_token());
      if (Outcome one = take_value(value, token_kind(token), token, device_wanted, depth); one != Outcome::kGood)
        return one;
      path.resize(path_size);
      raw.resize(raw_size);
    }
    return Outcome::kGood;
  }

  // depth: of the containers around and with this object.
  Outcome take_object(ondemand::object object, bool device_wanted, int depth, bool top) {
    const size_t path_size = path.size(), raw_size = raw.size();
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
        raw.resize(raw_size);
      }
      if (outcome != Outcome::kGood) return outcome;
    }
    return Outcome::kGood;
  }

  void append_name(std::string_view key, bool top) {
    // Names far beyond the limit are refused anyway; cutting them here keeps hostile nesting from costing memory.
    key = key.substr(0, kKeyBytesMax);
    if (top) {
      path = metric_name(key);
      raw = key;
      return;
    }
    path += '_';
    for (const char c : key) path += folded_for_metric(c);
    raw += kLevelEnd;
    raw += key;
  }

  Outcome take_top(ondemand::object object, std::string_view default_device, int depth) {
    Object begun;
    begun.device = default_device;
    begun.refused_before = refused.size();
    objects.push_back(std::move(begun));
    path.clear();
    raw.clear();
    const size_t found_before = found.size();
    if (Outcome outcome = take_object(object, default_device.empty(), depth, true); outcome != Outcome::kGood)
      return outcome;
    if (objects.back().renamed) refuse_one_name_for_two(found_before);
    Object& done = objects.back();
    if (done.fields > limits.fields_max) {
      refused.resize(done.refused_before);
      refuse(Reject::kTooMany, std::to_string(done.fields) + " fields", "fewer fields in one object");
      done.dropped = true;
    } else if (done.time_bad) {
      refuse(Reject::kBadTimestamp, done.time_found, kTimeExpected);
      done.dropped = true;
    } else if (done.device.empty()) {
      refuse(Reject::kNoDevice, "no device", "device_id or device beside the values");
      done.dropped = true;
    } else if (found.size() == found_before && refused.size() == done.refused_before && !done.unwanted) {
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
    raws.clear();
    found.clear();
    refused.clear();
    left_out.clear();
    objects.clear();
  }
};

std::string_view payload_text(std::string_view payload) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (payload.starts_with(kByteOrderMark)) payload.remove_prefix(kByteOrderMark.size());
  const size_t end = payload.find_last_not_of('\0');
  return payload.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

PayloadParser::PayloadParser(PayloadLimits limits) : impl_(std::make_unique<Impl>(std::move(limits))) {}
PayloadParser::~PayloadParser() = default;

void PayloadParser::parse_json(std::string_view payload, std::string_view default_device, Instant arrived,
                               ReadingSink& sink, FieldNames* names) {
  Impl& impl = *impl_;
  payload = payload_text(payload);
  if (payload.size() > impl.limits.bytes_max) {
    std::string size = std::to_string(payload.size()) + " bytes";
    std::string expected = "at most " + std::to_string(impl.limits.bytes_max) + " bytes";
    sink.reject(Reject::kTooLarge, size, expected);
    return;
  }
  impl.clear();
  impl.fields = names;
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
  Reading reading;
  for (const Impl::Found& one : impl.found) {
    const Impl::Object& object = impl.objects[one.object];
    if (object.dropped || one.dropped) continue;
    reading.device = object.device;
    reading.metric = impl.name_of(one);
    reading.time_ns = object.time_ns;
    reading.value.number = one.value;
    sink.accept(reading, arrived);
  }
  for (const Impl::Refused& one : impl.refused) sink.reject(one.reason, one.found, one.expected);
  for (const Impl::LeftOut& one : impl.left_out) sink.leave_out(one.reason, one.field);
}

void PayloadParser::parse_plain(std::string_view payload, std::string_view device, std::string_view metric,
                                Instant arrived, ReadingSink& sink) {
  const std::string_view text = trimmed(payload_text(payload));
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
    const auto number = impl_->limits.decimal_comma ? number_in_text(text, true) : std::nullopt;
    value = parse_number(number ? *number : text, why);
  }
  if (value) {
    sink.accept({.device = device, .metric = metric, .value = {.number = *value}}, arrived);
  } else {
    sink.reject(why, printable(text), "one number, true, false, on or off");
  }
}

}  // namespace tributary::reading
