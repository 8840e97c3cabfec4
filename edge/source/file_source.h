// SPDX-License-Identifier: Apache-2.0
// FileSource: one number out of a text file, again and again: /proc/loadavg, /proc/meminfo, /sys/class/thermal/*/temp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/source/reject_log.h"
#include "edge/source/source.h"
#include "edge/source/sources.h"

namespace tributary::edge {

struct FileSourceConfig {
  std::string path;  // may hold one *; what it stands for is then appended to the metric: temperature_thermal_zone0
  std::string device;
  std::string metric;
  // Which number: empty: the first field; a number n: the n-th field, from 1; a word: the first field after it on
  // the line that begins with it ("MemAvailable", with or without a colon).
  std::string key;
  double scale = 1;
  int64_t interval_ms = 10'000;
};

// The field that key names, or nothing.
std::optional<std::string_view> find_field(std::string_view text, std::string_view key);

// The table [[source.file]].
FileSourceConfig read_file_source(runtime::ConfigTable table);

class FileSource final : public Source {
 public:
  static MakeSource read(runtime::ConfigTable table, const SourceSurroundings& surroundings);
  explicit FileSource(FileSourceConfig config) : config_(std::move(config)) {}
  void start() override {}
  // Reads when the interval has passed. A file that is missing is said once and tried again.
  size_t drain(reading::ReadingSink& sink, Instant now) override;
  int64_t due_ns() const override { return due_ns_; }
  void stop() override { due_ns_ = INT64_MAX; }

 private:
  bool read_one(const std::string& path, const std::string& metric, reading::ReadingSink& sink, Instant now);
  void refuse(reading::Reject why, const std::string& path, std::string_view found, const std::string& expected,
              reading::ReadingSink& sink, Instant now);

  const FileSourceConfig config_;
  RejectLog log_;
  int64_t due_ns_ = 0;
  bool missing_said_ = false;
};

}  // namespace tributary::edge
