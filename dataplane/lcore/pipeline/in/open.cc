// In 3 and 4: authenticates and decrypts in place, as a burst, and then claims the counters. Of all workers that opened
// a counter exactly one wins it. Only authentic packets change the window.
#include <cassert>

#include "dataplane/lcore/pipeline/in/ingress.h"
#include "dataplane/lcore/pipeline/in/received_tally.h"

namespace warp::lcore {
namespace {

// Of a packet that was opened.
bool IsPayload(const InPacket& packet) {
  const auto* const text =
      rte_pktmbuf_mtod_offset(packet.mbuf, const uint8_t*, wire::kDataHeaderSize);
  return !wire::IsAnswered({text, packet.udp.datagram_size - wire::kMinSealedSize});
}

}  // namespace

void Ingress::Open(const PortView& port) {
  std::array<wire::AeadJob, kBurst>& jobs = turn_.jobs();
  for (uint16_t i = 0; i < opening_.size(); ++i) {
    uint8_t* datagram = rte_pktmbuf_mtod(opening_[i].mbuf, uint8_t*);
    jobs[i] = {
        .key = &opening_[i].session->session->open_key(),
        .counter = opening_[i].counter,
        .header = datagram,
        .text = datagram + wire::kDataHeaderSize,
        .text_size = static_cast<uint32_t>(opening_[i].udp.datagram_size - wire::kMinSealedSize)};
  }
  const uint16_t opened = opening_.size();
  turn_.RunEngine(wire::Direction::kOpen, opened);
  uint16_t kept = 0;
  for (uint16_t i = 0; i < opening_.size(); ++i) {
    if (jobs[i].authentic) {
      opening_.Keep(i, kept++);
    } else {
      turn_.Discard(port.slot, wire::Drop::kUnauthentic, opening_[i].mbuf);
    }
  }
  opening_.Resize(kept);
  turn_.Lap(Stage::kOpen, opened);
}

void Ingress::Claim(const PortView& port) {
  using Verdict = wire::ReplayWindow::Verdict;
  ReceivedTally tally(turn_.now(), ns_per_cycle_);
  uint16_t kept = 0;
  for (uint16_t first = 0; first < opening_.size();) {
    // The packets of one session, which mostly are all, make one claim.
    const SessionEntry* session = opening_[first].session;
    std::array<uint64_t, kBurst> counters;
    std::array<Verdict, kBurst> verdicts;
    uint16_t last = first;
    for (; last < opening_.size() && opening_[last].session == session; ++last) {
      counters[last - first] = opening_[last].counter;
    }
    const size_t count = last - first;
    session->session->window().ClaimBurst({counters.data(), count}, {verdicts.data(), count});
    for (uint16_t i = first; i < last; ++i) {
      if (verdicts[i - first] == Verdict::kNew) {
        tally.First(opening_[i], IsPayload(opening_[i]));
        opening_.Keep(i, kept++);
      } else if (verdicts[i - first] == Verdict::kTooOld) {
        turn_.Discard(port.slot, wire::Drop::kTooOld, opening_[i].mbuf);
      } else {
        // Look lets no counter through that the window refuses.
        assert(verdicts[i - first] == Verdict::kSeen);
        tally.Duplicate(opening_[i], IsPayload(opening_[i]));
        CompareWithFirst(opening_[i]);
        turn_.Discard(port.slot, wire::Drop::kOpenedTwice, opening_[i].mbuf);
      }
    }
    first = last;
  }
  turn_.Lap(Stage::kClaim, opening_.size());
  opening_.Resize(kept);
}

}  // namespace warp::lcore
