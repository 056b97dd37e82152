// In, before 3: the window, before any cryptography: a copy of what was delivered already ends here. Each
// round lets through at most one copy of a counter; its twins in the same burst wait for what
// becomes of it, and are looked at again. (A twin cannot be dropped at once: the first copy may
// turn out to be forged.)
#include <rte_cycles.h>

#include <algorithm>

#include "dataplane/lcore/memory/free_burst.h"
#include "dataplane/lcore/pipeline/in/received_tally.h"
#include "dataplane/lcore/pipeline/worker.h"

namespace warp::lcore {
namespace {

using Verdict = wire::ReplayWindow::Verdict;

// Which counters this round lets through. Two that fall into one slot wait for each other as twins
// do, which costs the second a round and nothing else.
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

// False when nothing is left to open.
bool Worker::Look(const PortView& port) {
  opening_.Clear();
  if (in_.empty()) return false;
  const uint64_t room = RoomInControl(port);
  const uint16_t looked = in_.size();
  Round round;
  ReceivedTally tally;
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
          // Before it is claimed, so that a later copy may still make it.
          Discard(port.slot, wire::Drop::kControlFull, packet.mbuf);
        }
        break;
      case Verdict::kSeen:
        ++duplicates;
        tally.Duplicate(packet);
        MeasureSkew(packet);
        done.Add(packet.mbuf);
        break;
      case Verdict::kTooOld:
        Discard(port.slot, wire::Drop::kTooOld, packet.mbuf);
        break;
      case Verdict::kRefused:
        Discard(port.slot, wire::Drop::kBadCounter, packet.mbuf);
        break;
    }
  }
  if (duplicates > 0) Count(port.slot, wire::Drop::kDuplicate, duplicates);
  in_.Resize(waiting);
  done.Flush();
  stages_.Lap(Stage::kLook, looked);
  return !opening_.empty() || waiting > 0;
}

// Of a duplicate nothing was authenticated: it feeds counters, and nothing else.
void Worker::MeasureSkew(const InPacket& packet) {
  if (packet.path == nullptr || !SkewTable::Samples(packet.counter)) return;
  const std::optional<uint64_t> lag =
      shared_.skew->Lag(packet.session->session->local_index(), packet.counter, now_);
  if (!lag) return;
  packet.path->skew_samples.Add();
  packet.path->skew_total_ns.Add(static_cast<uint64_t>(static_cast<double>(*lag) * ns_per_cycle_));
}

}  // namespace warp::lcore
