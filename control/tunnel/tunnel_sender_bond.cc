// The part of a tunnel's sender that works for the bond of its peer: which payloads wait for a grant, what a granted
// one needs to be sent, and which ones are kept because they may have to be sent again.
#include <algorithm>
#include <bit>
#include <utility>

#include "control/tunnel/tunnel_sender.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/frame/frame.h"
#include "dataplane/wire/handshake/introduction.h"

namespace warp::control {

using wire::Drop;
using wire::Instant;

namespace {

// How long the peer goes on waiting for earlier payloads as before, when the policy says less.
constexpr wire::Duration kOrderLingers = std::chrono::seconds(1);
// And how long payloads go on having places: no payload waits for longer than the longest deadline, a minute, and no
// peer holds one for longer than a second.
constexpr wire::Duration kPlacesLinger = std::chrono::seconds(65);

}  // namespace

// --- The policy. ---

void TunnelSender::SetBond(Instant now, PeerBond& bond) {
  if (bond_ == &bond) return;
  bond_ = &bond;
  bond.AddMember(options_.tunnel_index, *this, allowed_);
  bond.SetPolicy(options_.tunnel_index, policy_, deadline_);
  for (const auto& [number, waiting] : waiting_)
    bond.bond().NoteUnsent(now, GrantOf(now, waiting.origin, waiting.payload.size()));
}

void TunnelSender::SetDeadline(Instant now, wire::Duration deadline) {
  deadline_ = deadline;
  parity_.SetPolicy(policy_.fec, deadline);
  for (auto& [number, waiting] : waiting_)
    waiting.origin.deadline = std::min(waiting.origin.deadline, now + deadline);
}

void TunnelSender::SetAllowed(PeerBond::Allowed allowed) {
  allowed_ = std::move(allowed);
  if (bond_ != nullptr) bond_->SetAllowed(options_.tunnel_index, allowed_);
}

void TunnelSender::SetPolicy(Instant now, const config::TunnelPolicy& policy) {
  if (policy.order < policy_.order || policy.resend < policy_.resend) {
    order_before_ =
        std::max(policy_.order, now < order_before_until_ ? order_before_ : policy_.order);
    order_before_until_ = now + kOrderLingers;
  }
  policy_ = policy;
  parity_.SetPolicy(policy.fec, deadline_);
  const bool ordered = policy.order > wire::Duration::zero() ||
                       policy.resend > wire::Duration::zero() || policy.fec.on();
  if (ordered) {
    gives_places_ = true;
    end_places_ = wire::kNever;
  } else if (gives_places_ && end_places_ == wire::kNever) {
    end_places_ = now + kPlacesLinger;
  }
  if (bond_ != nullptr) bond_->SetPolicy(options_.tunnel_index, policy, deadline_);
}

bool TunnelSender::Resends() const {
  return bond_ != nullptr && !bond_->plain() && policy_.resend > wire::Duration::zero();
}

// Whether the peer may get a payload after later ones although each path keeps its order: it is sent again, or restored
// by later parity, or its other copies come over slower paths. Of those the peer sees nothing as long as the first
// copies arrive.
bool TunnelSender::MayComeLater(Instant now, wire::PathMask paths) const {
  const size_t copies =
      paths == wire::kAllPaths ? route_.paths.size() : static_cast<size_t>(std::popcount(paths));
  return Resends() || (parity_.on() && ParityWorks()) || copies > 1 || now < order_before_until_;
}

bool TunnelSender::Sequences() const {
  return route_.session != nullptr &&
         (route_.session->remote_features() & wire::kFeatureSequenced) != 0;
}

// A peer of an earlier version would take all flows for one.
bool TunnelSender::PeerKnowsFlows() const {
  return route_.session != nullptr &&
         (route_.session->remote_features() & wire::kFeatureFlows) != 0;
}

// What stands of it in the headers. A mark that the peer does not know is no loss.
wire::Flow TunnelSender::Carried(const wire::Flow& flow) const {
  if (!options_.flows) return {};
  if (PeerKnowsFlows()) return flow;
  return {.number = flow.number, .answer = flow.answer};
}

PacketMaker::Sequence TunnelSender::SequenceOf(Instant now, const Origin& origin) const {
  if (!Sequences() || !origin.place.has_value()) return std::nullopt;
  const wire::Duration hold =
      now < order_before_until_ ? std::max(policy_.order, order_before_) : policy_.order;
  return wire::SequencedHeader{
      .hold = hold, .resend = MayComeLater(now, origin.paths), .sequence = *origin.place};
}

// --- The paths. ---

// What goes without a bond takes all paths at once, and so leaves out those that stand by, unless it has no other.
void TunnelSender::RouteChanged() {
  const bool any_stands_by = std::any_of(route_.paths.begin(), route_.paths.end(),
                                         [](const RoutePath& path) { return path.stands_by; });
  allowed_paths_ = allowed_ == nullptr && !any_stands_by ? wire::kAllPaths : 0;
  if (allowed_paths_ != 0) return;
  wire::PathMask standing_by = 0;
  for (const RoutePath& path : route_.paths) {
    if (allowed_ != nullptr && !allowed_(path)) continue;
    (path.stands_by ? standing_by : allowed_paths_) |= wire::MaskOf(path.slot);
  }
  if (allowed_paths_ == 0) allowed_paths_ = standing_by;
}

// What was sealed for paths that are gone goes by others.
wire::PathMask TunnelSender::PresentPaths(wire::PathMask paths) const {
  if (paths == wire::kAllPaths) return paths;
  wire::PathMask present = 0;
  for (const RoutePath& path : route_.paths) present |= paths & wire::MaskOf(path.slot);
  return present != 0 ? present : allowed_paths_;
}

// What is around the plaintext in a frame on these paths, by the first of them.
size_t TunnelSender::FrameAround(wire::PathMask paths) const {
  const auto path =
      std::find_if(route_.paths.begin(), route_.paths.end(), [paths](const RoutePath& candidate) {
        return paths == wire::kAllPaths || (paths & wire::MaskOf(candidate.slot)) != 0;
      });
  const bool v6 = path != route_.paths.end() && !path->remote.address.is_v4();
  return (v6 ? wire::kFrameHeaderSizeV6 : wire::kFrameHeaderSizeV4) + wire::kMinSealedSize;
}

// What a payload of this size costs in frames, as far as can be said before it has its paths.
uint32_t TunnelSender::SizeOf(size_t payload, const Origin& origin) const {
  PacketMaker::Sequence sequence;
  if (origin.place.has_value() && Sequences()) sequence.emplace();
  PacketMaker::Extent extent =
      maker_.Measure(payload, RoomOn(wire::kAllPaths), sequence, Carried(origin.flow));
  if (extent.packets == 0) extent = {.packets = 1, .bytes = payload};
  return static_cast<uint32_t>(extent.bytes + extent.packets * FrameAround(wire::kAllPaths));
}

// The widest of the paths says what goes in one piece, as narrower ones are left out of what does not fit them; the
// narrowest says how large pieces are.
PacketMaker::Room TunnelSender::RoomOn(wire::PathMask paths) const {
  PacketMaker::Room room{.whole = route_.max_plaintext, .pieces = route_.max_fragment};
  if (paths != wire::kAllPaths) {
    bool first = true;
    for (const RoutePath& path : route_.paths) {
      if ((paths & wire::MaskOf(path.slot)) == 0) continue;
      room.whole = first ? path.max_plaintext : std::max(room.whole, path.max_plaintext);
      room.pieces = first ? path.max_plaintext : std::min(room.pieces, path.max_plaintext);
      first = false;
    }
  }
  room.whole = std::min(room.whole, dataplane_.max_plaintext());
  room.pieces = std::min(room.pieces, room.whole);
  return room;
}

size_t TunnelSender::room_in_one_piece() const {
  if (!route_.ready() || allowed_paths_ == 0) return 0;
  // The longest of what stands before a payload: parity must fit as well.
  constexpr size_t kHeader = std::max(wire::kParityHeaderSize, wire::kSequencedHeaderSize);
  const size_t pieces = RoomOn(allowed_paths_).pieces;
  return pieces > kHeader ? pieces - kHeader : 0;
}

// --- A payload's way. ---

bonding::Grant TunnelSender::GrantOf(Instant now, const Origin& origin, size_t payload) const {
  const int ahead = origin.ahead ? bonding::kAhead : 0;
  return {.flow = static_cast<uint16_t>(options_.tunnel_index | ahead),
          .number = origin.number,
          .size = SizeOf(payload, origin),
          .taken = std::min(now, origin.deadline - deadline_),
          .deadline = origin.deadline};
}

// What is replicated waits for nobody, and so goes in order; and where the peer tells nothing, all is replicated.
bool TunnelSender::MayGoAhead() const {
  return bond_ != nullptr && !bond_->plain() && policy_.mode != config::TunnelMode::kReplicate;
}

void TunnelSender::OfferToBond(Instant now, wire::Bytes payload, Origin origin) {
  if (waiting_.size() >= options_.max_waiting ||
      waiting_bytes_ + payload.size() > options_.max_waiting_bytes) {
    return DropPayload(Drop::kGateFull);
  }
  bonding::Grant grant = GrantOf(now, origin, payload.size());
  const bool of_block = parity_.on() && !origin.ahead;
  if (of_block) grant.avoid = AvoidedByBlock(now);
  const bonding::Bond::Fate fate = bond_->bond().Offer(now, &grant);
  if (fate == bonding::Bond::Fate::kDropped) return DropPayload(Drop::kQueueDelay);
  NoteAccepted(origin);
  const bool granted = fate == bonding::Bond::Fate::kGranted;
  if (!granted || !route_.ready() || !SubmitGranted(now, grant, payload, origin)) {
    Wait(origin, {payload.begin(), payload.end()});
    if (granted) bond_->bond().NoteUnsent(now, grant);
  }
  origin.paths = grant.paths;
  if (of_block) AddToBlock(now, origin, payload);
  bond_->Arm();
}

BondMember::Left TunnelSender::Leave(Instant now, const bonding::Grant& grant) {
  if (grant.parity != 0) return LeaveParity(now, grant);
  if (grant.again) {
    const SentPayloads::Sent* const sent = sent_payloads_.Find(grant.number);
    const bool left = sent == nullptr || SubmitGranted(now, grant, sent->bytes,
                                                       {.flow = sent->flow, .place = sent->place});
    return left ? Left::kYes : Left::kShortage;
  }
  const auto waiting = waiting_.find(grant.number);
  if (waiting == waiting_.end()) return Left::kYes;  // it was dropped meanwhile
  if (!SubmitGranted(now, grant, waiting->second.payload, waiting->second.origin))
    return short_of_slots_ ? Left::kFull : Left::kShortage;
  waiting_bytes_ -= waiting->second.payload.size();
  waiting_.erase(waiting);
  TellDone();
  return Left::kYes;
}

// `origin` says what the grant does not.
bool TunnelSender::SubmitGranted(Instant now, const bonding::Grant& grant, wire::Bytes payload,
                                 Origin origin) {
  origin.deadline = grant.deadline;
  origin.number = grant.number;
  origin.paths = grant.paths;
  if (!Submit(now, origin, payload, &grant)) return false;
  // Without a place, the peer would not know a payload that it has.
  if (!grant.again && Resends() && Sequences() && origin.place.has_value()) {
    sent_payloads_.Expire(now);
    sent_payloads_.Keep(grant.number, {.bytes = {payload.begin(), payload.end()},
                                       .taken = grant.taken,
                                       .until = grant.taken + policy_.resend,
                                       .flow = origin.flow,
                                       .place = *origin.place});
  }
  return true;
}

// Nobody waits for what becomes of a packet that is sent again: the application was told of the first one, and the
// peer's feedback tells the rest.
void TunnelSender::SubmitAgain(Instant now, const Origin& origin,
                               std::vector<lcore::Plaintext>& packets,
                               std::optional<uint64_t> first) {
  for (size_t index = 0; index < packets.size(); ++index) {
    lcore::SendRequest& request = submitter_.Add(Home(origin.paths), std::move(packets[index]));
    request.peer = route_.peer;
    request.paths = origin.paths;
    request.dscp = origin.flow.dscp;
    request.time_left = origin.deadline - now;
    if (!first.has_value()) continue;
    request.counter_reserved = true;
    request.session_index = route_.session->local_index();
    request.counter = *first + index;
  }
}

}  // namespace warp::control
