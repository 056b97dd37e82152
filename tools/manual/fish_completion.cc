// A line for each verb and option, with the condition under which it may stand there.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tools/manual/completion.h"

namespace warp::tools {
namespace {

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

// True where the words before the cursor lead to this verb, and to none below it if `exactly`.
std::string Condition(const Command& command, bool exactly) {
  std::vector<std::string> parts;
  const std::vector<std::string> words = absl::StrSplit(command.path, ' ');
  for (size_t i = 1; i < words.size(); ++i) {
    parts.push_back("__fish_seen_subcommand_from " + words[i]);
  }
  std::vector<std::string> below;
  for (const Command& each : command.commands) below.push_back(each.name);
  if (exactly && !below.empty()) {
    parts.push_back("not __fish_seen_subcommand_from " + absl::StrJoin(below, " "));
  }
  if (parts.empty()) return "";
  return absl::StrCat(" -n ", Quoted(absl::StrJoin(parts, "; and ")));
}

std::string OptionLine(const std::string& begin, const CommandOption& option) {
  std::string line = begin;
  for (const std::string& name : option.names) {
    const bool is_long = name.substr(0, 2) == "--";
    absl::StrAppend(&line, is_long ? " -l " : " -s ", name.substr(is_long ? 2 : 1));
  }
  if (!option.value.empty() && !option.value_optional) line += option.is_file() ? " -r -F" : " -x";
  return absl::StrCat(line, " -d ", Quoted(option.help), "\n");
}

}  // namespace

std::string FishCompletion(const Command& program) {
  std::string out =
      absl::StrCat("# Completion of ", program.name,
                   " in fish, made of its command line.\ncomplete -c ", program.name, " -f\n");
  ForEachCommand(program, [&](const Command& command) {
    const std::string begin = absl::StrCat("complete -c ", program.name, Condition(command, true));
    for (const Command& below : command.commands) {
      absl::StrAppend(&out, begin, " -a ", below.name, " -d ", Quoted(below.help), "\n");
    }
    for (const CommandOption& option : command.options) out += OptionLine(begin, option);
    for (const CommandOption& argument : command.arguments) {
      if (argument.is_file()) absl::StrAppend(&out, begin, " -F\n");
    }
  });
  return out;
}

}  // namespace warp::tools
