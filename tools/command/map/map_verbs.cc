#include "tools/command/map/map_verbs.h"

#include <CLI/CLI.hpp>

#include "tools/command/map/map_command.h"

namespace warp::tools {

void AddMap(CLI::App& app, int& result) {
  static MapOptions options;
  CLI::App* map =
      app.add_subcommand("map", "Look through the nodes of a running warp-map, and forget one");
  map->require_subcommand(1)->fallthrough();
  map->add_option("--socket", options.socket, "The map's control socket")
      ->type_name("PATH")
      ->capture_default_str();
  map->add_flag("--json", options.json, "As JSON: of a list, one object a line");

  CLI::App* list = map->add_subcommand("list", "All nodes that it knows of, in no order");
  list->add_option("--prefix", options.prefix, "Those whose keys begin so")->type_name("TEXT");
  list->add_option("--limit", options.limit, "So many of them; 0: all")->capture_default_str();
  list->callback([&result] { result = RunMapList(options); });

  CLI::App* show = map->add_subcommand("show", "All that it knows of one node");
  show->add_option("key", options.key, "The node's public key")->required()->type_name("KEY");
  show->callback([&result] { result = RunMapShow(options); });

  CLI::App* forget = map->add_subcommand(
      "forget", "End the session and the registrations of a node, which comes back if it may");
  forget->footer(
      "It needs root, or warp-map's user. To keep a node out: allow_keys in the map's file.");
  forget->add_option("key", options.key, "The node's public key")->required()->type_name("KEY");
  forget->callback([&result] { result = RunMapForget(options); });
}

}  // namespace warp::tools
