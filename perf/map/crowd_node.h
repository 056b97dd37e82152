// One node of a NodeCrowd.
#ifndef WARP_PERF_MAP_CROWD_NODE_H_
#define WARP_PERF_MAP_CROWD_NODE_H_

#include <memory>
#include <vector>

#include "dataplane/wire/handshake/handshake_mac.h"
#include "dataplane/wire/handshake/handshake_message.h"
#include "dataplane/wire/handshake/noise.h"
#include "perf/map/node_crowd.h"

namespace warp::perf {

struct NodeCrowd::Handshake {
  Handshake(const wire::KeyPair& own, const wire::PublicKey& map, uint32_t index)
      : noise(own, map, wire::HandshakePrologue(wire::Role::kMap, index)) {
    const auto initiation = noise.WriteInitiation(
        wire::EncodeInitiationPayload({.ciphers = {wire::Cipher::kChaCha20Poly1305}}));
    datagram = wire::EncodeInitiation({.sender_index = index, .noise = *initiation});
    wire::WriteMacs(wire::Mac1Key(map), nullptr, datagram);
  }
  wire::NoiseInitiator noise;
  std::vector<uint8_t> datagram;  // the initiation
};

struct NodeCrowd::Node {
  wire::CompactSession session;
  wire::PublicKey key;
  protocol::MapChallenge challenge{};
  uint64_t number = 0;
  std::unique_ptr<Handshake> handshake;
  State state = State::kNew;
  bool waiting = false;  // for the answer to a register
};

}  // namespace warp::perf

#endif  // WARP_PERF_MAP_CROWD_NODE_H_
