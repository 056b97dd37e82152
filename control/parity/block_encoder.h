// Adds up the payloads of a block into its parities, as they come. Pure.
#ifndef WARP_CONTROL_PARITY_BLOCK_ENCODER_H_
#define WARP_CONTROL_PARITY_BLOCK_ENCODER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/message.h"

namespace warp::parity {

class BlockEncoder {
 public:
  // Begins a block of which `parities` may be asked for, up to wire::kMostParitiesOfBlock. `first` is the sequence of
  // its first payload.
  void Begin(uint32_t first, size_t parities);

  // The next payload, and how it is to be delivered (wire::HoldByteOf): as the newest one says, the parities tell to
  // deliver all that they restore. Fewer than wire::kMostPayloadsOfBlock are there.
  void Add(uint8_t hold, wire::Bytes payload);

  uint32_t first() const { return first_; }
  size_t count() const { return count_; }
  size_t parities() const { return parities_; }
  // Bytes of the longest payload, and so of each symbol.
  size_t size() const { return size_; }

  // The plaintext of parity `index`, below the number that was asked for: header and symbol. `flows`: the payloads were
  // added with their flows in front of them.
  std::vector<uint8_t> Plaintext(uint16_t tunnel_id, size_t index, bool flows = false) const;

 private:
  struct Sum {
    std::vector<uint8_t> symbol;  // as long as the longest that there ever was
    uint16_t length = 0;
  };

  void Grow(size_t size);

  std::array<Sum, wire::kMostParitiesOfBlock> sums_;
  uint32_t first_ = 0;
  size_t count_ = 0;
  size_t parities_ = 0;
  size_t size_ = 0;
  uint8_t hold_ = 0;
};

}  // namespace warp::parity

#endif  // WARP_CONTROL_PARITY_BLOCK_ENCODER_H_
