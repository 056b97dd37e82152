// What the page may change of a running warpd, and the requests at its control socket that do it. Pure.
#ifndef WARP_TOOLS_WEB_CHANGE_H_
#define WARP_TOOLS_WEB_CHANGE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace warp::tools {

// Of a tunnel its mode, or of all tunnels whether they may use a link.
struct Change {
  std::string tunnel;  // empty: it is about a link
  std::string mode;
  std::string link;
  bool include = false;
};

// {"tunnel": "office", "mode": "stripe"} or {"link": "lte", "include": false}. InvalidArgument of anything else.
absl::StatusOr<Change> ReadChange(absl::string_view json);

// A local interface, and what all interfaces of its pattern are called together; empty: it is of none.
struct LinkName {
  std::string name;
  std::string pattern;
};

// What a tunnel says of its paths: the setting `paths` of `warp tunnel show`.
struct TunnelPaths {
  std::string tunnel;
  std::string paths;  // all, or PORT, >PREFIX and PORT>PREFIX with commas between
};

// Of the answer to `tunnel show`, as far as it is one.
std::vector<TunnelPaths> ReadTunnelPaths(absl::string_view json);

// Whether some path of the link may carry payloads of a tunnel.
bool MayUse(absl::string_view paths, const LinkName& link);

// The setting that leaves the link out, or takes it in. InvalidArgument: nothing would be left to carry anything.
absl::StatusOr<std::string> PathsWithout(absl::string_view paths, const LinkName& link,
                                         const std::vector<LinkName>& links);
std::string PathsWith(absl::string_view paths, const LinkName& link,
                      const std::vector<LinkName>& links);

// The requests that make a change, of which each changes one tunnel; none: it is so already. NotFound where there is no
// such tunnel or link. What is not there by name is never part of a request.
absl::StatusOr<std::vector<std::string>> RequestsOf(const Change& change,
                                                    const std::vector<LinkName>& links,
                                                    const std::vector<TunnelPaths>& tunnels);

// Whether the page's process may say this line to the daemon: the status and the tunnels, and, with `changes`, mode and
// paths of a tunnel.
bool MayAsk(absl::string_view line, bool changes);

// {"error":"..."} and a line feed.
std::string ErrorJson(absl::string_view why);

}  // namespace warp::tools

#endif  // WARP_TOOLS_WEB_CHANGE_H_
