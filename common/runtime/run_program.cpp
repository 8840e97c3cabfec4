// SPDX-License-Identifier: Apache-2.0
// The command line of a program, see run_program.h.
#include "common/runtime/run_program.h"

#include <sys/stat.h>

#include <CLI/CLI.hpp>

namespace tributary::runtime {

CommandLine parse_command_line(const ProgramName& program, int argc, char** argv) {
  // What a program stores is its user's, and its group's to read: nobody else's.
  ::umask(::umask(0) | 027);
  CommandLine line;
  CLI::App app(program.about, program.name);
  app.add_option("--config", line.config_file, "The configuration file (TOML)")->required();
  app.add_flag("--check", line.check, "Check the configuration and exit");
  app.set_version_flag("--version", std::string(program.name) + " " + kVersion);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    line.exit_code = app.exit(error) == 0 ? 0 : kExitConfiguration;
  }
  return line;
}

int fail(const ProgramName& program, const Error& error, int code) {
  std::fprintf(stderr, "%s: %s\n", program.name, error.message.c_str());
  return code;
}

}  // namespace tributary::runtime
