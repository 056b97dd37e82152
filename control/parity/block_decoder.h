// Restores the payloads of a block that are missing, from those that came and its parities. Pure.
#ifndef WARP_CONTROL_PARITY_BLOCK_DECODER_H_
#define WARP_CONTROL_PARITY_BLOCK_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/wire/bytes.h"

namespace warp::parity {

// A payload that came.
struct Known {
  size_t place = 0;  // in the block
  wire::Bytes bytes;
};
struct Parity {
  uint8_t index = 0;
  uint16_t length = 0;
  std::vector<uint8_t> symbol;
};
struct Restored {
  size_t place = 0;
  std::vector<uint8_t> bytes;
};

// The payloads of the places `missing`, of which there are as many as `parities`, whose indices differ. nullopt: they
// contradict each other, because the symbols are of different sizes, a payload is longer than the symbol, or what is
// restored has bytes behind its end.
std::optional<std::vector<Restored>> Restore(std::span<const Known> known,
                                             std::span<const size_t> missing,
                                             std::span<const Parity* const> parities);

}  // namespace warp::parity

#endif  // WARP_CONTROL_PARITY_BLOCK_DECODER_H_
