#include "map-server/stored.h"

#include <sodium.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace warp::map {
namespace {

using SipKey = std::array<uint8_t, crypto_shorthash_KEYBYTES>;

SipKey DrawKey() {
  SipKey key;
  crypto_shorthash_keygen(key.data());
  return key;
}

constexpr size_t kMostPacked = protocol::kMapMaxCandidates * (1 + sizeof(wire::Endpoint));

// Each endpoint: the size of its address, the address, the port.
size_t Pack(std::span<const wire::Endpoint> endpoints, std::array<uint8_t, kMostPacked>* out) {
  auto next = out->begin();
  for (const wire::Endpoint& endpoint : endpoints) {
    const auto& bytes = endpoint.address.bytes();
    const auto first = bytes.begin() + (endpoint.address.is_v4() ? 12 : 0);
    *next++ = static_cast<uint8_t>(bytes.end() - first);
    next = std::copy(first, bytes.end(), next);
    *next++ = static_cast<uint8_t>(endpoint.port);
    *next++ = static_cast<uint8_t>(endpoint.port >> 8);
  }
  return static_cast<size_t>(next - out->begin());
}

}  // namespace

KeyTag TagOf(const KeyId& id) {
  static const SipKey key = DrawKey();
  std::array<uint8_t, crypto_shorthash_BYTES> hash;
  crypto_shorthash(hash.data(), id.bytes().data(), id.bytes().size(), key.data());
  return std::bit_cast<KeyTag>(hash);
}

void AllowTags::Set(std::span<const KeyTag> sorted) {
  assert(std::is_sorted(sorted.begin(), sorted.end()));
  if (is_long()) delete[] outside_;
  size_ = static_cast<uint32_t>(sorted.size());
  if (is_long()) outside_ = new KeyTag[size_];
  std::copy(sorted.begin(), sorted.end(), is_long() ? outside_ : inside_);
}

bool PackedEndpoints::Set(std::span<const wire::Endpoint> endpoints) {
  std::array<uint8_t, kMostPacked> packed;
  assert(endpoints.size() <= protocol::kMapMaxCandidates);
  const size_t size = Pack(endpoints, &packed);
  const std::span<const uint8_t> standing = bytes();
  if (std::equal(standing.begin(), standing.end(), packed.begin(), packed.begin() + size))
    return false;
  if (size_ > kInside) delete[] standing.data();
  size_ = static_cast<uint16_t>(size);
  if (size <= kInside) {
    std::copy_n(packed.begin(), size, inside_.begin());
  } else {
    uint8_t* const block = new uint8_t[size];
    std::copy_n(packed.begin(), size, block);
    std::memcpy(inside_.data(), &block, sizeof(block));
  }
  return true;
}

std::span<const uint8_t> PackedEndpoints::bytes() const {
  if (size_ <= kInside) return {inside_.data(), size_};
  const uint8_t* block;
  std::memcpy(&block, inside_.data(), sizeof(block));
  return {block, size_};
}

std::vector<wire::Endpoint> PackedEndpoints::Unpack() const {
  std::vector<wire::Endpoint> endpoints;
  for (std::span<const uint8_t> rest = bytes(); !rest.empty();) {
    const size_t size = rest[0];
    std::array<uint8_t, 16> address{};
    std::copy_n(rest.begin() + 1, size, address.begin());
    endpoints.push_back({size == 4
                             ? wire::IpAddress::V4({address[0], address[1], address[2], address[3]})
                             : wire::IpAddress::V6(address),
                         static_cast<uint16_t>(rest[1 + size] | rest[2 + size] << 8)});
    rest = rest.subspan(size + 3);
  }
  return endpoints;
}

}  // namespace warp::map
