// warp: the program. Its commands are declared in tools/command/warp.cc.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/command/warp.h"

namespace {

int Main(int argc, char** argv) {
  // What follows the first -- of `run` belongs to the application.
  std::vector<std::string> command;
  const auto end = argc > 1 && std::string(argv[1]) == "run"
                       ? std::find(argv, argv + argc, absl::string_view("--"))
                       : argv + argc;
  if (end != argv + argc) {
    command.assign(end + 1, argv + argc);
    argc = static_cast<int>(end - argv);
  }
  CLI::App app;
  int result = 0;
  warp::tools::DeclareWarp(app, command, result);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    // CLI11 ends in this way for --help and for mistakes. It numbers the mistakes; `warp` exits with 1 for each of
    // them.
    return app.exit(e) == 0 ? 0 : 1;
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) { return Main(argc, argv); }
