#include "control/parity/block_encoder.h"

#include <algorithm>
#include <cassert>
#include <span>

#include "control/parity/generator.h"

namespace warp::parity {
namespace {

uint16_t MultiplyBytes(uint8_t coefficient, uint16_t value) {
  return static_cast<uint16_t>(Multiply(coefficient, static_cast<uint8_t>(value)) |
                               Multiply(coefficient, static_cast<uint8_t>(value >> 8)) << 8);
}

}  // namespace

void BlockEncoder::Begin(uint32_t first, size_t parities) {
  assert(parities <= sums_.size());
  first_ = first;
  count_ = 0;
  parities_ = parities;
  size_ = 0;
  for (Sum& sum : sums_) sum.length = 0;
}

// What is beyond the longest payload so far is a sum of zeros.
void BlockEncoder::Grow(size_t size) {
  for (size_t i = 0; i < parities_; ++i) {
    std::vector<uint8_t>& symbol = sums_[i].symbol;
    if (symbol.size() < size) symbol.resize(size);
    std::fill(symbol.begin() + static_cast<ptrdiff_t>(size_),
              symbol.begin() + static_cast<ptrdiff_t>(size), 0);
  }
  size_ = size;
}

void BlockEncoder::Add(uint8_t hold, wire::Bytes payload) {
  assert(count_ < wire::kMostPayloadsOfBlock);
  hold_ = hold;
  if (payload.size() > size_) Grow(payload.size());
  std::array<uint8_t*, wire::kMostParitiesOfBlock> symbols{};
  const auto length = static_cast<uint16_t>(payload.size());
  for (size_t i = 0; i < parities_; ++i) {
    const uint8_t coefficient = Coefficient(i, count_);
    sums_[i].length ^= MultiplyBytes(coefficient, length);
    symbols[i] = sums_[i].symbol.data();
  }
  AddPayload(count_, payload, std::span(symbols).first(parities_));
  ++count_;
}

std::vector<uint8_t> BlockEncoder::Plaintext(uint16_t tunnel_id, size_t index, bool flows) const {
  const Sum& sum = sums_[index];
  std::vector<uint8_t> plaintext(wire::kParityHeaderSize + size_);
  wire::WriteParityHeader({.tunnel_id = tunnel_id,
                           .first = first_,
                           .count = static_cast<uint8_t>(count_),
                           .index = static_cast<uint8_t>(index),
                           .hold = hold_,
                           .length = sum.length,
                           .flows = flows},
                          plaintext.data());
  std::copy_n(sum.symbol.begin(), size_, plaintext.begin() + wire::kParityHeaderSize);
  return plaintext;
}

}  // namespace warp::parity
