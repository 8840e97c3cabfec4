// SPDX-License-Identifier: Apache-2.0
// The frame of a program that a TOML file configures: signals, command line, configuration, logging, then its work.
#pragma once

#include <cstdio>
#include <string>

#include "common/runtime/faults.h"
#include "common/runtime/program.h"
#include "common/runtime/result.h"

namespace tributary::runtime {

inline constexpr int kExitFailure = 1;

struct ProgramName {
  const char* name;   // "tributary-bridge"
  const char* about;  // one sentence for --help
};

struct CommandLine {
  std::string config_file;
  bool check = false;  // --check: read the configuration and exit
  int exit_code = -1;  // not negative: exit with it at once (--help, --version, a wrong command line)
};
CommandLine parse_command_line(const ProgramName& program, int argc, char** argv);

// Says the error on standard error, the program's name before it; returns code.
int fail(const ProgramName& program, const Error& error, int code);

// main of a program. read_config: const std::string& path → Result<Config>; run: const Config& → exit code, called with
// logging started and stop signals blocked (an EventLoop takes them).
template <class ReadConfig, class Run>
int run_program(const ProgramName& program, int argc, char** argv, const ReadConfig& read_config, const Run& run) {
  block_stop_signals();
  const CommandLine line = parse_command_line(program, argc, argv);
  if (line.exit_code >= 0) return line.exit_code;
  const auto config = read_config(line.config_file);
  if (!config) return fail(program, config.error(), kExitConfiguration);
  if (line.check) {
    std::printf("%s: fine\n", line.config_file.c_str());
    return 0;
  }
  start_logging(program.name);
  explain_file_faults(program.name);
  return run(*config);
}

}  // namespace tributary::runtime
