// The forwarding snapshot: everything that an lcore must know to forward. It is immutable: the control thread replaces
// it as a whole, and the lcores read it under QSBR (a reader tells when it holds nothing, and an old snapshot is freed
// when every reader has told so since). It has no type of DPDK, so that control can build it.
#ifndef WARP_DATAPLANE_FACADE_SNAPSHOT_H_
#define WARP_DATAPLANE_FACADE_SNAPSHOT_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/facade/counters.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/frame/frame.h"
#include "dataplane/wire/handshake/handshake_mac.h"
#include "dataplane/wire/handshake/index_board.h"
#include "dataplane/wire/ids.h"
#include "dataplane/wire/path_mask.h"
#include "dataplane/wire/session/session.h"

namespace warp::lcore {

using wire::kNoPeer;
using wire::PathId;
using wire::PeerId;
using wire::PortId;
using wire::WorkerId;

// One path of a peer. Candidates and lost paths are listed too, with send == false, so that what arrives over them is
// attributed to them.
struct PathEntry {
  PathId id = 0;
  PortId port = 0;
  // The path is active and the address of its next hop is known, so that it gets a copy of every payload that fits it
  // and whose mask names its slot.
  bool send = false;
  // No two sending paths of a peer share one, but for kNoPathSlot.
  wire::PathSlot slot = wire::kNoPathSlot;
  wire::Endpoint remote;
  wire::FrameTemplate frame;  // valid where `send` is true
  // The largest datagram that the path is known to carry: bytes inside UDP.
  uint32_t max_datagram = UINT32_MAX;
  std::shared_ptr<PathCounters> counters;
};

struct PeerEntry {
  // Null: nothing can be sent (Drop::kNoSession).
  std::shared_ptr<wire::Session> send_session;
  std::vector<PathEntry> paths;  // sorted by port
};

struct SessionEntry {
  std::shared_ptr<wire::Session> session;  // null: the slot is free
  PeerId peer = kNoPeer;
};

struct PortEntry {
  bool present = false;  // The worker polls the port.
  bool up = false;       // The link is up, so that transmitting is worth while.
  // Only datagrams to these addresses are ours.
  std::vector<wire::IpAddress> addresses;
};

// Tells handshake messages of those who know our public key from others: see dataplane/wire/handshake/handshake_mac.h.
struct HandshakeGuard {
  // Of mac1, derived from our public keys: the newest, and those of before that serve still.
  wire::Mac1Keys mac1_keys;
  // Of the cookies that prove where an initiation comes from. Null: none is recognised.
  std::shared_ptr<const wire::CookieSecrets> cookies = nullptr;
  // Where the indices of handshakes of ours stand. Null: there are none.
  std::shared_ptr<const wire::IndexBoard> indices = nullptr;
};

struct Snapshot {
  std::vector<PortEntry> ports;  // by PortId
  // By PeerId; never null. A peer that did not change keeps its entry from one snapshot to the next.
  std::vector<std::shared_ptr<const PeerEntry>> peers;
  // By (receiver index & (size - 1)), where the size is a power of two. A packet belongs to the entry only if its whole
  // receiver index equals session->local_index().
  std::vector<SessionEntry> sessions;
  HandshakeGuard guard;
  // The UDP port that is ours on every interface.
  uint16_t listen_port = wire::kDefaultPort;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_FACADE_SNAPSHOT_H_
