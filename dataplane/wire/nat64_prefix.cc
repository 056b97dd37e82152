#include "dataplane/wire/nat64_prefix.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace warp::wire {
namespace {

using Bytes16 = std::array<uint8_t, 16>;

constexpr size_t kZeroByte = 8;  // bits 64 to 71

// Where byte `i` of the IPv4 address stands.
size_t PlaceOf(uint8_t length, size_t i) {
  const size_t place = length / size_t{8} + i;
  return length < 96 && place >= kZeroByte ? place + 1 : place;
}

// RFC 1918, RFC 6598 and RFC 2544: the well-known prefix leads to none of them.
bool IsPrivate(const std::array<uint8_t, 4>& v4) {
  return v4[0] == 10 || (v4[0] == 172 && (v4[1] & 0xf0) == 16) || (v4[0] == 192 && v4[1] == 168) ||
         (v4[0] == 100 && (v4[1] & 0xc0) == 64) || (v4[0] == 198 && (v4[1] & 0xfe) == 18);
}

}  // namespace

std::optional<Nat64Prefix> Nat64Prefix::Make(const IpAddress& address, uint8_t length) {
  constexpr std::array<uint8_t, 6> kLengths = {32, 40, 48, 56, 64, 96};
  if (std::find(kLengths.begin(), kLengths.end(), length) == kLengths.end()) return std::nullopt;
  const Bytes16& bytes = address.bytes();
  const bool clean =
      std::all_of(bytes.begin() + length / 8, bytes.end(), [](uint8_t byte) { return byte == 0; });
  if (address.is_v4() || address.is_unspecified() || address.is_multicast() ||
      address.is_link_local() || !clean || bytes[kZeroByte] != 0)
    return std::nullopt;
  return Nat64Prefix(address, length);
}

Nat64Prefix Nat64Prefix::WellKnown() { return {IpAddress::V6({0, 0x64, 0xff, 0x9b}), 96}; }

std::string Nat64Prefix::ToString() const {
  return address_.ToString() + "/" + std::to_string(length_);
}

bool Nat64Prefix::Reaches(const IpAddress& v4) const {
  if (!v4.is_v4() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()) return false;
  // "This network" (RFC 1122) and the reserved class E.
  if (v4.v4_bytes()[0] == 0 || v4.v4_bytes()[0] >= 240) return false;
  return *this != WellKnown() || !IsPrivate(v4.v4_bytes());
}

IpAddress Nat64Prefix::Embed(const IpAddress& address) const {
  if (!address.is_v4()) return address;
  Bytes16 bytes = address_.bytes();
  const std::array<uint8_t, 4> v4 = address.v4_bytes();
  for (size_t i = 0; i < v4.size(); ++i) bytes[PlaceOf(length_, i)] = v4[i];
  return IpAddress::V6(bytes);
}

IpAddress Nat64Prefix::Extract(const IpAddress& address) const {
  const Bytes16& bytes = address.bytes();
  if (address.is_v4() || std::memcmp(bytes.data(), address_.bytes().data(), length_ / 8u) != 0)
    return address;
  std::array<uint8_t, 4> v4{};
  for (size_t i = 0; i < v4.size(); ++i) v4[i] = bytes[PlaceOf(length_, i)];
  const IpAddress extracted = IpAddress::V4(v4);
  // Whatever else stands there makes it another address.
  return Embed(extracted) == address && Reaches(extracted) ? extracted : address;
}

}  // namespace warp::wire
