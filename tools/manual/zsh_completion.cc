// A function for each verb, which tells _arguments what may stand there.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tools/manual/completion.h"

namespace warp::tools {
namespace {

// In single quotes; within a specification of _arguments some characters need a backslash as well.
std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}
std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}});
}

std::string FunctionName(const Command& command) {
  return "_" + absl::StrReplaceAll(command.path, {{" ", "_"}, {"-", "_"}});
}

// ":PATH:_files": what a value is called, and what completes it.
std::string Value(const CommandOption& option) {
  if (option.value.empty()) return "";
  return absl::StrCat(option.value_optional ? "::" : ":", Escaped(option.value),
                      option.is_file() ? ":_files" : ": ");
}

// ":PATH:_files", or ":NAME:{true}" where nothing completes it. If zsh had to say so, as it does of the value of an
// option, it would list the options that may stand there instead of completing one.
std::string Place(const CommandOption& argument) {
  return absl::StrCat(argument.value_optional ? "::" : ":", Escaped(argument.value),
                      argument.is_file() ? ":_files" : ":{true}");
}

// '(-c --config)'{-c,--config}'[YAML configuration file]:FILE:_files'
std::string Specification(const CommandOption& option) {
  const std::string rest = Quoted(absl::StrCat("[", Escaped(option.help), "]", Value(option)));
  if (option.names.size() == 1) {
    return absl::StrCat(option.repeated ? "'*'" : "", option.names[0], rest);
  }
  const std::string exclusive = absl::StrCat("'(", absl::StrJoin(option.names, " "), ")'");
  return absl::StrCat(option.repeated ? "'*'" : exclusive, "{", absl::StrJoin(option.names, ","),
                      "}", rest);
}

std::string Arguments(const Command& command) {
  std::string lines;
  for (const CommandOption& option : command.options) {
    absl::StrAppend(&lines, " \\\n    ", Specification(option));
  }
  for (const CommandOption& argument : command.arguments) {
    const std::string place = argument.repeated ? "*" : argument.required ? "" : ":";
    absl::StrAppend(&lines, " \\\n    ", Quoted(place + Place(argument)));
  }
  return lines;
}

void AppendLeaf(const Command& command, std::string& out) {
  absl::StrAppend(&out, FunctionName(command), "() {\n  _arguments", Arguments(command), "\n}\n\n");
}

void AppendParent(const Command& command, std::string& out) {
  std::string verbs, choices;
  for (const Command& below : command.commands) {
    absl::StrAppend(&verbs, "    ", Quoted(absl::StrCat(Escaped(below.name), ":", below.help)),
                    "\n");
    absl::StrAppend(&choices, "        ", below.name, ") ", FunctionName(below), " ;;\n");
  }
  absl::StrAppend(&out, FunctionName(command), "() {\n  local curcontext=$curcontext state line\n",
                  "  typeset -A opt_args\n  local -a verbs=(\n", verbs, "  )\n  _arguments -C",
                  Arguments(command), " \\\n    '1: :->verb' '*:: :->rest'\n",
                  "  case $state in\n    verb) _describe verb verbs ;;\n    rest)\n",
                  "      case $line[1] in\n", choices, "      esac ;;\n  esac\n}\n\n");
}

}  // namespace

std::string ZshCompletion(const Command& program) {
  std::string out = absl::StrCat("#compdef ", program.name, "\n# Completion of ", program.name,
                                 " in zsh, made of its command line.\n\n");
  ForEachCommand(program, [&](const Command& command) {
    command.commands.empty() ? AppendLeaf(command, out) : AppendParent(command, out);
  });
  absl::StrAppend(&out, FunctionName(program), " \"$@\"\n");
  return out;
}

}  // namespace warp::tools
