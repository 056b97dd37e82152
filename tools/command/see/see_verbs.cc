#include "tools/command/see/see_verbs.h"

#include <CLI/CLI.hpp>
#include <string>

#include "tools/command/see/history_command.h"
#include "tools/command/see/watch_command.h"
#include "tools/metrics/metrics.h"

namespace warp::tools {
namespace {

void AddSocket(CLI::App* verb, std::string& socket) {
  verb->add_option("--socket", socket, "The daemon's control socket")
      ->type_name("PATH")
      ->capture_default_str();
}

void AddWatch(CLI::App& app, int& result) {
  static WatchOptions options;
  CLI::App* watch = app.add_subcommand(
      "watch", "Say what happens to a running warpd, as it happens, until interrupted");
  AddSocket(watch, options.socket);
  watch->add_flag("--json", options.json, "One JSON object a line");
  watch->add_option("--past", options.past, "Begin with so many events of before")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  watch->add_option("--count", options.count, "End after so many events; 0: never")
      ->capture_default_str();
  watch->callback([&result] { result = RunWatch(options); });
}

void AddHistory(CLI::App& app, int& result) {
  static HistoryOptions options;
  CLI::App* history = app.add_subcommand(
      "history", "What each link of a running warpd has done, by minute, hour, day or month");
  AddSocket(history, options.socket);
  history->add_option("--by", options.by, "minute (two hours), hour (four days), day or month")
      ->type_name("PERIOD")
      ->check(CLI::IsMember({"minute", "hour", "day", "month"}))
      ->capture_default_str();
  history->add_option("port", options.port, "Of one link")->type_name("PORT");
  history->add_flag("--json", options.json, "As one JSON object");
  history->callback([&result] { result = RunHistory(options); });
}

void AddMetrics(CLI::App& app, int& result) {
  static MetricsOptions options;
  CLI::App* metrics = app.add_subcommand(
      "metrics", "Serve the metrics of a running warpd or warp-map to Prometheus");
  AddSocket(metrics, options.socket);
  metrics->add_option("--listen", options.listen, "Where: ADDRESS:PORT, or unix:PATH")
      ->type_name("WHERE")
      ->capture_default_str();
  metrics
      ->add_option("--token-file", options.token_file,
                   "The secret that whoever reads has to know; its owner alone may read the file")
      ->type_name("FILE");
  metrics->add_flag("--allow-remote", options.allow_remote,
                    "Whoever reaches the address may read, without a token, and whatever it is");
  metrics->callback([&result] { result = RunMetrics(options); });
}

}  // namespace

void AddSeeVerbs(CLI::App& app, int& result) {
  AddWatch(app, result);
  AddHistory(app, result);
  AddMetrics(app, result);
}

}  // namespace warp::tools
