#include "tools/manual/command.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace warp::tools {
namespace {

// CLI11 says "SECONDS:FLOAT in [0.01 - 3600]" of a value: its word, and behind the colon what a validator takes.
void ReadType(absl::string_view type, CommandOption& option) {
  const size_t colon = type.find(':');
  option.value = std::string(type.substr(0, colon));
  for (const char* number : {"FLOAT", "UINT", "INT"}) {
    if (option.value == number) option.value = "NUMBER";
  }
  if (colon == absl::string_view::npos) return;
  absl::string_view range = type.substr(colon + 1);
  const size_t begin = range.find(" in [");
  if (begin == absl::string_view::npos) return;
  range.remove_prefix(begin + 5);
  range = absl::StripSuffix(range, "]");
  const size_t dash = range.find(" - ");
  if (dash == absl::string_view::npos) return;
  option.range = absl::StrCat(range.substr(0, dash), " to ", range.substr(dash + 3));
}

CommandOption OptionOf(const CLI::Option& declared, int choice) {
  CommandOption option{.help = declared.get_description(),
                       .fallback = declared.get_default_str(),
                       .required = declared.get_required(),
                       .choice = choice};
  for (const std::string& name : declared.get_snames()) option.names.push_back("-" + name);
  for (const std::string& name : declared.get_lnames()) option.names.push_back("--" + name);
  if (declared.get_items_expected_max() == 0) return option;  // a flag
  ReadType(declared.get_type_name(), option);
  option.repeated = declared.get_items_expected_max() > 1;
  option.value_optional = declared.get_items_expected_min() == 0;
  return option;
}

bool Has(const Command& command, const CommandOption& option) {
  for (const CommandOption& own : command.options) {
    if (own.names == option.names) return true;
  }
  return false;
}

// Of the app itself and of its groups, which CLI11 keeps as apps without a name.
void AddOptions(const CLI::App& app, int& choices, Command& command) {
  const bool group = app.get_name().empty();
  const int choice = group && app.get_require_option_min() == 1 ? ++choices : 0;
  for (const CLI::Option* declared : app.get_options()) {
    CommandOption option = OptionOf(*declared, choice);
    if (!option.is_argument() && Has(command, option)) continue;  // a group's own --help
    (option.is_argument() ? command.arguments : command.options).push_back(std::move(option));
  }
}

Command Read(const CLI::App& app, const Command* parent) {
  Command command{
      .name = app.get_name(),
      .path = parent == nullptr ? app.get_name() : absl::StrCat(parent->path, " ", app.get_name()),
      .help = app.get_description(),
      .footer = app.get_footer(),
      .needs_command = app.get_require_subcommand_min() > 0};
  // CLI11 hands a verb's last words down to those below it.
  if (parent != nullptr && command.footer == parent->footer) command.footer.clear();
  int choices = 0;
  AddOptions(app, choices, command);
  const std::vector<const CLI::App*> below =
      app.get_subcommands(std::function<bool(const CLI::App*)>());
  for (const CLI::App* child : below) {
    if (child->get_name().empty()) AddOptions(*child, choices, command);
  }
  // Those of the program itself (--version) are not its verbs' to take.
  if (parent != nullptr && absl::StrContains(parent->path, ' ') && app.get_fallthrough()) {
    for (const CommandOption& option : parent->options) {
      if (Has(command, option)) continue;
      command.options.push_back(option);
      command.options.back().inherited = true;
    }
  }
  for (const CLI::App* child : below) {
    if (!child->get_name().empty()) command.commands.push_back(Read(*child, &command));
  }
  return command;
}

}  // namespace

Command CommandOf(const CLI::App& app) { return Read(app, nullptr); }

}  // namespace warp::tools
