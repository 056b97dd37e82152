// In, before 3, where several workers receive: leaves aside what another worker is opening at this moment, since two
// workers may hold copies of one payload at the same time. The first to hint that it opens a counter goes ahead. The
// others keep their copies for a turn, do something else meanwhile, and mostly find the counter claimed then. A hint
// binds nobody: after that turn they open every packet that is still new.
#include "dataplane/lcore/pipeline/in/ingress.h"
#include "dataplane/wire/message.h"

namespace warp::lcore {

// MarkOpening answers with one bit for each packet.
static_assert(kBurst <= 32);

// The hints of one session are marked at once, so that a burst of neighbours costs one compare-and-swap.
void Ingress::Defer(const PortView& port) {
  Burst<DeferredPacket>& deferred = deferred_[deferring_];
  uint16_t kept = 0;
  for (uint16_t first = 0; first < opening_.size();) {
    wire::Session& session = *opening_[first].session->session;
    std::array<uint64_t, kBurst> counters;
    uint16_t last = first;
    for (; last < opening_.size() && opening_[last].session->session.get() == &session; ++last) {
      counters[last - first] = opening_[last].counter;
    }
    wire::OpeningHints* const hints = session.opening_hints();
    const size_t count = last - first;
    const uint32_t ours =
        hints != nullptr ? hints->MarkOpening({counters.data(), count}) : UINT32_MAX;
    for (uint16_t i = first; i < last; ++i) {
      if ((ours >> (i - first) & 1) != 0 || deferred.size() == kBurst) {
        opening_.Keep(i, kept++);
      } else {
        deferred.Add(
            {.packet = opening_[i], .port = port.id, .receiver_index = session.local_index()});
      }
    }
    first = last;
  }
  opening_.Resize(kept);
}

void Ingress::Revisit() {
  Burst<DeferredPacket>& revisited = deferred_[deferring_ ^ 1];
  for (uint16_t first = 0; first < revisited.size();) {
    const PortId id = revisited[first].port;
    const PortView* port = turn_.forwarding().FindPort(id);
    // Since the last turn the slot may have got another port, which another worker polls.
    if (port != nullptr && port->slot->worker != turn_.id()) port = nullptr;
    in_.Clear();
    for (; first < revisited.size() && revisited[first].port == id; ++first) {
      InPacket& packet = in_.Add(revisited[first].packet);
      const wire::Drop failure =
          port == nullptr ? wire::Drop::kUnknownSession
                          : FindReceiveSession(*port, revisited[first].receiver_index, &packet);
      if (failure != wire::Drop::kNone) {
        turn_.Discard(nullptr, failure, packet.mbuf);
        in_.Resize(static_cast<uint16_t>(in_.size() - 1));
      }
    }
    turn_.AddWork(in_.size());
    if (port != nullptr) OpenRounds(*port, /*defer=*/false);
  }
  revisited.Clear();
  deferring_ ^= 1;
}

}  // namespace warp::lcore
