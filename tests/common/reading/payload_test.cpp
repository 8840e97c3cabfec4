// SPDX-License-Identifier: Apache-2.0
// Claims about payloads: what becomes a reading, what is refused and how much with it, and that any bytes are survived.
#include "common/reading/payload.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

namespace tributary::reading {
namespace {

constexpr Instant kArrived{77, 7};

struct Collected final : ReadingSink {
  struct One {
    std::string device, metric;
    std::optional<int64_t> time_ns;
    double value;
  };
  std::vector<One> readings;
  std::vector<Reject> rejects;
  std::vector<std::string> found;
  std::map<std::string, int> left_out;  // reason and field

  void leave_out(Reject reason, std::string_view field) override {
    ++left_out[std::string(to_string(reason)) + " " + std::string(field)];
  }
  bool accept(const Reading& reading, Instant arrived) override {
    EXPECT_EQ(arrived.wall_ns, kArrived.wall_ns);
    EXPECT_TRUE(reading.labels.empty() && reading.unit.empty());
    EXPECT_TRUE(reading.value.key.empty() && reading.value.who.empty());
    readings.push_back(
        {std::string(reading.device), std::string(reading.metric), reading.time_ns, reading.value.number});
    return true;
  }
  void reject(Reject reason, std::string_view what, std::string_view expected, uint64_t count) override {
    EXPECT_EQ(count, 1u);
    EXPECT_LE(what.size(), 160u);
    EXPECT_FALSE(expected.empty());
    for (char c : what) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
    rejects.push_back(reason);
    found.emplace_back(what);
  }
  std::map<std::string, double> values() const {
    std::map<std::string, double> out;
    for (const One& one : readings) out[one.metric] = one.value;
    return out;
  }
};

Collected parse(std::string_view payload, std::string_view device = "dev", PayloadLimits limits = {}) {
  PayloadParser parser(limits);
  Collected out;
  parser.parse_json(payload, device, kArrived, out);
  return out;
}

Collected parse_plain(std::string_view payload) {
  PayloadParser parser;
  Collected out;
  parser.parse_plain(payload, "dev", "temperature", kArrived, out);
  return out;
}

using Values = std::map<std::string, double>;
using Rejects = std::vector<Reject>;

TEST(Payload, NumbersAndBooleansBecomeReadingsTextIsSkipped) {
  Collected out =
      parse(R"({"temperature":27.34,"occupancy":true,"tamper":false,"state":"ON","extra":null,"color":[1,2]})");
  EXPECT_EQ(out.values(),
            (Values{{"temperature", 27.34}, {"occupancy", 1}, {"tamper", 0}, {"color_0", 1}, {"color_1", 2}}));
  EXPECT_TRUE(out.rejects.empty());
  EXPECT_EQ(out.left_out, (std::map<std::string, int>{{"text_field state", 1}, {"null_field extra", 1}}));
  EXPECT_EQ(out.readings[0].device, "dev");
  EXPECT_EQ(out.readings[0].time_ns, std::nullopt);
}

TEST(Payload, NestedObjectsAreFlattened) {
  Collected out = parse(
      R"({"Time":"2021-01-13T23:58:41","DS18B20":{"Id":"03","Temperature":20.9},"a":{"b":{"c d":1}},"TempUnit":"C"})");
  EXPECT_EQ(out.values(), (Values{{"DS18B20_Temperature", 20.9}, {"a_b_c_d", 1}}));
  EXPECT_TRUE(out.rejects.empty());
}

TEST(Payload, ForeignNamesBecomeMetricNames) {
  EXPECT_EQ(parse(R"({"0x4AD6":1,"switch:0":2,"Wi Fi":3,"MJ_HT_V1-3108be":{"T":4}})").values(),
            (Values{{"_0x4AD6", 1}, {"switch:0", 2}, {"Wi_Fi", 3}, {"MJ_HT_V1-3108be_T", 4}}));
}

TEST(Payload, NamesOfOtherScriptsStayApartByteByByte) {
  EXPECT_EQ(parse(R"({"温度":21.5,"湿度":60,"темп":1,"влаж":2,"ä":{"ö ü":3}})").values(),
            (Values{{"温度", 21.5}, {"湿度", 60}, {"темп", 1}, {"влаж", 2}, {"ä_ö_ü", 3}}));
  std::string longest;
  for (int i = 0; i < 64; ++i) longest += "ä";
  EXPECT_EQ(parse("{\"" + longest + "\":1}").values(), (Values{{longest, 1}}));
  EXPECT_EQ(parse("{\"" + longest + "a\":1}").rejects, Rejects{Reject::kBadName});
}

TEST(Payload, FieldsOfDifferentNamesThatWouldBeOneMetricAreRefusedByName) {
  const Collected folded = parse(R"({"a b":1,"a_b":2,"c":3})");
  EXPECT_EQ(folded.values(), (Values{{"c", 3}}));
  EXPECT_EQ(folded.rejects, (Rejects{Reject::kBadName, Reject::kBadName}));
  EXPECT_EQ(folded.found, (std::vector<std::string>{"a b and another field as a_b", "a_b and another field as a_b"}));
  for (const char* text : {R"({"a":{"b":1},"a_b":2,"c":3})", R"({"a":[1],"a_0":2,"c":3})", R"({"1":1,"_1":2,"c":3})",
                           R"({"a b":1,"a/b":2,"c":3})", R"({"a":{"b_c":1},"a_b":{"c":2},"c":3})"}) {
    const Collected out = parse(text);
    EXPECT_EQ(out.values(), (Values{{"c", 3}})) << text;
    EXPECT_EQ(out.rejects.size(), 2u) << text;
  }
  EXPECT_EQ(parse(R"([{"a b":1},{"a_b":2}])").readings.size(), 2u) << "two objects are not one";
  EXPECT_EQ(parse(R"({"a b":1,"a b":2})").readings.size(), 2u) << "the sender said both";
}

TEST(Payload, NumbersInTextAreReadAndWhatNamesSomethingIsNot) {
  const Collected out =
      parse(R"({"b":"37.8","e":"-1.5e3","p":" +4 ","c":[226,"227"],"d":"21,5","id":"007","x":"0x1F"})");
  EXPECT_EQ(out.values(), (Values{{"b", 37.8}, {"e", -1500}, {"p", 4}, {"c_0", 226}, {"c_1", 227}}));
  EXPECT_EQ(out.left_out, (std::map<std::string, int>{{"text_field d", 1}, {"text_field id", 1}, {"text_field x", 1}}));
  EXPECT_TRUE(out.rejects.empty());
  const Collected comma = parse(R"({"d":"21,5","t":"1.234,5","p":"2.5"})", "dev", {.decimal_comma = true});
  EXPECT_EQ(comma.values(), (Values{{"d", 21.5}, {"p", 2.5}}));
  EXPECT_EQ(parse(R"({"a":"1e999","b":1})").rejects, Rejects{Reject::kOutOfRange});
}

TEST(Payload, ArraysBecomeMetricsUpToALimit) {
  std::string most = "0", more = "0";
  for (int i = 1; i < 16; ++i) most += "," + std::to_string(i);
  for (int i = 1; i < 17; ++i) more += "," + std::to_string(i);
  const Collected out = parse("{\"a\":[" + most + "],\"b\":[" + more + "],\"c\":[],\"d\":[{\"t\":1},[2]]}");
  EXPECT_EQ(out.readings.size(), 18u);
  EXPECT_EQ(out.values().at("a_15"), 15);
  EXPECT_EQ(out.values().at("d_0_t"), 1);
  EXPECT_EQ(out.values().at("d_1_0"), 2);
  EXPECT_EQ(out.left_out, (std::map<std::string, int>{{"long_array b", 1}}));
  EXPECT_EQ(parse(R"({"a":[1,2,}],"b":1})").rejects, Rejects{Reject::kBadJson});
}

TEST(Payload, AByteOrderMarkAndNulsAtTheEndAreNoPartOfIt) {
  using namespace std::string_literals;
  EXPECT_EQ(parse("{\"a\":1}\0\0"s).values(), (Values{{"a", 1}}));
  EXPECT_EQ(parse("\xef\xbb\xbf{\"a\":1}").values(), (Values{{"a", 1}}));
  EXPECT_EQ(parse_plain("21.5\0"s).values(), (Values{{"temperature", 21.5}}));
  EXPECT_EQ(parse_plain("\xef\xbb\xbf"
                        "21.5")
                .values(),
            (Values{{"temperature", 21.5}}));
  EXPECT_EQ(parse("{\"a\"\0:1}"s).rejects, Rejects{Reject::kBadJson});
  EXPECT_EQ(parse("\0"s).rejects, Rejects{Reject::kBadJson});
}

TEST(Payload, ATimeWithoutAZoneIsRefusedByNameUnlessThePlaceIsKnown) {
  for (const char* time : {"2024-05-01T10:00:00", "16:47"}) {
    const Collected out = parse(std::string(R"({"a":1,"ts":")") + time + "\"}");
    EXPECT_EQ(out.rejects, Rejects{Reject::kBadTimestamp}) << time;
    EXPECT_EQ(out.found, std::vector<std::string>{time});
  }
  PayloadLimits limits;
  limits.local_time = [](int64_t local_s) { return local_s - 7200; };
  EXPECT_EQ(parse(R"({"a":1,"ts":"1970-01-01T02:00:01"})", "dev", limits).readings[0].time_ns, 1'000000000);
}

TEST(Payload, DevicesInTheFieldAreUnderstoodAsTheyCome) {
  // The shapes of Zigbee2MQTT, Tasmota, Shelly, Theengs and rtl_433, with values of our own.
  EXPECT_EQ(parse(R"({"battery":97,"humidity":44.7,"linkquality":105,"temperature":21.3})").readings.size(), 4u);
  EXPECT_EQ(
      parse(
          R"({"Time":"2024-05-01T10:00:00","ENERGY":{"TotalStartTime":"2024-01-01T00:00:00","Total":1.5,"Power":60}})")
          .values(),
      (Values{{"ENERGY_Total", 1.5}, {"ENERGY_Power", 60}}));
  EXPECT_EQ(parse(R"({"id": 0,"battery":{"V":5.4, "percent":73},"external":{"present":false}})").values(),
            (Values{{"id", 0}, {"battery_V", 5.4}, {"battery_percent", 73}, {"external_present", 0}}));
  EXPECT_EQ(parse(R"({"brand":"X","model_id":"Y","tempc":-4.5,"hum":62,"mac":"A4:C1"})").values(),
            (Values{{"tempc", -4.5}, {"hum", 62}}));
  EXPECT_EQ(
      parse(R"({"time" : "@0.08s", "id" : 1, "rain_mm" : 0.000, "mic" : "CRC"})", "d", {.time_fields = {"timestamp"}})
          .values(),
      (Values{{"id", 1}, {"rain_mm", 0}}));
}

TEST(Payload, EventTimeIsReadAsADecimal) {
  for (const char* name : {"timestamp", "ts", "time"}) {
    Collected out = parse(std::string("{\"a\":1,\"") + name + "\":1594598424.5023336}");
    ASSERT_EQ(out.readings.size(), 1u) << name;
    EXPECT_EQ(out.readings[0].time_ns, 1594598424'502333600);
  }
  EXPECT_EQ(parse(R"({"ts":"2026-11-20T23:51:20.5Z","a":1})").readings[0].time_ns, 1795218680'500000000);
  EXPECT_EQ(parse(R"({"ts":"1795218680","a":1})").readings[0].time_ns, 1795218680'000000000);
  EXPECT_EQ(parse(R"({"ts":null,"a":1})").readings[0].time_ns, std::nullopt);
  EXPECT_EQ(parse(R"({"time":5,"timestamp":7,"ts":6,"a":1})").readings[0].time_ns, 7'000000000);
  EXPECT_EQ(parse(R"({"sub":{"ts":5},"a":1})").values(), (Values{{"sub_ts", 5}, {"a", 1}}));
}

TEST(Payload, ABadTimestampRefusesItsObjectAndNoOther) {
  for (const char* time : {"\"18:05\"", "true", "{\"s\":1}", "[1]", "1e300", "NaN"}) {
    Collected out = parse(std::string("[{\"a\":1,\"ts\":") + time + "},{\"a\":2}]");
    EXPECT_EQ(out.rejects, Rejects{Reject::kBadTimestamp}) << time;
    ASSERT_EQ(out.readings.size(), 1u) << time;
    EXPECT_EQ(out.readings[0].value, 2);
  }
}

TEST(Payload, TheDeviceComesFromTheObjectOnlyWhereNoneIsGiven) {
  EXPECT_EQ(parse(R"({"device_id":"x","a":1})", "").readings[0].device, "x");
  EXPECT_EQ(parse(R"({"a":1,"device":"k\u00fcche"})", "").readings[0].device, "küche");
  EXPECT_EQ(parse(R"({"device_id":17,"a":1})", "").readings[0].device, "17");
  EXPECT_EQ(parse(R"({"device_id":"x","a":1})", "given").readings[0].device, "given");
  EXPECT_EQ(parse(R"({"device_id":5,"a":1})", "given").values(), (Values{{"a", 1}}));
  EXPECT_EQ(parse(R"({"device":{"model":"M","address":5},"a":1})", "given").values(), (Values{{"a", 1}}));
  Collected none = parse(R"([{"a":1},{"a":2,"device_id":"y"}])", "");
  EXPECT_EQ(none.rejects, Rejects{Reject::kNoDevice});
  ASSERT_EQ(none.readings.size(), 1u);
  EXPECT_EQ(none.readings[0].device, "y");
}

TEST(Payload, ABrokenDocumentCountsNothingOfWhatStoodBeforeTheBreak) {
  for (const char* payload : {"",
                              " ",
                              "{",
                              "}",
                              "{}}",
                              "{\"a\":1",
                              "{\"a\":1,}",
                              "{\"a\":1}x",
                              "{\"a\":1} {\"a\":2}",
                              "{\"a\":1,\"b\"}",
                              "{\"a\":1,\"b\":}",
                              "{\"a\":1 \"b\":2}",
                              "{\"a\":01}",
                              "{\"a\":1.}",
                              "{\"a\":.5}",
                              "{\"a\":+1}",
                              "{\"a\":1,\"b\":tru}",
                              "{\"a\":1,\"b\":nulll}",
                              "{\"a\":1,\"b\":\"x}",
                              "{\"a\":1,\"b\":\"\\x\"}",
                              "{\"a\":1,\"b\":\"\\ud800\"}",
                              "{\"a\":1,\"b\":[1,}",
                              "{\"a\":1,\"b\":[1,]}",
                              "{\"a\":1,\"b\":[1}}",
                              "{\"a\":1,\"b\":[tru]}",
                              "{\"a\":1,\"b\":{\"c\":\"\\u12\"}}",
                              "{a:1}",
                              "{'a':1}",
                              "[{\"a\":1},]",
                              "[{\"a\":1}",
                              "25.5",
                              "\"text\"",
                              "true",
                              "{\"a\":1,\"b\":\"\x01\"}",
                              "{\"a\":1,\"b\":\"\xff\"}",
                              "{\"a\":1}\x01",
                              "{\"a\":1e}",
                              "{\"a\":12abc}",
                              "{\"a\":1,\"b\":[1 2]}",
                              "{\"a\":1,\"b\":-}",
                              "{\"a\":1,\"b\" 2}",
                              "{1:2}",
                              "{\"a\":1}]",
                              "{\"a\":1,\"b\":\"x\"y}"}) {
    Collected out = parse(payload);
    EXPECT_TRUE(out.readings.empty()) << payload;
    EXPECT_EQ(out.rejects, Rejects{Reject::kBadJson}) << payload;
  }
}

TEST(Payload, OneBadFieldIsRefusedAlone) {
  Collected out = parse(R"({"a":1,"b":1e999,"c":"NaN","d":NaN,"e":-Infinity,"f":" inf ","g":2,"h":-1e400})");
  EXPECT_EQ(out.values(), (Values{{"a", 1}, {"g", 2}}));
  EXPECT_EQ(out.rejects, (Rejects{Reject::kOutOfRange, Reject::kNotANumber, Reject::kNotANumber, Reject::kNotANumber,
                                  Reject::kNotANumber, Reject::kOutOfRange}));
  EXPECT_EQ(out.found[0], "b: 1e999");
}

TEST(Payload, NumbersAreTheNearestDouble) {
  auto value = [](const char* number) { return parse(std::string("{\"a\":") + number + "}").readings.at(0).value; };
  EXPECT_EQ(value("18446744073709551616"), 0x1p64);
  EXPECT_EQ(value("18446744073709551615"), 0x1p64);
  EXPECT_EQ(value("9007199254740993"), 9007199254740992.0);
  EXPECT_EQ(value("9007199254740993.0000000000000000000000000000000001"), 9007199254740994.0);
  EXPECT_EQ(value("123456789012345678901234567890123456789012345678901234567890"), 1.2345678901234568e59);
  EXPECT_EQ(value("1.7976931348623158e308"), 1.7976931348623157e308);
  EXPECT_EQ(value("4.9406564584124654e-324"), 0x1p-1074);
  EXPECT_EQ(value("2.2250738585072011e-308"), 2.2250738585072011e-308);
  EXPECT_EQ(value("1e-400"), 0);
  EXPECT_EQ(value("0.00000000000000000000e999"), 0);
  EXPECT_EQ(value("-0"), 0);
  EXPECT_EQ(value("-12.75e-1"), -1.275);
}

TEST(Payload, NumbersJustBeyondDoubleAreOutOfRange) {
  for (const char* number : {"1.7976931348623159e308", "2e308", "1e999", "-1e309", "1000000e305"}) {
    EXPECT_EQ(parse(std::string("{\"a\":") + number + "}").rejects, Rejects{Reject::kOutOfRange}) << number;
  }
  std::string long_number = "{\"a\":" + std::string(400, '9') + "}";
  EXPECT_EQ(parse(long_number).rejects, Rejects{Reject::kOutOfRange});
  std::string small = "{\"a\":0." + std::string(500, '0') + "1}";
  EXPECT_EQ(parse(small).values(), (Values{{"a", 0}}));
}

std::string nested(int depth, const char* open, const char* close, const char* inner) {
  std::string out;
  for (int i = 0; i < depth; ++i) out += open;
  out += inner;
  for (int i = 0; i < depth; ++i) out += close;
  return out;
}

TEST(Payload, EightLevelsAreReadNineAreTooDeep) {
  EXPECT_EQ(parse(nested(8, "{\"a\":", "}", "1")).values(), (Values{{"a_a_a_a_a_a_a_a", 1}}));
  EXPECT_EQ(parse(nested(9, "{\"a\":", "}", "1")).rejects, Rejects{Reject::kTooDeep});
  EXPECT_EQ(parse("{\"x\":1,\"b\":" + nested(8, "[", "]", "1") + "}").rejects, Rejects{Reject::kTooDeep});
  EXPECT_TRUE(parse("{\"x\":1,\"b\":" + nested(8, "[", "]", "1") + "}").readings.empty());
  EXPECT_EQ(parse(std::string(100'000, '[')).readings.size(), 0u);
  EXPECT_EQ(parse(nested(30'000, "{\"a\":", "}", "1")).rejects, Rejects{Reject::kTooDeep});
}

TEST(Payload, HugePayloadsAreRefusedUnread) {
  std::string huge = "{\"a\":1,\"b\":\"" + std::string(256 * 1024, 'x') + "\"}";
  EXPECT_EQ(parse(huge).rejects, Rejects{Reject::kTooLarge});
  EXPECT_TRUE(parse(huge).readings.empty());
  std::string fits = "{\"a\":1,\"b\":\"" + std::string(256 * 1024 - 14, 'x') + "\"}";
  EXPECT_EQ(parse(fits).values(), (Values{{"a", 1}}));
}

TEST(Payload, TooManyFieldsRefuseTheirObjectAndNoOther) {
  std::string many = "{";
  for (int i = 0; i < 1025; ++i) many += "\"f" + std::to_string(i) + "\":1,";
  many.back() = '}';
  Collected out = parse("[" + many + ",{\"a\":1}]");
  EXPECT_EQ(out.rejects, Rejects{Reject::kTooMany});
  EXPECT_EQ(out.values(), (Values{{"a", 1}}));
}

TEST(Payload, NamesThatMakeNoMetricAreRefusedAlone) {
  Collected out = parse("{\"\":1,\"" + std::string(129, 'x') + "\":2,\"" + std::string(128, 'y') + "\":3}");
  EXPECT_EQ(out.rejects, (Rejects{Reject::kBadName, Reject::kBadName}));
  EXPECT_EQ(out.readings.size(), 1u);
}

TEST(Payload, ObjectsWithoutAValueAreCounted) {
  EXPECT_EQ(parse(R"({"action":"single"})").rejects, Rejects{Reject::kNoValue});
  EXPECT_EQ(parse("{}").rejects, Rejects{Reject::kNoValue});
  EXPECT_EQ(parse("[]").rejects, Rejects{Reject::kNoValue});
  Collected mixed = parse(R"([1,{"a":1},"x",[2],null])");
  EXPECT_EQ(mixed.rejects, Rejects(4, Reject::kNoValue));
  EXPECT_EQ(mixed.readings.size(), 1u);
}

TEST(Payload, ANameThatComesTwiceIsTwoReadings) {
  EXPECT_EQ(parse(R"({"a":1,"a":2})").readings.size(), 2u);
  EXPECT_EQ(parse(R"({"a":{"b":1},"a":{"b":2}})").readings.size(), 2u);
}

TEST(Payload, PlainNumbersAndSwitchesAreReadings) {
  auto value = [](const char* text) { return parse_plain(text).readings.at(0).value; };
  EXPECT_EQ(value("21.5"), 21.5);
  EXPECT_EQ(value(" -3e2\n"), -300);
  EXPECT_EQ(value("+.5"), 0.5);
  EXPECT_EQ(value("ON"), 1);
  EXPECT_EQ(value("false"), 0);
  for (const char* text : {"", "online", "21.5 C", "nan", "-inf", "0x10", "1,5", "+-1", "1e", "--1"}) {
    EXPECT_EQ(parse_plain(text).rejects, Rejects{Reject::kNotANumber}) << text;
  }
  EXPECT_EQ(parse_plain("1e999").rejects, Rejects{Reject::kOutOfRange});
}

TEST(Payload, OneParserServesManyPayloads) {
  PayloadParser parser;
  for (int i = 0; i < 1000; ++i) {
    Collected out;
    parser.parse_json("{\"a\":" + std::to_string(i) + ",\"pad\":\"" + std::string(static_cast<size_t>(i), 'p') + "\"}",
                      "d", kArrived, out);
    ASSERT_EQ(out.values(), (Values{{"a", i}}));
    Collected broken;
    parser.parse_json("{\"a\":", "d", kArrived, broken);
    ASSERT_EQ(broken.rejects, Rejects{Reject::kBadJson});
  }
}

// What a mutation may do to a document without the two parsers having to agree: bare NaN is ours alone.
bool has_bare_word_of_ours(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text.find("nan") != std::string::npos || text.find("inf") != std::string::npos;
}

TEST(Payload, MutatedJsonIsSurvivedAndJudgedAsByAnotherParser) {
  const uint64_t seed = 7202611210303;
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::vector<std::string> seeds = {
      R"({"t":27.34,"h":-4.5e1,"s":"O\u00fcF","ok":true,"x":[1,2.5,"a",{"b":false}],"o":{"p":{"q":0}}})",
      R"([{"device_id":"x","timestamp":1594598424.5023336,"co":0.004},{"a":12345678901234567890,"b":"\\\"\ud83d\ude00"}])",
      R"(  { "ts" : "2026-11-20T23:51:20.5Z" , "a" : 1e-3 , "b" : [ [ ] , { } , [ true , false ] ] }  )"};
  const std::string alphabet = "{}[]\",:\\0123456789.eE+-truefalsx \n\x01\x80\xc3\xff";
  PayloadParser parser({.depth_max = 900});
  int accepted = 0;
  for (int i = 0; i < 300000; ++i) {
    std::string text = seeds[random() % seeds.size()];
    for (uint64_t edits = 1 + random() % 3; edits > 0; --edits) {
      size_t at = random() % (text.size() + 1);
      switch (random() % 4) {
        case 0:
          text.insert(at, 1, alphabet[random() % alphabet.size()]);
          break;
        case 1:
          if (at < text.size()) text.erase(at, 1 + random() % 4);
          break;
        case 2:
          if (at < text.size()) text[at] = alphabet[random() % alphabet.size()];
          break;
        default:
          text = text.substr(0, at) + text.substr(random() % (text.size() + 1));
          break;
      }
      if (text.empty()) text = " ";
    }
    Collected out;
    parser.parse_json(text, "d", kArrived, out);
    for (const auto& one : out.readings) ASSERT_TRUE(std::isfinite(one.value));
    if (has_bare_word_of_ours(text)) continue;
    size_t first = text.find_first_not_of(" \t\n\r");
    bool is_container = first != std::string::npos && (text[first] == '{' || text[first] == '[');
    bool ours = out.rejects != Rejects{Reject::kBadJson};
    bool theirs = false;
    try {
      theirs = is_container && !nlohmann::json::parse(text).is_discarded();
    } catch (const nlohmann::json::out_of_range&) {
      continue;  // it takes a number beyond double for a broken document, which is another question
    } catch (const nlohmann::json::exception&) {
    }
    ASSERT_EQ(ours, theirs) << "seed " << seed << " round " << i << ": " << text;
    accepted += ours ? 1 : 0;
  }
  EXPECT_GT(accepted, 1000);
}

TEST(Payload, RandomBytesAreSurvived) {
  const uint64_t seed = 99;
  std::mt19937_64 random(seed);
  PayloadParser parser;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes(random() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (!bytes.empty() && (i & 1) != 0) bytes[0] = '{';
    Collected out;
    parser.parse_json(bytes, "d", kArrived, out);
    parser.parse_plain(bytes, "d", "m", kArrived, out);
    ASSERT_LE(out.readings.size() + out.rejects.size(), 10u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace tributary::reading
