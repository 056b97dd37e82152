// In, before 3, where several lcores receive: copies of one payload may be in two lcores' hands at the same moment. The first to
// hint that it opens a counter goes ahead; the others keep theirs for a turn, do something else meanwhile, and find it
// claimed. A hint binds nobody: after that turn they open what is still new.
#include "dataplane/lcore/pipeline/worker.h"
#include "dataplane/wire/message.h"

namespace warp::lcore {

// What another lcore is at leaves `opening_`.
void Worker::Defer(const PortView& port) {
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

// What the turn before deferred: looked at again, and opened where it is still new.
void Worker::Revisit() {
  Burst<DeferredPacket>& revisited = deferred_[deferring_ ^ 1];
  for (uint16_t first = 0; first < revisited.size();) {
    const PortId id = revisited[first].port;
    const PortView* const port = forwarding_->FindPort(id);
    in_.Clear();
    for (; first < revisited.size() && revisited[first].port == id; ++first) {
      InPacket& packet = in_.Add(revisited[first].packet);
      if (port == nullptr || !FindReceiveSession(*port, revisited[first].receiver_index, &packet)) {
        Discard(nullptr, wire::Drop::kUnknownSession, packet.mbuf);
        in_.Resize(static_cast<uint16_t>(in_.size() - 1));
      }
    }
    work_ += in_.size();
    if (port != nullptr) OpenNew(*port, /*defer=*/false);
  }
  revisited.Clear();
}

Worker::~Worker() {
  for (Burst<DeferredPacket>& burst : deferred_) {
    for (DeferredPacket& deferred : burst) rte_pktmbuf_free(deferred.packet.mbuf);
  }
}

}  // namespace warp::lcore
