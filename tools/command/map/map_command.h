// `warp map`: an operator looks through the nodes of a running warp-map, and has it forget one.
#ifndef WARP_TOOLS_COMMAND_MAP_MAP_COMMAND_H_
#define WARP_TOOLS_COMMAND_MAP_MAP_COMMAND_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace warp::tools {

struct MapOptions {
  std::string socket = "/run/warp-map/map.sock";
  bool json = false;
  std::string prefix;  // of keys, for a list; empty: all
  uint64_t limit = 0;  // nodes in a list; 0: all
  std::string key;     // of the node to show, or to forget
};
// Each complains where no map answers, and returns the exit status. A list is written page by page, as it comes; with
// `json` each node is an object on a line of its own.
int RunMapList(const MapOptions& options);
int RunMapShow(const MapOptions& options);
int RunMapForget(const MapOptions& options);

// What people read of a node in a list, with the end of the line; and the line above all of them.
std::string MapRowText(const nlohmann::ordered_json& node);
std::string MapRowHeader();
// The same of the answers to show and to forget.
std::string MapNodeText(const nlohmann::ordered_json& nodes);
std::string MapForgottenText(const nlohmann::ordered_json& forgotten);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_MAP_MAP_COMMAND_H_
