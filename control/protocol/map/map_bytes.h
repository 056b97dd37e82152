// The fields that map messages are made of, written and read one after the other. All integers are little endian.
#ifndef WARP_CONTROL_PROTOCOL_MAP_MAP_BYTES_H_
#define WARP_CONTROL_PROTOCOL_MAP_MAP_BYTES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "control/protocol/map/map_constants.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/message.h"

namespace warp::protocol {

inline constexpr size_t kMapEndpointSize = 18;

class MapWriter {
 public:
  explicit MapWriter(uint8_t type) {
    U8(static_cast<uint8_t>(wire::Kind::kControl));
    U8(type);
  }
  void U8(uint8_t value) { bytes_.push_back(value); }
  void U16(uint16_t value) { Integer(value, 2); }
  void U32(uint32_t value) { Integer(value, 4); }
  void U64(uint64_t value) { Integer(value, 8); }
  template <size_t N>
  void Array(const std::array<uint8_t, N>& value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }
  void Endpoint(const wire::Endpoint& endpoint) {
    Array(endpoint.address.bytes());
    U16(endpoint.port);
  }
  void Endpoints(const std::vector<wire::Endpoint>& endpoints) {
    U8(static_cast<uint8_t>(endpoints.size()));
    for (const wire::Endpoint& endpoint : endpoints) Endpoint(endpoint);
  }
  std::vector<uint8_t> Take() { return std::move(bytes_); }

 private:
  void Integer(uint64_t value, int size) {
    for (int i = 0; i < size; ++i) U8(static_cast<uint8_t>(value >> (8 * i)));
  }
  std::vector<uint8_t> bytes_;
};

// Reads a map message behind its type. A read past the end, or a value out of range, makes the whole message bad for
// good, so that the caller asks only once, at the end (Done).
class MapReader {
 public:
  explicit MapReader(wire::Bytes bytes) : rest_(bytes) {}

  uint8_t U8() { return static_cast<uint8_t>(Integer(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Integer(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Integer(4)); }
  uint64_t U64() { return Integer(8); }
  template <size_t N>
  std::array<uint8_t, N> Array() {
    std::array<uint8_t, N> value{};
    if (const wire::Bytes bytes = Next(N); !bytes.empty())
      std::memcpy(value.data(), bytes.data(), N);
    return value;
  }
  uint16_t Port() {
    const uint16_t port = U16();
    Require(port != kMapAllPorts);
    return port;
  }
  wire::PublicKey Key() { return wire::PublicKey::FromBytes(Array<wire::kKeySize>()); }
  wire::Endpoint Endpoint() {
    wire::Endpoint endpoint;
    endpoint.address = wire::IpAddress::V6(Array<16>());
    endpoint.port = U16();
    Require(endpoint.port != 0);
    return endpoint;
  }
  std::vector<wire::Endpoint> Endpoints(size_t least, size_t most) {
    const size_t count = U8();
    Require(count >= least && count <= most && rest_.size() >= count * kMapEndpointSize);
    std::vector<wire::Endpoint> endpoints(bad_ ? 0 : count);
    for (wire::Endpoint& endpoint : endpoints) endpoint = Endpoint();
    return endpoints;
  }
  size_t left() const { return rest_.size(); }
  void Require(bool condition) { bad_ = bad_ || !condition; }
  bool Done() const { return !bad_ && rest_.empty(); }

 private:
  wire::Bytes Next(size_t size) {
    Require(rest_.size() >= size);
    if (bad_) return {};
    const wire::Bytes bytes = rest_.first(size);
    rest_ = rest_.subspan(size);
    return bytes;
  }
  uint64_t Integer(size_t size) {
    uint64_t value = 0;
    size_t shift = 0;
    for (const uint8_t byte : Next(size)) {
      value |= uint64_t{byte} << shift;
      shift += 8;
    }
    return value;
  }

  wire::Bytes rest_;
  bool bad_ = false;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_MAP_BYTES_H_
