// SPDX-License-Identifier: Apache-2.0
// Small text files as sensors.
#include "edge/source/file_source.h"

#include <fcntl.h>
#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "common/reading/payload.h"
#include "common/runtime/program.h"

namespace tributary::edge {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr size_t kFileBytesMax = 64 << 10;

// The front field of text, which is cut off; empty at the end.
std::string_view take_field(std::string_view& text) {
  const size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  const size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
  const std::string_view field = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return field;
}

// Files below /proc and /sys tell no size: read until the end. Nothing and errno if that fails.
std::optional<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return std::nullopt;
  std::string text;
  std::array<char, 4096> buffer;
  ssize_t got = 0;
  while (text.size() < kFileBytesMax && (got = ::read(fd, buffer.data(), buffer.size())) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  const int saved = errno;
  ::close(fd);
  errno = saved;
  if (got < 0) return std::nullopt;
  return text;
}

}  // namespace

std::optional<std::string_view> find_field(std::string_view text, std::string_view key) {
  const bool is_index = !key.empty() && key.find_first_not_of("0123456789") == std::string_view::npos;
  if (key.empty() || is_index) {
    size_t index = 1;
    if (is_index) {
      if (key.size() > 4) return std::nullopt;
      index = std::stoul(std::string(key));
    }
    std::string_view field;
    for (size_t i = 0; i < index; ++i) {
      field = take_field(text);
      if (field.empty()) return std::nullopt;
    }
    if (index == 0) return std::nullopt;
    return field;
  }
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    if (!line.starts_with(key)) continue;
    line.remove_prefix(key.size());
    if (line.empty() ||
        (kBlanks.find(line.front()) == std::string_view::npos && line.front() != ':' && line.front() != '='))
      continue;
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r:="), line.size()));
    const std::string_view field = take_field(line);
    if (field.empty()) return std::nullopt;
    return field;
  }
  return std::nullopt;
}

FileSourceConfig read_file_source(runtime::ConfigTable table) {
  FileSourceConfig source;
  source.path = table.required_text("path");
  source.device = table.required_text("device");
  source.metric = table.required_text("metric");
  if (std::count(source.path.begin(), source.path.end(), '*') > 1)
    table.complain("path", runtime::quoted(source.path), "at most one *");
  const std::string device = source.device.empty() ? "device" : source.device;
  const std::string metric = source.metric.empty() ? "metric" : source.metric;
  if (!check_series({.device = device, .metric = "metric"}).ok())
    table.complain("device", runtime::quoted(device), "1 to 128 bytes of text");
  if (!check_series({.device = "device", .metric = metric}).ok())
    table.complain("metric", runtime::quoted(metric), "the name of a metric");
  source.key = table.text("key");
  source.scale = table.number("scale", 1);
  if (!std::isfinite(source.scale) || source.scale == 0)
    table.complain("scale", std::to_string(source.scale), "a finite number other than 0");
  source.interval_ms = table.integer("interval_ms", source.interval_ms, 100, 86'400'000);
  return source;
}

MakeSource FileSource::read(runtime::ConfigTable table, const SourceSurroundings&) {
  return
      [config = read_file_source(std::move(table))](const std::function<void()>&) -> Result<std::unique_ptr<Source>> {
        return std::unique_ptr<Source>(std::make_unique<FileSource>(config));
      };
}

size_t FileSource::drain(reading::ReadingSink& sink, Instant now) {
  if (now.mono_ns < due_ns_) return 0;
  due_ns_ = now.mono_ns + config_.interval_ms * 1'000'000;
  const size_t star = config_.path.find('*');
  size_t count = 0;
  if (star == std::string::npos) {
    count = read_one(config_.path, config_.metric, sink, now) ? 1 : 0;
  } else {
    const size_t after = config_.path.size() - star - 1;
    glob_t matches{};
    if (::glob(config_.path.c_str(), 0, nullptr, &matches) == 0) {
      for (size_t i = 0; i < matches.gl_pathc; ++i) {
        const std::string path = matches.gl_pathv[i];
        const std::string matched = path.substr(star, path.size() - star - after);
        count += read_one(path, config_.metric + "_" + metric_name(matched), sink, now) ? 1 : 0;
      }
    }
    ::globfree(&matches);
  }
  if (count == 0 && !missing_said_) {
    runtime::log_warn("source " + config_.path + ": nothing to read there yet; trying again every " +
                      std::to_string(config_.interval_ms) + " ms");
    missing_said_ = true;
  }
  if (count > 0) missing_said_ = false;
  return count;
}

bool FileSource::read_one(const std::string& path, const std::string& metric, reading::ReadingSink& sink, Instant now) {
  const std::optional<std::string> text = read_file(path);
  if (!text) return false;
  const std::optional<std::string_view> field = find_field(*text, config_.key);
  if (!field) {
    refuse(reading::Reject::kNoValue, path, "no such field", config_.key.empty() ? "a number" : "key " + config_.key,
           sink, now);
    return true;
  }
  reading::Reject why{};
  std::optional<double> value = reading::parse_number(*field, why);
  if (value && !std::isfinite(*value * config_.scale)) {
    value.reset();
    why = reading::Reject::kOutOfRange;
  }
  if (!value) {
    refuse(why, path, field->substr(0, 80), "a number", sink, now);
    return true;
  }
  sink.accept({.device = config_.device, .metric = metric, .value = {.number = *value * config_.scale}}, now);
  return true;
}

void FileSource::refuse(reading::Reject why, const std::string& path, std::string_view found,
                        const std::string& expected, reading::ReadingSink& sink, Instant now) {
  sink.reject(why, found, expected);
  log_.note(why, path, found, expected, now.mono_ns);
}

}  // namespace tributary::edge
