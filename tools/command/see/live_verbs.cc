#include "tools/command/see/live_verbs.h"

#include <CLI/CLI.hpp>

#include "tools/top/top.h"
#include "tools/web/web.h"

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

void AddWeb(CLI::App& app, int& result) {
  static WebOptions options;
  CLI::App* web = app.add_subcommand(
      "web", "Serve a page that shows a running warpd live, and changes it if that is allowed");
  web->add_option("--socket", options.socket, "The daemon's control socket")
      ->type_name("PATH")
      ->capture_default_str();
  web->add_option("--listen", options.listen,
                  "Where: ADDRESS:PORT, or unix:PATH; where others reach it only with --token-file")
      ->type_name("WHERE")
      ->capture_default_str();
  web->add_option("--token-file", options.token_file,
                  "The secret that whoever looks has to know; its owner alone may read the file. "
                  "Without one it is made at the start, where not everybody may ask the daemon")
      ->type_name("FILE");
  web->add_flag("--allow-changes", options.allow_changes,
                "Let the page change modes of tunnels and leave links out; needs --token-file");
  web->add_option("--host", options.hosts,
                  "A name that the page is served under, besides addresses and localhost")
      ->type_name("NAME")
      ->allow_extra_args(false);
  web->add_option("--user", options.user, "Whom the part that meets strangers becomes, of root")
      ->type_name("NAME")
      ->capture_default_str();
  web->callback([&result] { result = RunWeb(options); });
}

}  // namespace

void AddLiveVerbs(CLI::App& app, int& result) {
  AddTop(app, result);
  AddWeb(app, result);
}

}  // namespace warp::tools
