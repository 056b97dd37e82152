#include "tools/command/status/overview.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/command/status/problems.h"
#include "tools/command/status/values.h"
#include "tools/terminal/text_table.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

// What fits a screen. Of more the rest is counted.
constexpr size_t kMostProblems = 8;
constexpr size_t kMostRows = 12;
// Fewer copies of a payload than this arrive where tunnels spread them instead of sending each over all links.
constexpr double kSpreadBelow = 1.2;

uint64_t Count(const Json& object, const char* key) {
  const Json& value = At(object, key);
  return value.is_number_unsigned() ? value.get<uint64_t>() : 0;
}

bool IsConnected(const Json& peer) { return Text(peer, "state") == "connected"; }

// --- What is wrong. ---

std::string VerdictText(const Json& status, size_t problems) {
  const Json& peers = Items(status, "peers");
  const auto connected =
      static_cast<size_t>(std::count_if(peers.begin(), peers.end(), IsConnected));
  const std::string of = absl::StrCat(connected, " of ", peers.size(),
                                      peers.size() == 1 ? " peer" : " peers", " connected");
  const std::string things =
      absl::StrCat(problems, problems == 1 ? " thing needs" : " things need", " attention");
  if (Text(At(status, "node"), "state") == "draining") return "ENDS: warpd is being stopped";
  if (peers.empty()) return "IDLE: no peer is configured";
  if (connected == 0) return "DOES NOT WORK: no peer is connected";
  if (connected < peers.size()) return absl::StrCat("WORKS IN PART: ", of, "; ", things);
  if (problems > 0) return absl::StrCat("WORKS: ", of, "; ", things);
  return absl::StrCat("WORKS: ", of, ", nothing needs attention");
}

std::string ProblemsText(const std::vector<Problem>& problems) {
  std::string text;
  for (size_t i = 0; i < std::min(problems.size(), kMostProblems); ++i) {
    const Problem& problem = problems[i];
    absl::StrAppend(&text, "\n  ", problem.what,
                    problem.since.empty() ? "" : absl::StrCat(", for ", problem.since),
                    problem.why.empty() ? "" : absl::StrCat(": ", problem.why),
                    "\n    do: ", problem.remedy, "\n");
  }
  if (problems.size() > kMostProblems) {
    absl::StrAppend(&text, "\n  and ", problems.size() - kMostProblems, " more\n");
  }
  return text;
}

// --- Links. ---

// What a link did for all peers together.
struct LinkSum {
  uint64_t first = 0, sole = 0, rx_bytes = 0, tx_bytes = 0;
  double skew = 0;  // weighed by duplicates
  uint64_t duplicates = 0;
};

struct AllLinks {
  std::map<std::string, LinkSum> links;
  uint64_t first = 0, duplicates = 0;
};

AllLinks SumLinks(const Json& status) {
  AllLinks all;
  for (const Json& peer : Items(status, "peers")) {
    for (const Json& link : Items(peer, "links")) {
      LinkSum& sum = all.links[Text(link, "port")];
      const uint64_t duplicates = Count(link, "duplicates");
      sum.first += Count(link, "first");
      sum.sole += Count(link, "sole");
      sum.rx_bytes += Count(link, "rx_bytes");
      sum.tx_bytes += Count(link, "tx_bytes");
      const Json& skew = At(link, "skew_ms");
      if (skew.is_number()) {
        sum.skew += skew.get<double>() * static_cast<double>(duplicates);
        sum.duplicates += duplicates;
      }
      all.first += Count(link, "first");
      all.duplicates += duplicates;
    }
  }
  return all;
}

std::string Share(uint64_t part, uint64_t whole, int digits = 1) {
  return absl::StrFormat("%.*f%%", digits,
                         100 * static_cast<double>(part) / static_cast<double>(whole));
}

// Whether the link is worth its money.
std::string WorthText(const LinkSum& link, const AllLinks& all) {
  if (all.first == 0) return "no payloads yet";
  const double copies =
      static_cast<double>(all.first + all.duplicates) / static_cast<double>(all.first);
  if (copies < kSpreadBelow) return absl::StrCat("carries ", Share(link.first, all.first));
  if (link.sole > 0) {
    return absl::StrCat("saved ", link.sole, " payloads (", Share(link.sole, all.first, 3), ")");
  }
  return link.first * 2 >= all.first ? "the fastest; others would have brought all as well"
                                     : "others brought everything as well, and sooner";
}

// Of the fastest of its active paths, and how many there are.
struct LinkPaths {
  size_t all = 0, active = 0;
  std::optional<double> rtt, loss;
};

LinkPaths PathsOf(const Json& status, const std::string& port) {
  LinkPaths paths;
  const auto keep_least = [](std::optional<double>& least, const Json& value) {
    if (value.is_number()) least = std::min(least.value_or(1e300), value.get<double>());
  };
  for (const Json& peer : Items(status, "peers")) {
    for (const Json& path : Items(peer, "paths")) {
      if (Text(path, "port") != port) continue;
      ++paths.all;
      if (Text(path, "state") != "active") continue;
      ++paths.active;
      keep_least(paths.rtt, At(path, "rtt_ms"));
      keep_least(paths.loss, At(path, "loss"));
    }
  }
  return paths;
}

std::string Number(std::optional<double> value, const char* format_unit, double scale) {
  if (!value.has_value()) return kNothing;
  return absl::StrCat(absl::StrFormat("%.1f", *value * scale), format_unit);
}

std::string LinksText(const Json& status) {
  const AllLinks all = SumLinks(status);
  TextTable table({"LINK", "STATE", ">SINCE", ">PATHS", ">RTT ms", ">LOSS", ">FIRST", ">BEHIND ms",
                   ">RECEIVED", ">SENT", "WORTH"});
  size_t rows = 0;
  for (const Json& port : Items(status, "ports")) {
    if (rows++ == kMostRows) break;
    const std::string name = Text(port, "name");
    const LinkPaths paths = PathsOf(status, name);
    const auto known = all.links.find(name);
    const LinkSum link = known == all.links.end() ? LinkSum() : known->second;
    table.Add({name, Text(port, "state"), Age(port, "since_s"),
               absl::StrCat(paths.active, " of ", paths.all), Number(paths.rtt, "", 1),
               Number(paths.loss, "%", 100),
               all.first == 0 ? kNothing : Share(link.first, all.first),
               link.duplicates == 0
                   ? kNothing
                   : absl::StrFormat("%.1f", link.skew / static_cast<double>(link.duplicates)),
               absl::StrFormat("%.2f GB", static_cast<double>(link.rx_bytes) / 1e9),
               absl::StrFormat("%.2f GB", static_cast<double>(link.tx_bytes) / 1e9),
               WorthText(link, all)});
  }
  std::string text = table.empty() ? "" : absl::StrCat("\n", table.ToString());
  if (rows > kMostRows) {
    absl::StrAppend(&text, "and ", Items(status, "ports").size() - kMostRows, " more\n");
  }
  return text;
}

// --- Peers and tunnels. ---

// Those that are not connected come first.
std::string PeersText(const Json& status) {
  TextTable table({"PEER", "STATE", ">SINCE", ">PATHS"});
  size_t rows = 0, left = 0;
  for (const bool connected : {false, true}) {
    for (const Json& peer : Items(status, "peers")) {
      if (IsConnected(peer) != connected) continue;
      if (rows == kMostRows && ++left > 0) continue;
      ++rows;
      size_t active = 0;
      for (const Json& path : Items(peer, "paths"))
        active += Text(path, "state") == "active" ? 1 : 0;
      table.Add({Text(peer, "name"), Text(peer, "state"), Age(peer, "since_s"),
                 absl::StrCat(active, " of ", Items(peer, "paths").size())});
    }
  }
  if (table.empty()) return "";
  return absl::StrCat("\n", table.ToString(),
                      left > 0 ? absl::StrCat("and ", left, " more\n") : "");
}

std::string Mbit(const Json& tunnel, const char* key) {
  const Json& value = At(tunnel, key);
  return value.is_number() ? absl::StrFormat("%.1f", value.get<double>() / 1e6) : kNothing;
}

std::string TunnelsText(const Json& status) {
  TextTable table(
      {"TUNNEL", "PEER", "MODE", ">OUT Mbit/s", ">IN Mbit/s", ">FROM APP", ">TO APP", "DROPS"});
  const Json& tunnels = Items(status, "tunnels");
  for (size_t i = 0; i < std::min(tunnels.size(), kMostRows); ++i) {
    const Json& tunnel = tunnels[i];
    table.Add({Text(tunnel, "name"), Text(tunnel, "peer"), Text(tunnel, "mode"),
               Mbit(tunnel, "from_app_rate"), Mbit(tunnel, "to_app_rate"), Text(tunnel, "from_app"),
               Text(tunnel, "to_app"), Drops(tunnel)});
  }
  if (table.empty()) return "";
  return absl::StrCat("\n", table.ToString(),
                      tunnels.size() > kMostRows
                          ? absl::StrCat("and ", tunnels.size() - kMostRows, " more\n")
                          : "");
}

}  // namespace

std::string OverviewText(const Json& status) {
  const std::vector<Problem> problems = ProblemsOf(status);
  const Json& node = At(status, "node");
  return absl::StrCat(VerdictText(status, problems.size()), " (warpd ", Text(node, "version"),
                      ", running for ", Age(node, "uptime_s"), ")\n", ProblemsText(problems),
                      LinksText(status), PeersText(status), TunnelsText(status),
                      "\nMore: warp status --details, warp watch, warp history\n");
}

}  // namespace warp::tools
