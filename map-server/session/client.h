// A node that has, or is about to have, sessions with this map, and these sessions. A million of each must fit one
// small machine: a test holds their sizes.
#ifndef WARP_MAP_SERVER_SESSION_CLIENT_H_
#define WARP_MAP_SERVER_SESSION_CLIENT_H_

#include <cstdint>
#include <vector>

#include "control/protocol/small_bucket.h"
#include "dataplane/wire/arrival.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/session/compact_session.h"
#include "dataplane/wire/time.h"
#include "map-server/flat/id_list.h"

namespace warp::map {

// Other than an Association it never begins a handshake, and it keeps no session for long that a newer one follows.
struct Client {
  wire::PublicKey key;
  // Its token (session/association.h) is a keyed hash of this number and the key. No two tokens of a map have the same.
  uint64_t token_number = 0;
  Id newest = kNoId;   // of its sessions
  Id network = kNoId;  // the ClientGroup's
  Links all;           // likewise
  Links in_network;    // likewise
  protocol::SmallBucket messages;
  protocol::SmallBucket initiations;  // that echoed the token
  wire::Route route;                  // where it was heard from last
  bool proven = false;                // something authentic came from it, so it received a response
};

struct MapSession {
  //     initiation answered ──► unconfirmed ── a packet of it was opened ──► current ── a newer one is ──► retired
  //                                  └── time, too many ──► gone ◄── time, close ──┴────────────────────────┘
  enum class State : uint8_t { kUnconfirmed, kCurrent, kRetired };

  wire::CompactSession keys;
  // Microseconds of BootClock: when it was made; of a retired one, when it was retired.
  uint64_t since_us : 56 = 0;
  uint64_t state_number : 8 = 0;
  Id client = kNoId;
  Id older = kNoId;  // the client's session that was made before it
  Links queue;       // among those of the same state

  State state() const { return static_cast<State>(state_number); }
};

// What an operator sees of a client (roll.h).
struct ClientView {
  struct Session {
    MapSession::State state = MapSession::State::kUnconfirmed;
    wire::Instant since;    // as MapSession has it
    wire::Instant expires;  // the last moment of its keys
  };
  wire::Route route;              // where it was heard from last
  bool proven = false;            // otherwise it was never heard from
  std::vector<Session> sessions;  // the newest first
};

static_assert(sizeof(Client) == 96);
static_assert(sizeof(MapSession) == 128);

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_CLIENT_H_
