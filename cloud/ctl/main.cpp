// SPDX-License-Identifier: Apache-2.0
// tributaryctl: keys of tenants, a look into the log and the state, dead letters. The command line, made of the list of
// commands; what a command does stands in command/.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cloud/ctl/command.h"
#include "common/runtime/faults.h"
#include "common/runtime/program.h"

namespace {

using namespace tributary;

// One option's place to be read into, until the command runs.
struct Slot {
  const ctl::Option* option = nullptr;
  std::vector<std::string> texts;
  bool flag = false;
};

std::string first_name(const ctl::Option& option) {
  const std::string names = option.names;
  return names.substr(0, names.find(','));
}

// Empty: the text is a whole number.
std::string number_fault(const std::string& text) {
  const ctl::Arguments arguments{{{"", {text}}}};
  return arguments.number("") ? "" : "found \"" + text + "\", expected a whole number from 0 on";
}

void add_option(CLI::App& app, Slot& slot) {
  const ctl::Option& option = *slot.option;
  if (option.takes == ctl::Option::Takes::kFlag) {
    app.add_flag(option.names, slot.flag, option.help);
    return;
  }
  CLI::Option* added = app.add_option(option.names, slot.texts, option.help)->required(option.required);
  // A list would take the words behind it as well.
  if (option.takes != ctl::Option::Takes::kTexts) added->expected(1);
  if (option.takes == ctl::Option::Takes::kTexts) added->allow_extra_args(false);
  if (option.takes == ctl::Option::Takes::kNumber) added->check(number_fault, "")->type_name("NUMBER");
  if (option.otherwise != nullptr) added->default_str(option.otherwise);
}

ctl::Arguments arguments_of(const std::vector<std::unique_ptr<Slot>>& slots) {
  ctl::Arguments arguments;
  for (const auto& slot : slots) {
    const std::string name = first_name(*slot->option);
    if (slot->flag) arguments.given[name] = {};
    if (!slot->texts.empty()) arguments.given[name] = slot->texts;
    if (slot->texts.empty() && slot->option->otherwise != nullptr) arguments.given[name] = {slot->option->otherwise};
  }
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  runtime::explain_file_faults("tributaryctl");
  ::umask(::umask(0) | 027);  // as the programs whose files it writes
  if (const std::string why = ctl::unknown_command({argv + 1, argv + argc}); !why.empty()) {
    ctl::fail(why + " (tributaryctl --help)");
    return runtime::kExitConfiguration;
  }
  CLI::App app("Keys of tenants, a look into the log and the state, dead letters.", "tributaryctl");
  app.set_version_flag("--version", std::string("tributaryctl ") + runtime::kVersion);
  app.require_subcommand(1);
  int status = 0;
  std::map<std::string, CLI::App*> nouns;
  for (const ctl::Noun& noun : ctl::nouns()) {
    nouns[noun.name] = app.add_subcommand(noun.name, noun.help)->require_subcommand(1);
  }
  std::vector<std::vector<std::unique_ptr<Slot>>> kept;
  kept.reserve(ctl::commands().size());
  for (const ctl::Command* command : ctl::commands()) {
    CLI::App* verb = nouns.at(command->noun)->add_subcommand(command->verb, command->help);
    auto& slots = kept.emplace_back();
    for (const ctl::Option& option : command->options) {
      slots.push_back(std::make_unique<Slot>(Slot{.option = &option}));
      add_option(*verb, *slots.back());
    }
    verb->callback([&status, &slots, command] { status = command->run(arguments_of(slots)); });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : runtime::kExitConfiguration;
  }
  return status;
}
