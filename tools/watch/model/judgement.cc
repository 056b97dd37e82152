#include "tools/watch/model/judgement.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/watch/model/link_troubles.h"

namespace warp::tools {
namespace {

void JudgeCaps(const Sample& sample, std::vector<Trouble>* troubles) {
  for (const LinkSample& link : sample.links) {
    const bool reached = link.cap_state == "reached";
    if (!reached && link.cap_state != "near") continue;
    Trouble trouble{.link = link.name};
    trouble.what =
        absl::StrCat("Link ", link.name, reached ? " has reached" : " is near", " its data cap");
    trouble.why = absl::StrFormat("%.1f GB of %.1f GB are carried.", link.cap_used / 1e9,
                                  link.cap_bytes / 1e9);
    trouble.advice = absl::StrCat(
        "What happens then is as configured (", link.cap_at_limit.empty() ? "?" : link.cap_at_limit,
        ")", link.cap_ends.empty() ? "" : absl::StrCat("; it begins anew on ", link.cap_ends),
        "; `warp cap set ", link.name, "` corrects the count.");
    troubles->push_back(std::move(trouble));
  }
  const auto link = std::find_if(sample.links.begin(), sample.links.end(),
                                 [](const LinkSample& one) { return !one.cap_problem.empty(); });
  if (link == sample.links.end()) return;
  troubles->push_back({.what = "Data caps are not counted as they should be",
                       .why = link->cap_problem,
                       .advice = "`warp cap` shows what is counted."});
}

void JudgePeers(const Sample& sample, std::vector<Trouble>* troubles) {
  for (const PeerSample& peer : sample.peers) {
    if (peer.state != "connected") {
      troubles->push_back(
          {.health = Health::kBad,
           .what = absl::StrCat("Peer ", peer.name, " is not reached"),
           .why = peer.reason,
           .advice = "See whether warpd runs there, and whether each side has the other's public "
                     "key; `warp doctor` tries the way there.",
           .since_s = peer.since_s});
    }
    if (!peer.key_used_by.empty()) {
      troubles->push_back(
          {.what = absl::StrCat("Two nodes seem to use the key of peer ", peer.name),
           .why = absl::StrCat("They are at ", absl::StrJoin(peer.key_used_by, " and "), "."),
           .advice = "One is a copy of the other: make a key of its own for it (`warp keygen`)."});
    }
  }
}

void JudgeRest(const Sample& sample, std::vector<Trouble>* troubles) {
  for (const TunnelSample& tunnel : sample.tunnels) {
    if (tunnel.trouble.empty()) continue;
    troubles->push_back({.what = absl::StrCat("The gate of tunnel ", tunnel.name, " has trouble"),
                         .why = tunnel.trouble,
                         .advice = "`warp doctor` says what is in its way."});
  }
  for (const MapSample& map : sample.maps) {
    if (map.state == "registered") continue;
    troubles->push_back({.what = absl::StrCat("Map ", map.address, " is ", map.state),
                         .why = map.reason,
                         .advice = "Peers whose addresses are known go on without it. See whether "
                                   "warp-map runs there, and lets this key in."});
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
  for (Trouble& trouble : LinkTroubles(sample)) judgement.troubles.push_back(std::move(trouble));
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
