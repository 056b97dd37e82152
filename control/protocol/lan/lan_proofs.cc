#include "control/protocol/lan/lan_proofs.h"

#include <sodium.h>

#include <algorithm>

#include "absl/hash/hash.h"

namespace warp::protocol {
const LanChallenge& LanOwnChallenges::Next(Instant now) {
  if (made_.empty() || now >= made_.back().at + kLanRenewal) {
    made_.push_back({.challenge = {}, .at = now});
    randombytes_buf(made_.back().challenge.data(), sizeof(LanChallenge));
    if (made_.size() > kLanOwnChallenges) made_.pop_front();
  }
  return made_.back().challenge;
}

bool LanOwnChallenges::Proven(Instant now, const LanKey& from_peer, wire::Bytes head,
                              const absl::flat_hash_set<LanTag>& tags) const {
  return std::any_of(made_.rbegin(), made_.rend(), [&](const Made& made) {
    return now < made.at + kLanFresh &&
           tags.contains(ComputeLanProof(from_peer, head, made.challenge));
  });
}

void LanPeerChallenges::Note(Instant now, const LanAnnouncement& announcement,
                             const std::shared_ptr<const LanKeys>& keys, bool proven,
                             std::mt19937_64& random) {
  const Noted noted{.epoch = announcement.epoch,
                    .interface = announcement.interface,
                    .number = announcement.number,
                    .proof = {keys, announcement.challenge},
                    .heard = now};
  const auto is = [&](const Noted& one) { return one.IsOf(announcement); };
  const auto known = std::find_if(proven_.begin(), proven_.end(), is);
  if (known != proven_.end()) {
    if (announcement.number < known->number) return;
    // Without a proof it is of a life that has been proven lately, and no older than what was heard of it.
    known->number = announcement.number;
    known->proof = noted.proof;
    if (proven) known->heard = now;
    return;
  }
  if (!proven) return Offer(noted, random);
  std::erase_if(unproven_, is);
  if (proven_.size() == kLanKeptChallenges) {
    proven_.erase(
        std::min_element(proven_.begin(), proven_.end(),
                         [](const Noted& a, const Noted& b) { return a.heard < b.heard; }));
  }
  proven_.push_back(noted);
}

// Of all that were offered since the last announcement, those with the lowest lots are kept. A life that is played
// again draws the same lot, so that no number of turns is a second chance, and nobody has to remember who has drawn.
void LanPeerChallenges::Offer(const Noted& noted, std::mt19937_64& random) {
  for (Noted& one : unproven_) {
    if (one.epoch != noted.epoch || one.interface != noted.interface) continue;
    if (noted.number > one.number) one = noted;
    return;
  }
  if (unproven_.empty()) lots_ = random();
  if (unproven_.size() < kLanKeptChallenges) {
    unproven_.push_back(noted);
    return;
  }
  const auto last =
      std::max_element(unproven_.begin(), unproven_.end(),
                       [this](const Noted& a, const Noted& b) { return LotOf(a) < LotOf(b); });
  if (LotOf(noted) < LotOf(*last)) *last = noted;
}

uint64_t LanPeerChallenges::LotOf(const Noted& noted) const {
  return absl::HashOf(lots_, noted.epoch, noted.interface);
}

std::vector<LanProof> LanPeerChallenges::Choose(Instant now, size_t most, size_t unproven,
                                                std::mt19937_64& random) {
  const auto old = [now](const Noted& noted) { return now >= noted.heard + kLanFresh; };
  std::erase_if(proven_, old);
  std::erase_if(unproven_, old);
  std::vector<LanProof> chosen;
  // Those that have waited for longest come first.
  std::stable_sort(proven_.begin(), proven_.end(),
                   [](const Noted& a, const Noted& b) { return a.given < b.given; });
  const size_t of_proven = std::min(proven_.size(), most - std::min(unproven_.size(), unproven));
  for (size_t i = 0; i < of_proven; ++i) {
    proven_[i].given = now;
    chosen.push_back(proven_[i].proof);
  }
  std::shuffle(unproven_.begin(), unproven_.end(), random);
  while (chosen.size() < most && !unproven_.empty()) {
    chosen.push_back(unproven_.back().proof);
    unproven_.pop_back();
  }
  lots_ = random();
  return chosen;
}

}  // namespace warp::protocol
