// Somebody who wants to take a tunnel down: it knows both public keys and sees what it was given to see, but has no
// secret key.
#ifndef WARP_TESTS_CONTROL_PROTOCOL_ATTACKER_H_
#define WARP_TESTS_CONTROL_PROTOCOL_ATTACKER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <vector>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {

// Rekeys every two seconds, so that an attack of ten seconds meets five of them.
Timers ShortLives();

// The same message under another sender-index or receiver-index (bytes 4 to 7), with mac1 made anew for `receiver`.
std::vector<uint8_t> WithIndex(std::vector<uint8_t> message, uint32_t index,
                               const wire::PublicKey& receiver);

// A cookie reply, a retry, and a response to `initiation`, as whoever sees it can make them. None is authentic, but for
// the cookie reply, which anybody can seal.
std::vector<uint8_t> ForgedCookie(wire::Bytes initiation, const wire::PublicKey& responder);
std::vector<uint8_t> ForgedRetry(wire::Bytes initiation, std::mt19937_64& random);
std::vector<uint8_t> ForgedResponse(wire::Bytes initiation, const wire::PublicKey& initiator,
                                    std::mt19937_64& random);
// A sealed message to the initiator, as the responder's confirm would be.
std::vector<uint8_t> ForgedConfirm(wire::Bytes initiation, std::mt19937_64& random);

// Replays a tape of initiations from an address of its own, and gets cookies there.
class Replayer {
 public:
  Replayer(VirtualNet& net, int victim, const wire::Endpoint& at,
           std::vector<std::vector<uint8_t>> tape)
      : net_(net), victim_(victim), at_(at), tape_(std::move(tape)) {}

  // Sends the next one, and takes the cookie if one is the answer. Turns the recording of `net` on and off.
  void Send();
  // Datagrams of a type that the victim sent back.
  uint64_t answers(wire::MessageType type) const { return answers_[static_cast<size_t>(type)]; }

 private:
  VirtualNet& net_;
  const int victim_;
  const wire::Endpoint at_;
  const std::vector<std::vector<uint8_t>> tape_;
  size_t next_ = 0;
  std::optional<wire::Cookie> cookie_;
  uint64_t answers_[6] = {};
};

// Runs the network for `duration` in steps of a millisecond and calls `every_millisecond` before each. Meanwhile `a`
// and `b` each send the other a payload every 10 ms. Gives the number of those that were lost, refused ones included.
size_t LostUnderAttack(VirtualNet& net, int a, int b, Duration duration,
                       const std::function<void()>& every_millisecond);

}  // namespace warp::protocol

#endif  // WARP_TESTS_CONTROL_PROTOCOL_ATTACKER_H_
