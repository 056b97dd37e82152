#include "control/protocol/map/map_message.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "dataplane/wire/message.h"

namespace warp::protocol {
namespace {

enum class Type : uint8_t {
  kRegister = 0x40,
  kRegistered = 0x41,
  kAllow = 0x42,
  kAllowed = 0x43,
  kLookup = 0x44,
  kEndpoints = 0x45,
  kPush = 0x46,
  kPushAck = 0x47,
  kDeregister = 0x48,
};

constexpr uint8_t kSendAllowFlag = 1;
constexpr size_t kEndpointSize = 18;

// The longest messages, sealed, must fit the promised datagram.
constexpr size_t kSealed = wire::kDataHeaderSize + wire::kTagSize;
static_assert(kSealed + 15 + kMapAllowPart * sizeof(KeyId) <= kMapMaxDatagram);
static_assert(kSealed + 39 + kMapMaxEndpoints * kEndpointSize <= kMapMaxDatagram);

class Writer {
 public:
  explicit Writer(Type type) {
    U8(static_cast<uint8_t>(wire::Kind::kControl));
    U8(static_cast<uint8_t>(type));
  }
  void U8(uint8_t value) { bytes_.push_back(value); }
  void U16(uint16_t value) { Integer(value, 2); }
  void U32(uint32_t value) { Integer(value, 4); }
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
  void Integer(uint32_t value, int size) {
    for (int i = 0; i < size; ++i) U8(static_cast<uint8_t>(value >> (8 * i)));
  }
  std::vector<uint8_t> bytes_;
};

// Reads past the end and values out of range make it bad for good; the caller asks once, at the
// end.
class Reader {
 public:
  explicit Reader(wire::Bytes bytes) : rest_(bytes) {}

  uint8_t U8() { return static_cast<uint8_t>(Integer(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Integer(2)); }
  uint32_t U32() { return Integer(4); }
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
    Require(count >= least && count <= most && rest_.size() == count * kEndpointSize);
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
  uint32_t Integer(size_t size) {
    uint32_t value = 0;
    size_t shift = 0;
    for (const uint8_t byte : Next(size)) {
      value |= uint32_t{byte} << shift;
      shift += 8;
    }
    return value;
  }

  wire::Bytes rest_;
  bool bad_ = false;
};

std::vector<uint8_t> Encode(const MapRegister& m) {
  Writer out(Type::kRegister);
  out.U16(m.port);
  out.Array(m.echo);
  out.Array(m.allow);
  out.Endpoints(m.candidates);
  return out.Take();
}
MapMessage ReadRegister(Reader& in) {
  MapRegister m;
  m.port = in.Port();
  m.echo = in.Array<8>();
  m.allow = in.Array<8>();
  m.candidates = in.Endpoints(1, kMapMaxCandidates);
  return m;
}

std::vector<uint8_t> Encode(const MapRegistered& m) {
  Writer out(Type::kRegistered);
  out.U16(m.port);
  out.U8(static_cast<uint8_t>(m.state));
  out.U8(m.send_allow ? kSendAllowFlag : 0);
  out.Array(m.challenge);
  out.U16(m.lifetime_s);
  out.U16(m.refresh_ms);
  out.Endpoint(m.observed);
  return out.Take();
}
MapMessage ReadRegistered(Reader& in) {
  MapRegistered m;
  m.port = in.Port();
  const uint8_t state = in.U8();
  in.Require(state <= static_cast<uint8_t>(MapState::kTooManyPorts));
  m.state = static_cast<MapState>(state);
  const uint8_t flags = in.U8();
  in.Require((flags & ~kSendAllowFlag) == 0);
  m.send_allow = flags != 0;
  m.challenge = in.Array<8>();
  m.lifetime_s = in.U16();
  m.refresh_ms = in.U16();
  in.Require(m.lifetime_s != 0 && m.refresh_ms != 0);
  m.observed = in.Endpoint();
  return m;
}

std::vector<uint8_t> Encode(const MapAllow& m) {
  Writer out(Type::kAllow);
  out.Array(m.digest);
  out.U16(m.total);
  out.U16(m.first);
  out.U8(static_cast<uint8_t>(m.ids.size()));
  for (const KeyId& id : m.ids) out.Array(id.bytes());
  return out.Take();
}
MapMessage ReadAllow(Reader& in) {
  MapAllow m;
  m.digest = in.Array<8>();
  m.total = in.U16();
  m.first = in.U16();
  const size_t count = in.U8();
  in.Require(m.first % kMapAllowPart == 0 && m.first < m.total);
  in.Require(count == std::min<size_t>(kMapAllowPart, static_cast<size_t>(m.total - m.first)));
  in.Require(in.left() == count * sizeof(KeyId));
  for (size_t i = 0; i < count && in.left() != 0; ++i) {
    m.ids.push_back(KeyId::FromBytes(in.Array<16>()));
    in.Require(i == 0 || m.ids[i - 1] < m.ids[i]);
  }
  return m;
}

std::vector<uint8_t> Encode(const MapAllowed& m) {
  Writer out(Type::kAllowed);
  out.Array(m.digest);
  out.U16(m.first);
  return out.Take();
}
MapMessage ReadAllowed(Reader& in) {
  MapAllowed m;
  m.digest = in.Array<8>();
  m.first = in.U16();
  in.Require(m.first % kMapAllowPart == 0);
  return m;
}

std::vector<uint8_t> Encode(const MapLookup& m) {
  Writer out(Type::kLookup);
  out.U32(m.request);
  out.U16(m.port);
  out.Array(m.key.bytes());
  return out.Take();
}
MapMessage ReadLookup(Reader& in) {
  MapLookup m;
  m.request = in.U32();
  m.port = in.Port();
  m.key = in.Key();
  return m;
}

std::vector<uint8_t> Encode(const MapEndpoints& m) {
  Writer out(Type::kEndpoints);
  out.U32(m.request);
  out.Array(m.key.bytes());
  out.Endpoints(m.endpoints);
  return out.Take();
}
MapMessage ReadEndpoints(Reader& in) {
  MapEndpoints m;
  m.request = in.U32();
  m.key = in.Key();
  m.endpoints = in.Endpoints(0, kMapMaxEndpoints);
  return m;
}

std::vector<uint8_t> Encode(const MapPush& m) {
  Writer out(Type::kPush);
  out.U32(m.id);
  out.Array(m.key.bytes());
  out.Endpoints(m.endpoints);
  return out.Take();
}
MapMessage ReadPush(Reader& in) {
  MapPush m;
  m.id = in.U32();
  m.key = in.Key();
  m.endpoints = in.Endpoints(1, kMapMaxEndpoints);
  return m;
}

std::vector<uint8_t> Encode(const MapPushAck& m) {
  Writer out(Type::kPushAck);
  out.U32(m.id);
  return out.Take();
}
MapMessage ReadPushAck(Reader& in) { return MapPushAck{in.U32()}; }

std::vector<uint8_t> Encode(const MapDeregister& m) {
  Writer out(Type::kDeregister);
  out.U16(m.port);
  return out.Take();
}
MapMessage ReadDeregister(Reader& in) { return MapDeregister{in.U16()}; }

using ReadFunction = MapMessage (*)(Reader&);
ReadFunction ReaderOf(uint8_t type) {
  switch (static_cast<Type>(type)) {
    case Type::kRegister:
      return ReadRegister;
    case Type::kRegistered:
      return ReadRegistered;
    case Type::kAllow:
      return ReadAllow;
    case Type::kAllowed:
      return ReadAllowed;
    case Type::kLookup:
      return ReadLookup;
    case Type::kEndpoints:
      return ReadEndpoints;
    case Type::kPush:
      return ReadPush;
    case Type::kPushAck:
      return ReadPushAck;
    case Type::kDeregister:
      return ReadDeregister;
  }
  return nullptr;
}

}  // namespace

KeyId KeyId::Of(const wire::PublicKey& key) {
  KeyId id;
  crypto_generichash(id.bytes_.data(), id.bytes_.size(), key.bytes().data(), key.bytes().size(),
                     nullptr, 0);
  return id;
}

AllowDigest DigestOf(std::span<const KeyId> sorted) {
  AllowDigest digest{};
  if (sorted.empty()) return digest;
  std::array<uint8_t, 32> hash;
  // A span of KeyId is its bytes in a row: KeyId holds nothing but its 16 bytes.
  static_assert(sizeof(KeyId) == 16);
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const uint8_t*>(sorted.data()),
                     sorted.size_bytes(), nullptr, 0);
  std::copy_n(hash.begin(), digest.size(), digest.begin());
  return digest;
}

std::vector<KeyId> AllowList(std::span<const wire::PublicKey> keys) {
  std::vector<KeyId> ids;
  ids.reserve(keys.size());
  for (const wire::PublicKey& key : keys) ids.push_back(KeyId::Of(key));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::vector<uint8_t> EncodeMapMessage(const MapMessage& message) {
  return std::visit([](const auto& m) { return Encode(m); }, message);
}

std::variant<MapMessage, wire::Drop> DecodeMapMessage(wire::Bytes plaintext) {
  if (plaintext.size() < 2 || plaintext[0] != static_cast<uint8_t>(wire::Kind::kControl))
    return wire::Drop::kMalformed;
  const ReadFunction read = ReaderOf(plaintext[1]);
  if (read == nullptr) return wire::Drop::kUnknownKind;
  Reader in(plaintext.subspan(2));
  MapMessage message = read(in);
  if (!in.Done()) return wire::Drop::kMalformed;
  return message;
}

}  // namespace warp::protocol
