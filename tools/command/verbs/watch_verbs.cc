#include "tools/command/verbs/watch_verbs.h"

#include <CLI/CLI.hpp>

#include "tools/top/top.h"

namespace warp::tools {
namespace {

void AddTop(CLI::App& app, int& result) {
  static TopOptions options;
  CLI::App* top = app.add_subcommand(
      "top", "Watch a running warpd live in a terminal: rate, delay and loss of the last minute");
  top->footer(
      "Keys: arrows, Tab, s (sort), p (pause), h (help), q (quit). Without a terminal it "
      "exits with 2.");
  top->add_option("--socket", options.socket, "The daemon's control socket")
      ->type_name("PATH")
      ->capture_default_str();
  top->callback([&result] { result = RunTop(options); });
}

}  // namespace

void AddWatchVerbs(CLI::App& app, int& result) {
  AddTop(app, result);
}

}  // namespace warp::tools
