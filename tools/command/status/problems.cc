#include "tools/command/status/problems.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/command/status/values.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

// A path that loses more than this share of its probes is worth a look.
constexpr double kMuchLoss = 0.05;

std::string Known(const std::string& text) { return text == kNothing ? "" : text; }

bool IsTrue(const Json& object, const char* key) {
  const Json& value = At(object, key);
  return value.is_boolean() && value.get<bool>();
}

double Value(const Json& object, const char* key) {
  const Json& value = At(object, key);
  return value.is_number() ? value.get<double>() : 0;
}

// What to do about a link, by what the daemon says of it.
std::string LinkRemedy(const Json& port) {
  const std::string reason = Text(port, "reason"), interface = Text(port, "kernel_interface");
  if (absl::StrContains(reason, "has no link")) return "look at its cable, its modem or its SIM";
  if (absl::StrContains(reason, "is down")) return absl::StrCat("ip link set ", interface, " up");
  if (absl::StrContains(reason, "no usable address")) {
    return absl::StrCat("give it an address (DHCP?); ip address show dev ", interface,
                        " says what it has");
  }
  if (absl::StrContains(reason, "does not answer"))
    return "a worker hangs: journalctl -u warpd, and restart it";
  if (Text(port, "state") == "missing")
    return absl::StrCat("ip link show says whether ", interface,
                        " is there under another name; or take the port out of the configuration");
  return "warp doctor";
}

void AddPeers(const Json& status, std::vector<Problem>& problems) {
  for (const Json& peer : Items(status, "peers")) {
    const std::string name = Text(peer, "name");
    if (Text(peer, "state") != "connected") {
      problems.push_back({.what = absl::StrCat("peer ", name, " is not connected"),
                          .since = Known(Age(peer, "since_s")),
                          .why = Known(Text(peer, "reason")),
                          .remedy = "is warpd running there, and does each side have the other's "
                                    "public key? `warp doctor` tries the way there"});
    }
    std::vector<std::string> twins;
    for (const Json& twin : Items(peer, "key_used_by")) twins.push_back(Text(twin));
    if (!twins.empty()) {
      problems.push_back({.what = absl::StrCat("two nodes seem to use the key of peer ", name),
                          .since = "",
                          .why = absl::StrJoin(twins, ", "),
                          .remedy = "one of them is a copy of the other: give it a key of its own "
                                    "(warp keygen)"});
    }
  }
}

void AddLinks(const Json& status, std::vector<Problem>& problems) {
  for (const Json& port : Items(status, "ports")) {
    const std::string name = Text(port, "name"), state = Text(port, "state");
    if (state != "up" && state != "opening") {
      problems.push_back({.what = absl::StrCat("link ", name, " is ", state),
                          .since = Known(Age(port, "since_s")),
                          .why = Known(Text(port, "reason")),
                          .remedy = LinkRemedy(port)});
    }
    const Json& cap = At(port, "cap");
    if (Text(cap, "state") == "reached") {
      problems.push_back(
          {.what = absl::StrCat("link ", name, " has used up its data cap"),
           .since = "",
           .why = absl::StrCat(Bytes(cap, "used"), " of ", Bytes(cap, "bytes")),
           .remedy = absl::StrCat("it begins anew on ", Text(cap, "ends"), "; warp cap set ", name,
                                  " corrects what was counted")});
    }
  }
}

// The last of its paths that ceased to work, and why. A peer that is not connected is told of elsewhere.
Problem LostLink(const Json& peer, const Json& port) {
  const std::string name = Text(port, "name");
  Problem problem{.what = absl::StrCat("link ", name, " does not reach peer ", Text(peer, "name"))};
  for (const Json& path : Items(peer, "paths")) {
    if (Text(path, "port") != name) continue;
    problem.since = Known(Age(path, "since_s"));
    problem.why = Known(Text(path, "reason"));
    problem.remedy =
        absl::StrCat("ping -I ", Text(port, "kernel_interface"), " ",
                     Text(path, "endpoint").substr(0, Text(path, "endpoint").rfind(':')),
                     "; does a firewall let UDP out and in?");
    if (Text(path, "state") == "lost") break;
  }
  return problem;
}

void AddPaths(const Json& status, std::vector<Problem>& problems) {
  std::vector<Problem> costly;
  for (const Json& peer : Items(status, "peers")) {
    if (Text(peer, "state") != "connected") continue;
    for (const Json& port : Items(status, "ports")) {
      const std::string name = Text(port, "name");
      const PathCount count = CountPaths(peer, name);
      if (Text(port, "state") == "up" && count.all > 0 && count.active == 0)
        problems.push_back(LostLink(peer, port));
    }
    for (const Json& path : Items(peer, "paths")) {
      if (Text(path, "state") != "active") continue;
      const std::string way =
          absl::StrCat("link ", Text(path, "port"), " to peer ", Text(peer, "name"));
      if (Value(path, "loss") > kMuchLoss) {
        costly.push_back({.what = absl::StrCat(way, " loses ", Percent(path, "loss")),
                          .since = "",
                          .why = "share of the last 64 probes",
                          .remedy = "look at its signal or line; `warp history` says how long"});
      }
      if (IsTrue(path, "black_hole")) {
        costly.push_back({.what = absl::StrCat(way, " swallows large packets"),
                          .since = "",
                          .why = "a router drops them and does not say so",
                          .remedy = absl::StrCat("nothing need be done: packets of ",
                                                 Text(path, "mtu"), " bytes are sent over it")});
      }
    }
  }
  std::move(costly.begin(), costly.end(), std::back_inserter(problems));
}

void AddTheRest(const Json& status, std::vector<Problem>& problems) {
  for (const Json& map : Items(status, "maps")) {
    if (Text(map, "state") == "registered") continue;
    problems.push_back(
        {.what = absl::StrCat("map ", Text(map, "address"), " is ", Text(map, "state")),
         .since = "",
         .why = Known(Text(map, "reason")),
         .remedy = "is warp-map running there, and does it let this key in?"});
  }
  for (const Json& tunnel : Items(status, "tunnels")) {
    const std::string trouble = Known(Text(At(tunnel, "gate"), "trouble"));
    if (trouble.empty()) continue;
    problems.push_back(
        {.what = absl::StrCat("the gate of tunnel ", Text(tunnel, "name"), " has trouble"),
         .since = "",
         .why = trouble,
         .remedy = "journalctl -u warpd"});
  }
  for (const Json& port : Items(status, "ports")) {
    const std::string problem = Known(Text(At(port, "cap"), "problem"));
    if (problem.empty()) continue;
    problems.push_back({.what = "data caps are not counted as they should be",
                        .since = "",
                        .why = problem,
                        .remedy = "warp cap"});
    break;
  }
}

}  // namespace

PathCount CountPaths(const Json& peer, const std::string& port) {
  PathCount count;
  for (const Json& path : Items(peer, "paths")) {
    if (Text(path, "port") != port) continue;
    ++count.all;
    if (Text(path, "state") == "active") ++count.active;
  }
  return count;
}

std::vector<Problem> ProblemsOf(const Json& status) {
  std::vector<Problem> problems;
  AddPeers(status, problems);
  AddLinks(status, problems);
  AddPaths(status, problems);
  AddTheRest(status, problems);
  return problems;
}

}  // namespace warp::tools
