// What is wrong with a node, as its status tells: one sentence each, since when, why, and what to do about it.
#ifndef WARP_TOOLS_COMMAND_STATUS_PROBLEMS_H_
#define WARP_TOOLS_COMMAND_STATUS_PROBLEMS_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace warp::tools {

struct Problem {
  std::string what;   // "link wan1 is down"
  std::string since;  // for how long: "5m07s"; empty: not known
  std::string why;    // empty: nobody knows
  std::string remedy;
};

// The worst come first: peers without a connection, links that carry nothing, then what only costs something. Pure.
std::vector<Problem> ProblemsOf(const nlohmann::json& status);

// Of the paths from a link to a peer: how many there are, and how many carry payloads or could.
struct PathCount {
  size_t all = 0;
  size_t active = 0;
};
PathCount CountPaths(const nlohmann::json& peer, const std::string& port);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_STATUS_PROBLEMS_H_
