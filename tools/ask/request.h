// A request to a running warpd, whose answer is one line of JSON with a list, or with an error.
#ifndef WARP_TOOLS_ASK_REQUEST_H_
#define WARP_TOOLS_ASK_REQUEST_H_

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace warp::tools {

struct Request {
  std::vector<std::string> words;
  std::string socket;
  bool json = false;   // the answer is shown as it is
  const char* member;  // of the answer: the list
  std::function<std::string(const nlohmann::ordered_json& list)> text;  // for people
};

// Asks, writes the answer to stdout, and returns the exit status of the command. Complains of what is wrong.
int RunRequest(const Request& request);

}  // namespace warp::tools

#endif  // WARP_TOOLS_ASK_REQUEST_H_
