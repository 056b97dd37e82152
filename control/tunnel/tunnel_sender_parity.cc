// The parity beside a tunnel's payloads. A payload is added to its block when it is taken, and parity leaves as
// payloads do: when the bond says so, charged like them. Nobody waits for it, and it is never sent again.
#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "control/tunnel/tunnel_sender.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/handshake/introduction.h"
#include "dataplane/wire/message.h"

namespace warp::control {

using wire::Instant;

namespace {

// For so long after a path died, others may.
constexpr wire::Duration kDeathsFollow = std::chrono::seconds(60);

}  // namespace

bool TunnelSender::ParityWorks() const {
  // Parity of a tunnel with flows restores them too.
  const uint32_t needed = wire::kFeatureSequenced | wire::kFeatureParity |
                          (options_.flows ? uint32_t{wire::kFeatureFlows} : 0u);
  return route_.ready() && bond_ != nullptr && !bond_->plain() &&
         policy_.mode != config::TunnelMode::kReplicate &&
         (route_.session->remote_features() & needed) == needed;
}

wire::PathMask TunnelSender::AvoidedByBlock(Instant now) {
  if (!ParityWorks()) return 0;
  const bonding::Bond& bond = bond_->bond();
  const wire::PathMask usable = bond.UsablePaths(options_.tunnel_index);
  if (parity_.wants_risk(now)) {
    const Instant died = bond.last_death();
    parity_.SetRisk(now, {.loss = bond.LossOn(usable),
                          .paths = static_cast<size_t>(std::popcount(usable)),
                          .paths_die = died != Instant{} && now - died < kDeathsFollow,
                          .target = policy_.target});
  }
  return parity_.Full(usable);
}

// What does not fit a parity packet of any path is in no block: the block before it ends.
void TunnelSender::AddToBlock(Instant now, const Origin& origin, wire::Bytes payload) {
  PacketMaker::Sequence place;
  const size_t header = wire::kParityHeaderSize + (options_.flows ? wire::kFlowInBlock : 0);
  if (ParityWorks() && payload.size() + header <= RoomOn(allowed_paths_).pieces)
    place = SequenceOf(now, origin);
  if (place.has_value()) place->flow = origin.flow;
  if (!place.has_value() || !parity_.continues(place->sequence)) EndBlock(now);
  if (!place.has_value()) return;
  parity_.Add(now, origin.number, *place, payload, origin.paths);
  if (parity_.full()) EndBlock(now);
}

void TunnelSender::EndBlock(Instant now) {
  if (parity_.empty()) return;
  std::vector<parity::ParityMaker::Parity> parities = parity_.Finish();
  if (!ParityWorks()) return;
  const wire::PathMask usable = bond_->bond().UsablePaths(options_.tunnel_index);
  for (parity::ParityMaker::Parity& parity : parities) {
    bonding::Grant grant{
        .flow = options_.tunnel_index,
        .number = parity.number,
        .size = static_cast<uint32_t>(parity.plaintext.size() + FrameAround(usable)),
        .taken = now,
        .deadline = parity.deadline,
        .avoid = parity_.Crowded(usable),
        .parity = static_cast<uint8_t>(parity.index + 1)};
    const bonding::Bond::Fate fate = bond_->bond().OfferParity(now, &grant);
    if (fate == bonding::Bond::Fate::kDropped) continue;
    parity_.NotePlaced(grant.paths);
    if (fate == bonding::Bond::Fate::kGranted && SubmitParity(now, grant, parity)) continue;
    if (fate == bonding::Bond::Fate::kGranted) bond_->bond().NoteUnsent(now, grant);
    parity_.Wait(std::move(parity));
  }
  bond_->Arm();
}

BondMember::Left TunnelSender::LeaveParity(Instant now, const bonding::Grant& grant) {
  const auto index = static_cast<uint8_t>(grant.parity - 1);
  const parity::ParityMaker::Parity* const parity = parity_.Find(grant.number, index);
  if (parity == nullptr) return Left::kYes;  // newer parity has its place
  if (ParityWorks() && !SubmitParity(now, grant, *parity)) return Left::kShortage;
  parity_.Forget(grant.number, index);
  return Left::kYes;
}

bool TunnelSender::SubmitParity(Instant now, const bonding::Grant& grant,
                                const parity::ParityMaker::Parity& parity) {
  // Packet buffers may have become smaller since it was made (control/reload): nothing is owed for parity.
  if (parity.plaintext.size() > dataplane_.max_plaintext()) return true;
  lcore::Plaintext packet = dataplane_.AllocatePlaintext();
  if (!packet) return false;
  const std::optional<uint64_t> counter = route_.session->ReserveCounters(1);
  if (!counter.has_value()) return false;
  const wire::MutableBytes room = packet.Append(parity.plaintext.size());
  std::copy(parity.plaintext.begin(), parity.plaintext.end(), room.begin());
  const uint32_t size = grant.size;
  bond_->NoteSent(now, grant, *counter, {&size, 1});
  lcore::SendRequest& request = submitter_.Add(Home(grant.paths), std::move(packet));
  request.peer = route_.peer;
  request.paths = grant.paths;
  request.dscp = parity.dscp;
  request.time_left = grant.deadline - now;
  request.counter_reserved = true;
  request.session_index = route_.session->local_index();
  request.counter = *counter;
  return true;
}

}  // namespace warp::control
