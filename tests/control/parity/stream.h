// A tunnel's payloads as their sender has them, and parity of any block of them.
#ifndef WARP_TESTS_CONTROL_PARITY_STREAM_H_
#define WARP_TESTS_CONTROL_PARITY_STREAM_H_

#include <cstdint>
#include <random>
#include <vector>

#include "control/parity/block_encoder.h"
#include "dataplane/wire/message.h"

namespace warp::parity {

class Stream {
 public:
  explicit Stream(uint32_t seed = 1) : seed_(seed) {}

  std::vector<uint8_t> PayloadOf(uint32_t sequence) const {
    std::minstd_rand random(seed_ + sequence * 2654435761u);
    std::vector<uint8_t> payload(20 + random() % 100);
    for (uint8_t& byte : payload) byte = static_cast<uint8_t>(random());
    return payload;
  }
  wire::SequencedHeader HeaderOf(uint32_t sequence) const {
    return {.tunnel_id = 3, .hold = 5 * wire::kHoldUnit, .resend = true, .sequence = sequence};
  }
  std::vector<uint8_t> ParityOf(uint32_t first, size_t count, size_t index) const {
    BlockEncoder encoder;
    encoder.Begin(first, index + 1);
    for (uint32_t i = 0; i < count; ++i) {
      encoder.Add(wire::HoldByteOf(HeaderOf(first + i)), PayloadOf(first + i));
    }
    return encoder.Plaintext(3, index);
  }

 private:
  const uint32_t seed_;
};

}  // namespace warp::parity

#endif  // WARP_TESTS_CONTROL_PARITY_STREAM_H_
