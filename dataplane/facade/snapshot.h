// The forwarding snapshot: everything an lcore needs to know to forward, immutable, replaced as a
// whole by the control thread and read by the lcores under QSBR. No rte type, so that control can
// build it.
#ifndef WARP_DATAPLANE_FACADE_SNAPSHOT_H_
#define WARP_DATAPLANE_FACADE_SNAPSHOT_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/facade/counters.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/frame/frame.h"
#include "dataplane/wire/ids.h"
#include "dataplane/wire/session/session.h"

namespace warp::lcore {

using wire::kNoPeer;
using wire::PathId;
using wire::PeerId;
using wire::PortId;
using wire::WorkerId;

// One path of a peer. Candidates and lost paths are listed too (send == false): what arrives over
// them is attributed to them.
struct PathEntry {
  PathId id = 0;
  PortId port = 0;
  bool send = false;  // active, and its next hop's address is known: gets a copy of every payload
  wire::Endpoint remote;
  wire::FrameTemplate frame;  // valid where send
  std::shared_ptr<PathCounters> counters;
};

struct PeerEntry {
  std::shared_ptr<wire::Session> send_session;  // null: nothing can be sent (Drop::kNoSession)
  std::vector<PathEntry> paths;                 // sorted by port
};

struct SessionEntry {
  std::shared_ptr<wire::Session> session;  // null: the slot is free
  PeerId peer = kNoPeer;
};

struct PortEntry {
  bool present = false;                    // the worker polls it
  bool up = false;                         // the link is up: worth transmitting to
  std::vector<wire::IpAddress> addresses;  // what is ours: only datagrams to these are taken
};

// Who may have made a handshake message: see dataplane/wire/handshake_mac.h.
struct HandshakeGuard {
  std::array<uint8_t, wire::kKeySize> mac_key{};  // of mac1: derived from our public key
};

struct Snapshot {
  std::vector<PortEntry> ports;  // by PortId
  std::vector<PeerEntry> peers;  // by PeerId
  std::vector<SessionEntry>
      sessions;  // by (receiver index & (size-1)); the size is a power of two. The entry's
                 // session->local_index() must equal the whole receiver index
  HandshakeGuard guard;
  uint16_t listen_port = wire::kDefaultPort;  // the UDP port that is ours on every interface
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_FACADE_SNAPSHOT_H_
