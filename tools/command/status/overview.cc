#include "tools/command/status/overview.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/ask/values.h"
#include "tools/terminal/text_table.h"
#include "tools/watch/model/judgement.h"

namespace warp::tools {
namespace {

// What fits a screen. Of more the rest is counted.
constexpr size_t kMostTroubles = 8;
constexpr size_t kMostRows = 12;

std::string OrNothing(const std::string& text) { return text.empty() ? kNothing : text; }

std::string Number(std::optional<double> value, const char* unit, double scale) {
  return value ? absl::StrFormat("%.1f%s", *value * scale, unit) : kNothing;
}

std::string Since(std::optional<double> seconds) { return seconds ? AgeText(*seconds) : kNothing; }

std::string AndMore(size_t all, size_t shown) {
  return all > shown ? absl::StrCat("and ", all - shown, " more\n") : "";
}

std::string TroublesText(const std::vector<Trouble>& troubles) {
  std::string text;
  const size_t shown = std::min(troubles.size(), kMostTroubles);
  for (size_t i = 0; i < shown; ++i) {
    const Trouble& trouble = troubles[i];
    absl::StrAppend(&text, "\n  ", trouble.what,
                    trouble.since_s ? absl::StrCat(", for ", AgeText(*trouble.since_s)) : "",
                    trouble.why.empty() ? "" : absl::StrCat(": ", trouble.why), "\n    ",
                    trouble.advice, "\n");
  }
  if (shown < troubles.size()) absl::StrAppend(&text, "\n  ", AndMore(troubles.size(), shown));
  return text;
}

// Of a link or a peer: how many paths there are and are active, and the least round trip and loss of these.
struct Paths {
  size_t all = 0, active = 0;
  size_t relayed = 0;  // of the active ones
  std::optional<double> rtt, loss;
};

template <typename Belongs>
Paths PathsOf(const Sample& sample, Belongs belongs) {
  Paths paths;
  for (const PathSample& path : sample.paths) {
    if (!belongs(path)) continue;
    ++paths.all;
    if (path.state != "active") continue;
    ++paths.active;
    paths.relayed += path.relayed ? 1 : 0;
    if (path.rtt_ms) paths.rtt = std::min(paths.rtt.value_or(*path.rtt_ms), *path.rtt_ms);
    paths.loss = std::min(paths.loss.value_or(path.loss), path.loss);
  }
  return paths;
}

std::string ActiveText(const Paths& paths) { return absl::StrCat(paths.active, " of ", paths.all); }

std::string LinksText(const Sample& sample) {
  TextTable table({"LINK", "STATE", ">SINCE", ">PATHS", ">RTT ms", ">LOSS", ">FIRST", ">BEHIND ms",
                   ">RECEIVED", ">SENT", "WORTH"});
  for (size_t i = 0; i < std::min(sample.links.size(), kMostRows); ++i) {
    const LinkSample& link = sample.links[i];
    const Paths paths =
        PathsOf(sample, [&](const PathSample& path) { return path.link == link.name; });
    const Worth worth = link.worth.value_or(Worth());
    table.Add({OrNothing(link.name), OrNothing(link.state), Since(link.since_s), ActiveText(paths),
               Number(paths.rtt, "", 1), Number(paths.loss, "%", 100),
               worth.came > 0 ? Number(worth.first_share, "%", 100) : kNothing,
               Number(worth.behind_ms, "", 1), absl::StrFormat("%.2f GB", worth.bytes.in / 1e9),
               absl::StrFormat("%.2f GB", worth.bytes.out / 1e9), WorthText(worth)});
  }
  if (table.empty()) return "";
  return absl::StrCat("\n", table.ToString(), AndMore(sample.links.size(), kMostRows));
}

// Those that are not connected come first.
std::string PeersText(const Sample& sample) {
  TextTable table({"PEER", "STATE", ">SINCE", ">PATHS"});
  size_t rows = 0;
  for (const bool connected : {false, true}) {
    for (const PeerSample& peer : sample.peers) {
      if ((peer.state == "connected") != connected || rows == kMostRows) continue;
      ++rows;
      const Paths paths =
          PathsOf(sample, [&](const PathSample& path) { return path.peer == peer.name; });
      const bool relayed = paths.active > 0 && paths.relayed == paths.active;
      table.Add({OrNothing(peer.name),
                 absl::StrCat(OrNothing(peer.state), relayed ? " through a map's relay" : ""),
                 Since(peer.since_s), ActiveText(paths)});
    }
  }
  if (table.empty()) return "";
  return absl::StrCat("\n", table.ToString(), AndMore(sample.peers.size(), rows));
}

// "replayed 3, queue_full 1"
std::string DropsText(const TunnelSample& tunnel) {
  return OrNothing(absl::StrJoin(tunnel.drops, ", ", [](std::string* text, const auto& named) {
    absl::StrAppend(text, named.first, absl::StrFormat(" %.0f", named.second));
  }));
}

std::string TunnelsText(const Sample& sample) {
  TextTable table(
      {"TUNNEL", "PEER", "MODE", ">OUT Mbit/s", ">IN Mbit/s", ">FROM APP", ">TO APP", "DROPS"});
  for (size_t i = 0; i < std::min(sample.tunnels.size(), kMostRows); ++i) {
    const TunnelSample& tunnel = sample.tunnels[i];
    table.Add({OrNothing(tunnel.name), OrNothing(tunnel.peer), OrNothing(tunnel.mode),
               Number(tunnel.out, "", 1e-6), Number(tunnel.in, "", 1e-6),
               absl::StrFormat("%.0f", tunnel.from_app), absl::StrFormat("%.0f", tunnel.to_app),
               DropsText(tunnel)});
  }
  if (table.empty()) return "";
  return absl::StrCat("\n", table.ToString(), AndMore(sample.tunnels.size(), kMostRows));
}

}  // namespace

std::string OverviewText(const Sample& sample) {
  const Judgement judgement = Judge(sample);
  return absl::StrCat(judgement.answer, " ", judgement.reason, "\nwarpd ",
                      OrNothing(sample.version), ", running for ", AgeText(sample.uptime_s), "\n",
                      TroublesText(judgement.troubles), LinksText(sample), PeersText(sample),
                      TunnelsText(sample),
                      "\nMore: warp status --details, warp watch, warp history\n");
}

}  // namespace warp::tools
