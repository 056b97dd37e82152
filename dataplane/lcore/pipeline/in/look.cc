// In, before 3: looks at the window before any cryptography, so that a copy of a payload that was delivered already
// ends here. Each round lets through at most one copy of a counter. Its twins in the same burst are looked at again in
// the next round: the first copy may turn out to be forged, so that they cannot be dropped at once.
#include <algorithm>

#include "dataplane/lcore/memory/free_burst.h"
#include "dataplane/lcore/pipeline/in/ingress.h"
#include "dataplane/lcore/pipeline/in/received_tally.h"

namespace warp::lcore {
namespace {

using Verdict = wire::ReplayWindow::Verdict;

// The counters that this round lets through. Two counters that fall into one slot wait for each other as twins do,
// which costs the second a round and nothing else.
class Round {
 public:
  bool Enter(uint64_t counter) {
    const uint64_t bit = uint64_t{1} << (counter % 64);
    if ((slots_ & bit) != 0) return false;
    slots_ |= bit;
    return true;
  }

 private:
  uint64_t slots_ = 0;
};

}  // namespace

// False when no packet is left to open.
bool Ingress::Look(const PortView& port) {
  opening_.Clear();
  if (in_.empty()) return false;
  const uint64_t room = RoomInControl(port);
  const uint16_t looked = in_.size();
  Round round;
  ReceivedTally tally(turn_.now(), ns_per_cycle_);
  FreeBurst done;
  uint16_t waiting = 0, duplicates = 0;
  for (uint16_t i = 0; i < looked; ++i) {
    const InPacket& packet = in_[i];
    switch (packet.session->session->window().Look(packet.counter)) {
      case Verdict::kNew:
        if (!round.Enter(packet.counter)) {
          in_.Keep(i, waiting++);
        } else if (opening_.size() < room) {
          opening_.Add(packet);
        } else {
          // The counter is not claimed, so that a later copy may still be delivered.
          turn_.Discard(port.slot, wire::Drop::kControlFull, packet.mbuf);
        }
        break;
      case Verdict::kSeen:
        ++duplicates;
        tally.Duplicate(packet, /*payload=*/true);
        CompareWithFirst(packet);
        done.Add(packet.mbuf);
        break;
      case Verdict::kTooOld:
        turn_.Discard(port.slot, wire::Drop::kTooOld, packet.mbuf);
        break;
      case Verdict::kRefused:
        turn_.Discard(port.slot, wire::Drop::kBadCounter, packet.mbuf);
        break;
    }
  }
  if (duplicates > 0) turn_.Count(port.slot, wire::Drop::kDuplicate, duplicates);
  in_.Resize(waiting);
  done.Flush();
  turn_.Lap(Stage::kLook, looked);
  return !opening_.empty() || waiting > 0;
}

// A duplicate was not authenticated, so that it feeds counters and nothing else: among them the newest of its path,
// since its own counter was claimed with an authentic copy. What it holds stays unknown. Whether it is one of the first
// copy, as far as links are judged by it, its tag says.
void Ingress::CompareWithFirst(const InPacket& packet) {
  if (packet.path == nullptr || !FirstTable::Samples(packet.counter)) return;
  const auto* const tag = rte_pktmbuf_mtod_offset(packet.mbuf, const uint8_t*,
                                                  packet.udp.datagram_size - wire::kTagSize);
  const std::optional<uint64_t> lag = firsts_.Lag(CopyOf(packet, tag), turn_.now());
  if (!lag) return;
  const auto ns = static_cast<uint64_t>(static_cast<double>(*lag) * ns_per_cycle_);
  packet.path->skew.Add(ns);
  packet.path->skew_total_ns.Add(ns);
  const FirstTable::First first = firsts_.TakeFirst(packet.counter, packet.path);
  if (first.path == nullptr) return;
  PathCounters* const path = turn_.forwarding().FindPath(packet.session->peer, first.path);
  if (path != nullptr) path->sampled_paired[first.set].Add();
}

}  // namespace warp::lcore
