#include "tools/watch/model/judgement.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace warp::tools {
namespace {

// The share of probes from which on people notice: calls crackle, and TCP halves its rate again and again.
constexpr double kMuchLoss = 0.05;

// Of paths: the one that was lost last says since when the link is silent.
struct LinkPaths {
  size_t all = 0;
  size_t active = 0;
  double least_loss = 1;
  std::optional<double> silent_s;
  std::string reason;
  bool suspect = false;
  bool contested = false;
};

LinkPaths PathsOf(const Sample& sample, absl::string_view link) {
  LinkPaths paths;
  for (const PathSample& path : sample.paths) {
    if (path.link != link) continue;
    ++paths.all;
    if (path.state == "active") {
      ++paths.active;
      paths.least_loss = std::min(paths.least_loss, path.loss);
      paths.suspect = paths.suspect || path.suspect;
      paths.contested = paths.contested || path.contested;
    } else {
      paths.silent_s = std::min(paths.silent_s.value_or(path.since_s), path.since_s);
      if (paths.reason.empty()) paths.reason = path.reason;
    }
  }
  return paths;
}

std::string LinkAdvice(const LinkSample& link) {
  const std::string device = link.device.empty() ? link.name : link.device;
  if (link.state == "missing") {
    return absl::StrCat("Plug it in, or see by `ip link` whether ", device, " has another name.");
  }
  if (link.state == "opening")
    return "Wait a moment; if it stays, `warp doctor` says what it lacks.";
  if (link.state == "stale") {
    return "Its worker does not answer: see whether another program takes its CPU.";
  }
  if (absl::StrContains(link.reason, "address")) {
    return absl::StrCat("Give ", device, " an address: `ip address show ", device, "`.");
  }
  return absl::StrCat("Look at cable, modem and signal: `ip link show ", device, "`.");
}

Trouble AboutLink(const LinkSample& link) { return {.link = link.name}; }

// What is bad of a link whose port is up.
std::optional<Trouble> AboutPaths(const LinkSample& link, const LinkPaths& paths) {
  Trouble trouble = AboutLink(link);
  if (paths.all > 0 && paths.active == 0) {
    trouble.what = absl::StrCat("Link ", link.name, " reaches nobody");
    trouble.why = paths.reason;
    trouble.since_s = paths.silent_s;
    trouble.advice =
        absl::StrCat("See whether anything answers through it: `ping -I ",
                     link.device.empty() ? link.name : link.device, "` an address of the peer.");
    return trouble;
  }
  if (paths.active > 0 && paths.suspect) {
    trouble.what = absl::StrCat("Nothing arrives by link ", link.name);
    trouble.why = "It carries copies only, until enough of them have arrived.";
    trouble.advice = "It comes back by itself when its copies arrive.";
    return trouble;
  }
  if (paths.active > 0 && paths.least_loss >= kMuchLoss) {
    trouble.what = absl::StrFormat("Link %s loses %.0f%%", link.name, 100 * paths.least_loss);
    trouble.why = "Of its last probes so many were not answered, over every path.";
    trouble.advice =
        "Look at its signal or cable. Tunnels that replicate lose nothing by it while another link "
        "carries.";
    return trouble;
  }
  if (paths.active > 0 && paths.contested) {
    trouble.what = absl::StrCat("Link ", link.name, " is full of others' traffic");
    trouble.why = "A queue stands in it that does not end although less is sent.";
    trouble.advice = "Find who else uses it, or set `rate.up` of the port.";
    return trouble;
  }
  return std::nullopt;
}

void JudgeLinks(const Sample& sample, std::vector<Trouble>* troubles) {
  for (const LinkSample& link : sample.links) {
    const LinkPaths paths = PathsOf(sample, link.name);
    if (link.state != "up") {
      Trouble trouble = AboutLink(link);
      trouble.what = absl::StrCat("Link ", link.name, " is ",
                                  link.state.empty() ? "in no known state" : link.state);
      trouble.why = link.reason;
      trouble.advice = LinkAdvice(link);
      trouble.since_s = link.since_s ? link.since_s : paths.silent_s;
      troubles->push_back(std::move(trouble));
    } else if (std::optional<Trouble> trouble = AboutPaths(link, paths)) {
      troubles->push_back(*std::move(trouble));
    }
  }
}

void JudgeCaps(const Sample& sample, std::vector<Trouble>* troubles) {
  for (const LinkSample& link : sample.links) {
    const bool reached = link.cap_state == "reached";
    if (!reached && link.cap_state != "near") continue;
    Trouble trouble = AboutLink(link);
    trouble.what =
        absl::StrCat("Link ", link.name, reached ? " has reached" : " is near", " its data cap");
    trouble.why = absl::StrFormat("%.1f GB of %.1f GB are carried.", link.cap_used / 1e9,
                                  link.cap_bytes / 1e9);
    trouble.advice = absl::StrCat("What happens then is as configured (",
                                  link.cap_at_limit.empty() ? "?" : link.cap_at_limit,
                                  "); `warp cap set` corrects the count.");
    troubles->push_back(std::move(trouble));
  }
}

void JudgePeers(const Sample& sample, std::vector<Trouble>* troubles) {
  for (const PeerSample& peer : sample.peers) {
    if (peer.state != "connected") {
      troubles->push_back(
          {.health = Health::kBad,
           .what = absl::StrCat("Peer ", peer.name, " is not reached"),
           .why = peer.reason,
           .advice = "See whether it runs and is reached by at least one link; `warp doctor` looks "
                     "at this side.",
           .since_s = peer.since_s});
    }
    if (peer.key_used_by.size() >= 2) {
      troubles->push_back({.what = absl::StrCat("Two nodes use the key of ", peer.name),
                           .why = absl::StrCat("They are at ", peer.key_used_by[0], " and ",
                                               peer.key_used_by[1], "."),
                           .advice = "Make a key of its own for the clone: `warp keygen`."});
    }
  }
}

void JudgeRest(const Sample& sample, std::vector<Trouble>* troubles) {
  for (const TunnelSample& tunnel : sample.tunnels) {
    if (tunnel.trouble.empty()) continue;
    troubles->push_back({.what = absl::StrCat("Tunnel ", tunnel.name, " has no interface"),
                         .why = tunnel.trouble,
                         .advice = "`warp doctor` says what is in its way."});
  }
  for (const MapSample& map : sample.maps) {
    if (map.state == "registered") continue;
    troubles->push_back({.what = absl::StrCat("Map ", map.address, " is ", map.state),
                         .why = map.reason,
                         .advice = "Peers whose addresses are known go on without it; see whether "
                                   "the map runs."});
  }
}

std::string Links(size_t count) { return absl::StrCat(count, count == 1 ? " link" : " links"); }

std::string Peers(const Sample& sample) {
  return sample.peers.size() == 1 ? sample.peers[0].name
                                  : absl::StrCat(sample.peers.size(), " peers");
}

// "3 of 3 links carry payloads to hq."
std::string Reason(const Sample& sample) {
  const auto carrying = static_cast<size_t>(
      std::count_if(sample.links.begin(), sample.links.end(),
                    [&](const LinkSample& link) { return Carries(sample, link.name); }));
  return absl::StrCat(carrying, " of ", Links(sample.links.size()),
                      carrying == 1 ? " carries" : " carry", " payloads to ", Peers(sample), ".");
}

void Answer(const Sample& sample, Judgement* judgement) {
  const auto away = static_cast<size_t>(
      std::count_if(sample.peers.begin(), sample.peers.end(),
                    [](const PeerSample& peer) { return peer.state != "connected"; }));
  judgement->reason = Reason(sample);
  if (sample.state == "draining") {
    judgement->health = Health::kWorn;
    judgement->answer = "It is about to end.";
    judgement->reason = "The daemon was asked to, and sends what it still has.";
  } else if (sample.peers.empty()) {
    judgement->health = Health::kWorn;
    judgement->answer = "It runs, and has no peer.";
    judgement->reason = "A peer of the configuration is another site that tunnels lead to.";
  } else if (away == sample.peers.size()) {
    judgement->health = Health::kBad;
    judgement->answer = "It does not work.";
    judgement->reason = absl::StrCat(Peers(sample), away == 1 ? " is" : " are", " not reached.");
  } else if (away > 0) {
    judgement->health = Health::kBad;
    judgement->answer = absl::StrCat("It works in part: ", away, " of ", sample.peers.size(),
                                     " peers ", away == 1 ? "is" : "are", " not reached.");
  } else if (!judgement->troubles.empty()) {
    judgement->health = Health::kWorn;
    judgement->answer =
        judgement->troubles.size() == 1
            ? absl::StrCat("It works, but ", judgement->troubles[0].what, ".")
            : absl::StrCat("It works, but ", judgement->troubles.size(), " things are bad.");
    // "Link lte is down" within a sentence.
    if (judgement->troubles.size() == 1) {
      char& first = judgement->answer[sizeof("It works, but ") - 1];
      first = absl::ascii_tolower(static_cast<unsigned char>(first));
    }
  } else {
    judgement->answer = "It works.";
  }
}

}  // namespace

absl::string_view HealthWord(Health health) {
  switch (health) {
    case Health::kGood:
      return "good";
    case Health::kWorn:
      return "worn";
    case Health::kBad:
      break;
  }
  return "bad";
}

bool Carries(const Sample& sample, absl::string_view link) {
  return std::any_of(sample.paths.begin(), sample.paths.end(), [&](const PathSample& path) {
    return path.link == link && path.state == "active" && path.carries;
  });
}

Judgement Judge(const Sample& sample) {
  Judgement judgement;
  if (sample.is_map) {
    judgement.answer = "The map runs.";
    for (const auto& [name, count] : sample.counts) {
      if (name == "registrations") {
        judgement.reason = absl::StrFormat("%.0f endpoints are registered.", count);
      }
    }
    return judgement;
  }
  JudgePeers(sample, &judgement.troubles);
  JudgeLinks(sample, &judgement.troubles);
  JudgeRest(sample, &judgement.troubles);
  JudgeCaps(sample, &judgement.troubles);
  std::stable_sort(judgement.troubles.begin(), judgement.troubles.end(),
                   [](const Trouble& a, const Trouble& b) { return a.health > b.health; });
  Answer(sample, &judgement);
  return judgement;
}

Judgement JudgeNothing(absl::string_view trouble) {
  return {.health = Health::kBad,
          .answer = "The daemon does not answer.",
          .reason = absl::StrCat(trouble, "."),
          .troubles = {}};
}

}  // namespace warp::tools
