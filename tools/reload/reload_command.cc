#include "tools/reload/reload_command.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <string>

#include "control/config/schema/codec.h"
#include "tools/reload/reload.h"

namespace warp::tools {
namespace {

void AddDiff(CLI::App& app, int& result) {
  static DiffOptions options;
  CLI::App* diff = app.add_subcommand(
      "diff", "Say what differs between two configurations, and what needs a restart");
  diff->add_option("before", options.before, "The one that runs")->required()->type_name("FILE");
  diff->add_option("after", options.after, "The one that comes")->required()->type_name("FILE");
  diff->add_flag("--no-keys", options.no_keys,
                 "Do not look at the key files they name: they are on another machine");
  diff->add_flag("--json", options.json, "As one JSON object");
  diff->callback([&result] { result = RunDiff(options); });
}

}  // namespace

void AddReload(CLI::App& app, int& result) {
  AddDiff(app, result);
  static ReloadOptions options;
  CLI::App* reload = app.add_subcommand(
      "reload", "Have a running daemon follow its changed file: all of it, or nothing");
  reload->footer(
      "It needs root, or the daemon's user. SIGHUP does the same as the verb without options. Of "
      "warp-map: --socket /run/warp-map/map.sock");
  reload->add_option("--socket", options.socket, "The daemon's control socket")
      ->type_name("PATH")
      ->capture_default_str();
  CLI::Option* confirm =
      reload
          ->add_option_function<std::string>(
              "--confirm",
              [](const std::string& text) {
                using std::chrono::seconds, std::chrono::hours;
                const auto time = config::DurationText(seconds(1), hours(24)).read(text);
                if (!time.ok())
                  throw CLI::ValidationError("--confirm", std::string(time.status().message()));
                options.confirm = std::chrono::ceil<seconds>(*time);
              },
              "Undo it unless --confirm-now comes within that time: 60s")
          ->type_name("TIME");
  CLI::Option* now = reload->add_flag("--confirm-now", options.confirm_now, "Keep what was applied")
                         ->excludes(confirm);
  reload->add_flag("--show", options.show, "Say what became of the last one, and change nothing")
      ->excludes(confirm)
      ->excludes(now);
  reload->add_flag("--json", options.json, "The answer as one JSON object");
  reload->callback([&result] { result = RunReload(options); });
}

}  // namespace warp::tools
