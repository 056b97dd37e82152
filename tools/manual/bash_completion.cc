// A function that walks the words before the cursor from verb to verb, and then knows what may stand there.
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tools/manual/completion.h"

namespace warp::tools {
namespace {

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

// Words that match one line of a case statement: 'warp status' | 'warp tunnel'
std::string Pattern(const std::vector<std::string>& words) { return absl::StrJoin(words, " | "); }

std::string FunctionName(const Command& program) {
  return "_" + absl::StrReplaceAll(program.name, {{"-", "_"}});
}

// Which words lead to a verb, behind which others.
std::string Steps(const Command& program) {
  std::vector<std::string> steps;
  ForEachCommand(program, [&](const Command& command) {
    if (command.path != program.path) steps.push_back(Quoted(command.path));
  });
  if (steps.empty()) return "";
  return absl::StrCat("    case \"$at $word\" in\n      ", Pattern(steps),
                      ") at+=\" $word\" ;;\n    esac\n");
}

// What may stand behind each verb.
std::string Words(const Command& program) {
  std::string lines;
  ForEachCommand(program, [&](const Command& command) {
    std::vector<std::string> verbs, options;
    for (const Command& below : command.commands) verbs.push_back(below.name);
    for (const CommandOption& option : command.options) {
      options.insert(options.end(), option.names.begin(), option.names.end());
    }
    bool files = false;
    for (const CommandOption& argument : command.arguments) files = files || argument.is_file();
    absl::StrAppend(
        &lines, "    ", Quoted(command.path), ") verbs=", Quoted(absl::StrJoin(verbs, " ")),
        " options=", Quoted(absl::StrJoin(options, " ")), files ? " files=yes" : "", " ;;\n");
  });
  return lines;
}

// The options that take a value. Only those whose value is a file have something to complete.
std::string Values(const Command& program) {
  std::set<std::string> files, others;
  ForEachCommand(program, [&](const Command& command) {
    for (const CommandOption& option : command.options) {
      if (option.value.empty() || option.value_optional) continue;
      for (const std::string& name : option.names) {
        (option.is_file() ? files : others).insert(Quoted(absl::StrCat(command.path, " ", name)));
      }
    }
  });
  std::string lines;
  if (!files.empty()) {
    absl::StrAppend(&lines, "    ", Pattern({files.begin(), files.end()}),
                    ") verbs= options= files=yes current_is_value=yes ;;\n");
  }
  if (!others.empty()) {
    absl::StrAppend(&lines, "    ", Pattern({others.begin(), others.end()}), ") return ;;\n");
  }
  return lines.empty() ? "" : absl::StrCat("  case \"$at $previous\" in\n", lines, "  esac\n");
}

}  // namespace

std::string BashCompletion(const Command& program) {
  const std::string function = FunctionName(program);
  return absl::StrCat("# Completion of ", program.name, " in bash, made of its command line.\n",
                      function, "() {\n", "  local at=", Quoted(program.path),
                      " current=${COMP_WORDS[COMP_CWORD]}",
                      " previous=${COMP_WORDS[COMP_CWORD-1]}\n",
                      "  local verbs= options= files= current_is_value= word\n", "  COMPREPLY=()\n",
                      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n",
                      "    if [[ $word == -- ]]; then  # what follows belongs to another program\n",
                      "      compopt -o bashdefault -o default 2>/dev/null\n      return\n    fi\n",
                      Steps(program), "  done\n", "  case $at in\n", Words(program), "  esac\n",
                      Values(program), "  if [[ $current == -* && -z $current_is_value ]]; then\n",
                      "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n",
                      "  elif [[ -n $verbs ]]; then\n",
                      "    mapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$current\")\n",
                      "  elif [[ -n $files ]]; then\n", "    compopt -o filenames 2>/dev/null\n",
                      "    mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n", "  fi\n", "}\n",
                      "complete -F ", function, " ", program.name, "\n");
}

}  // namespace warp::tools
