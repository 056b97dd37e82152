#include "tools/watch/model/link_troubles.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace warp::tools {
namespace {

// The share of probes from which on people notice: calls crackle, and TCP halves its rate again and again.
constexpr double kMuchLoss = 0.05;
// So much longer than the shortest one is a round trip only where packets wait: a link that loses them by its signal
// alone keeps its delay.
constexpr double kQueueMs = 40;
constexpr double kQueueRatio = 1.5;
// An interface is opened within a tenth of a second, unless something hangs.
constexpr double kLongOpening = 2;

// All paths from one link to one connected peer. One that works is enough.
struct Way {
  std::string peer;
  size_t active = 0;
  double least_loss = 1;
  // Of the path that ceased to work last.
  std::optional<double> silent_s;
  std::string reason;
  std::string endpoint;
  bool suspect = false;
  bool contested = false;
  // Of the path that loses least: its round trips, where packets wait in it.
  std::optional<double> queued_ms;
  double free_ms = 0;
};

bool IsConnected(const Sample& sample, const std::string& name) {
  return std::any_of(sample.peers.begin(), sample.peers.end(), [&](const PeerSample& peer) {
    return peer.name == name && peer.state == "connected";
  });
}

bool Queues(const PathSample& path) {
  return path.rtt_ms && path.least_rtt_ms && *path.rtt_ms > *path.least_rtt_ms + kQueueMs &&
         *path.rtt_ms > *path.least_rtt_ms * kQueueRatio;
}

void AddPath(const PathSample& path, Way* way) {
  if (path.state == "active") {
    if (++way->active == 1 || path.loss < way->least_loss) {
      way->least_loss = path.loss;
      way->queued_ms = Queues(path) ? path.rtt_ms : std::nullopt;
      way->free_ms = path.least_rtt_ms.value_or(0);
    }
    way->suspect = way->suspect || path.suspect;
    way->contested = way->contested || path.contested;
  } else if (!way->silent_s || path.since_s < *way->silent_s) {
    way->silent_s = path.since_s;
    way->reason = path.reason;
    way->endpoint = path.endpoint;
  }
}

// The paths are in the order of the peers.
std::vector<Way> WaysOf(const Sample& sample, absl::string_view link) {
  std::vector<Way> ways;
  for (const PathSample& path : sample.paths) {
    if (path.link != link || !IsConnected(sample, path.peer)) continue;
    if (ways.empty() || ways.back().peer != path.peer) ways.push_back({.peer = path.peer});
    AddPath(path, &ways.back());
  }
  return ways;
}

// " to peer hq", " to 3 of 5 peers", or nothing where it is so to all of them.
std::string To(size_t bad, const Way& worst, size_t all) {
  if (bad == all) return "";
  return bad == 1 ? absl::StrCat(" to peer ", worst.peer)
                  : absl::StrCat(" to ", bad, " of ", all, " peers");
}

// Without the port: "ping" knows none.
absl::string_view HostOf(absl::string_view endpoint) {
  return endpoint.substr(0, endpoint.rfind(':'));
}

std::string Interface(const LinkSample& link) {
  return link.interface.empty() ? link.name : link.interface;
}

std::string LinkAdvice(const LinkSample& link) {
  const std::string interface = Interface(link);
  if (link.state == "missing") {
    return absl::StrCat("Plug it in, or see by `ip link show` whether ", interface,
                        " has another name.");
  }
  if (link.state == "opening") return "`warp doctor` says what it lacks.";
  if (link.state == "stale") {
    return "Its worker does not answer: see whether another program takes its CPU "
           "(`journalctl -u warpd`), and restart warpd if it stays so.";
  }
  if (absl::StrContains(link.reason, "address")) {
    return absl::StrCat("Give it an address (DHCP?): `ip address show dev ", interface,
                        "` says what it has.");
  }
  if (absl::StrContains(link.reason, "is down")) {
    return absl::StrCat("Switch it on: `ip link set ", interface, " up`.");
  }
  return absl::StrCat("Look at cable, modem, SIM and signal: `ip link show ", interface, "`.");
}

Trouble Unreached(const LinkSample& link, size_t bad, const Way& last, size_t all) {
  return {
      .what = bad == 1 ? absl::StrCat("Link ", link.name, " does not reach peer ", last.peer)
                       : absl::StrCat("Link ", link.name, " does not reach ", bad, " of ", all,
                                      " peers"),
      .why = last.reason,
      .advice = absl::StrCat("See whether anything answers through it: `ping -I ", Interface(link),
                             " ", HostOf(last.endpoint), "`; a firewall must let UDP out and in."),
      .link = link.name,
      .since_s = last.silent_s};
}

Trouble Suspect(const LinkSample& link, const std::string& to) {
  return {.what = absl::StrCat("Nothing arrives by link ", link.name, to),
          .why = "It carries copies only, until enough of them have arrived.",
          .advice = "It comes back by itself when its copies arrive.",
          .link = link.name};
}

// A link into which more is sent than it carries fills its queue, and loses what finds no room there.
Trouble Overfull(const LinkSample& link, const std::string& to, const Way& way) {
  return {
      .what = absl::StrFormat("Link %s is full and loses %.0f%%%s", link.name, 100 * way.least_loss,
                              to),
      .why = absl::StrFormat("A round trip takes %.0f ms, and took %.0f ms when nothing waited.",
                             *way.queued_ms, way.free_ms),
      .advice =
          "More is sent into it, or comes back by it, than it carries: set `rate` of the "
          "port, or give the tunnel a mode that spreads (`mode: stripe` or `adaptive`). "
          "Tunnels that replicate lose nothing by it while another link carries.",
      .link = link.name};
}

Trouble Losing(const LinkSample& link, const std::string& to, const Way& way) {
  if (way.queued_ms) return Overfull(link, to, way);
  return {.what = absl::StrFormat("Link %s loses %.0f%%%s", link.name, 100 * way.least_loss, to),
          .why = "Of its last 64 probes so many were not answered, over every path.",
          .advice =
              "Look at its signal or cable; `warp history` says how long it has been so. "
              "Tunnels that replicate lose nothing by it while another link carries.",
          .link = link.name};
}

Trouble Contested(const LinkSample& link, const std::string& to) {
  return {.what = absl::StrCat("Link ", link.name, " is full of others' traffic", to),
          .why = "A queue stands in it that does not end although less is sent.",
          .advice = "Find who else uses it, or set `rate.up` of the port.",
          .link = link.name};
}

// Of the ways that a rule finds bad: how many, and which of them is to be told of.
struct Found {
  size_t count = 0;
  const Way* worst = nullptr;
};

template <typename IsBad, typename IsWorse>
Found Find(const std::vector<Way>& ways, IsBad is_bad, IsWorse is_worse) {
  Found found;
  for (const Way& way : ways) {
    if (!is_bad(way)) continue;
    ++found.count;
    if (found.worst == nullptr || is_worse(way, *found.worst)) found.worst = &way;
  }
  return found;
}

void JudgeWays(const LinkSample& link, const std::vector<Way>& ways,
               std::vector<Trouble>* troubles) {
  const auto first = [](const Way&, const Way&) { return false; };
  const auto later = [](const Way& a, const Way& b) { return a.silent_s < b.silent_s; };
  const auto more = [](const Way& a, const Way& b) { return a.least_loss > b.least_loss; };
  const auto carries = [](const Way& way) { return way.active > 0 && !way.suspect; };
  if (const Found bad = Find(
          ways, [](const Way& way) { return way.active == 0; }, later);
      bad.count > 0) {
    troubles->push_back(Unreached(link, bad.count, *bad.worst, ways.size()));
  }
  if (const Found bad = Find(
          ways, [](const Way& way) { return way.active > 0 && way.suspect; }, first);
      bad.count > 0) {
    troubles->push_back(Suspect(link, To(bad.count, *bad.worst, ways.size())));
  }
  if (const Found bad = Find(
          ways, [&](const Way& way) { return carries(way) && way.least_loss >= kMuchLoss; }, more);
      bad.count > 0) {
    troubles->push_back(Losing(link, To(bad.count, *bad.worst, ways.size()), *bad.worst));
  }
  if (const Found bad = Find(
          ways, [&](const Way& way) { return carries(way) && way.contested; }, first);
      bad.count > 0) {
    troubles->push_back(Contested(link, To(bad.count, *bad.worst, ways.size())));
  }
}

// A link that is down is no news of a path's: how long its last path is silent is the best that is known.
Trouble NotUp(const Sample& sample, const LinkSample& link) {
  Trouble trouble{.what = absl::StrCat("Link ", link.name, " is ",
                                       link.state.empty() ? "in no known state" : link.state),
                  .why = link.reason,
                  .advice = LinkAdvice(link),
                  .link = link.name,
                  .since_s = link.since_s};
  if (trouble.since_s) return trouble;
  for (const PathSample& path : sample.paths) {
    if (path.link != link.name || path.state == "active") continue;
    trouble.since_s = std::min(trouble.since_s.value_or(path.since_s), path.since_s);
  }
  return trouble;
}

}  // namespace

std::vector<Trouble> LinkTroubles(const Sample& sample) {
  std::vector<Trouble> troubles;
  for (const LinkSample& link : sample.links) {
    if (link.state == "up") {
      JudgeWays(link, WaysOf(sample, link.name), &troubles);
    } else if (link.state != "opening" || link.since_s.value_or(kLongOpening) >= kLongOpening) {
      troubles.push_back(NotUp(sample, link));
    }
  }
  return troubles;
}

}  // namespace warp::tools
