// In 3 and 4: authenticate and decrypt in place, as a burst; then claim. Of all lcores that opened a
// counter exactly one wins it. Only what is authentic changes the window.
#include "dataplane/lcore/pipeline/in/received_tally.h"
#include "dataplane/lcore/pipeline/worker.h"

namespace warp::lcore {

void Worker::Open(const PortView& port) {
  for (uint16_t i = 0; i < opening_.size(); ++i) {
    uint8_t* datagram = rte_pktmbuf_mtod(opening_[i].mbuf, uint8_t*);
    jobs_[i] = {
        .key = &opening_[i].session->session->open_key(),
        .counter = opening_[i].counter,
        .header = datagram,
        .text = datagram + wire::kDataHeaderSize,
        .text_size = static_cast<uint32_t>(opening_[i].udp.datagram_size - wire::kMinSealedSize)};
  }
  const uint16_t opened = opening_.size();
  RunEngine(wire::Direction::kOpen, {jobs_.data(), opened});
  uint16_t kept = 0;
  for (uint16_t i = 0; i < opening_.size(); ++i) {
    if (jobs_[i].authentic) {
      opening_.Keep(i, kept++);
    } else {
      Discard(port.slot, wire::Drop::kUnauthentic, opening_[i].mbuf);
    }
  }
  opening_.Resize(kept);
  stages_.Lap(Stage::kOpen, opened);
}

void Worker::Claim(const PortView& port) {
  using Verdict = wire::ReplayWindow::Verdict;
  ReceivedTally tally;
  uint16_t kept = 0;
  for (uint16_t first = 0; first < opening_.size();) {
    // The packets of one session, which is mostly all of them, as one claim.
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
        tally.First(opening_[i]);
        opening_.Keep(i, kept++);
      } else if (verdicts[i - first] == Verdict::kTooOld) {
        Discard(port.slot, wire::Drop::kTooOld, opening_[i].mbuf);
      } else {
        tally.Duplicate(opening_[i]);
        MeasureSkew(opening_[i]);
        Discard(port.slot, wire::Drop::kOpenedTwice, opening_[i].mbuf);
      }
    }
    first = last;
  }
  stages_.Lap(Stage::kClaim, opening_.size());
  opening_.Resize(kept);
}

}  // namespace warp::lcore
