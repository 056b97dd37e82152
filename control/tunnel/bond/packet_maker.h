// Makes a payload into the plaintexts that are sealed: one, or pieces where it does not fit the paths that it takes.
// Control thread only.
#ifndef WARP_CONTROL_TUNNEL_BOND_PACKET_MAKER_H_
#define WARP_CONTROL_TUNNEL_BOND_PACKET_MAKER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/facade/dataplane.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/fragment.h"
#include "dataplane/wire/message.h"

namespace warp::control {

class PacketMaker {
 public:
  // `dataplane` outlives it.
  PacketMaker(uint16_t tunnel_id, lcore::Dataplane& dataplane)
      : tunnel_id_(tunnel_id), dataplane_(dataplane) {}

  // What the plaintext of a datagram may hold on the paths that a payload takes.
  struct Room {
    size_t whole = 0;  // where the payload fits this, it goes in one piece
    size_t pieces =
        0;  // what has to be cut is cut to this; where that gives too many pieces, to `whole`
  };
  // What the receiver needs to know of the payload's place among those of the tunnel; its tunnel and flow are filled in
  // here.
  using Sequence = std::optional<wire::SequencedHeader>;

  // What a payload becomes.
  struct Extent {
    size_t packets = 0;  // 0: no number of pieces makes it fit
    size_t bytes = 0;    // of their plaintexts in all
  };
  Extent Measure(size_t payload_size, const Room& room, const Sequence& sequence,
                 const wire::Flow& flow = {}) const;
  // The packets, as many as Measure said; empty where a buffer is wanting. The result is valid until the next call.
  std::vector<lcore::Plaintext>& Make(wire::Bytes payload, const Room& room,
                                      const Sequence& sequence, const wire::Flow& flow = {});

 private:
  std::optional<wire::FragmentPlan> Plan(size_t payload_size, const Room& room,
                                         size_t header) const;
  bool Add(wire::Bytes bytes, size_t header_size);

  const uint16_t tunnel_id_;
  lcore::Dataplane& dataplane_;
  std::vector<lcore::Plaintext> packets_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_BOND_PACKET_MAKER_H_
