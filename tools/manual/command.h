// A program's command line as plain data: what its manual page and the completions of shells are written from.
//
// It is read from the very declaration by which the program parses, so that no verb and no option can be forgotten, nor
// one be described that is not there.
#ifndef WARP_TOOLS_MANUAL_COMMAND_H_
#define WARP_TOOLS_MANUAL_COMMAND_H_

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace warp::tools {

// An option, or an argument, which has no names.
struct CommandOption {
  std::vector<std::string> names;  // "-c", "--config"; short ones first
  std::string value;               // what stands for its value: "PATH"; empty: it takes none
  std::string range;               // "0.01 to 3600"; empty: nothing is said
  std::string help;                // a sentence without its end
  std::string fallback;            // the default; empty: none is said
  bool required = false;
  bool repeated = false;        // may have several values
  bool value_optional = false;  // may stand without its value
  bool inherited = false;       // a parent's, which the verb takes as well
  int choice = 0;  // exactly one of the options with the same number must be given; 0: free

  bool is_argument() const { return names.empty(); }
  // The value names a file, which a shell can complete.
  bool is_file() const { return value == "FILE" || value == "PATH"; }
};

struct Command {
  std::string name;  // "set"
  std::string path;  // "warp tunnel set"
  std::string help;
  std::string footer;
  std::vector<CommandOption> options;    // inherited ones come last
  std::vector<CommandOption> arguments;  // in their order
  std::vector<Command> commands;
  bool needs_command = false;
};

// `app` is a program, or one of its verbs.
Command CommandOf(const CLI::App& app);

// Calls `visit` for the command, then for each of those below it, in the order of their declaration.
template <typename Visit>
void ForEachCommand(const Command& command, const Visit& visit) {
  visit(command);
  for (const Command& below : command.commands) ForEachCommand(below, visit);
}

}  // namespace warp::tools

#endif  // WARP_TOOLS_MANUAL_COMMAND_H_
