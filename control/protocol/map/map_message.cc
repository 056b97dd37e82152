#include "control/protocol/map/map_message.h"

#include <algorithm>

#include "control/protocol/map/map_bytes.h"
#include "control/protocol/map/relay_message.h"
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
  kRelay = 0x49,
  kRelayed = 0x4a,
  kBind = 0x4b,
  kBound = 0x4c,
};

constexpr uint8_t kSendAllowFlag = 1;

// The longest messages, sealed, must fit the promised datagram.
constexpr size_t kSealed = wire::kDataHeaderSize + wire::kTagSize;
constexpr size_t kPart = 3 + kMapAllowPart * sizeof(KeyId);
static_assert(kSealed + 12 + kPart <= kMapMaxDatagram);
static_assert(kSealed + 37 + kMapMaxCandidates * kMapEndpointSize + kPart <= kMapMaxDatagram);
static_assert(kSealed + 43 + kMapMaxEndpoints * kMapEndpointSize <= kMapMaxDatagram);

MapWriter Begin(Type type) { return MapWriter(static_cast<uint8_t>(type)); }

void WritePart(MapWriter& out, uint16_t total, const std::vector<KeyId>& ids) {
  out.U16(total);
  out.U8(static_cast<uint8_t>(ids.size()));
  for (const KeyId& id : ids) out.Array(id.bytes());
}
// The part of a list of *total ids that begins at `first`.
std::vector<KeyId> ReadPart(MapReader& in, uint16_t first, uint16_t* total) {
  *total = in.U16();
  const size_t count = in.U8();
  in.Require(first % kMapAllowPart == 0 && first <= *total);
  in.Require(count == std::min<size_t>(kMapAllowPart, static_cast<size_t>(*total - first)));
  in.Require(in.left() == count * sizeof(KeyId));
  std::vector<KeyId> ids;
  for (size_t i = 0; i < count && in.left() != 0; ++i) {
    ids.push_back(KeyId::FromBytes(in.Array<16>()));
    in.Require(i == 0 || ids[i - 1] < ids[i]);
  }
  return ids;
}

std::vector<uint8_t> Encode(const MapRegister& m) {
  MapWriter out = Begin(Type::kRegister);
  out.U16(m.port);
  Write(out, m.order);
  out.Array(m.echo);
  out.Endpoints(m.candidates);
  out.Array(m.allow);
  WritePart(out, m.allow_total, m.ids);
  return out.Take();
}
MapMessage ReadRegister(MapReader& in) {
  MapRegister m;
  m.port = in.Port();
  m.order = ReadOrder(in);
  m.echo = in.Array<8>();
  m.candidates = in.Endpoints(1, kMapMaxCandidates);
  m.allow = in.Array<8>();
  m.ids = ReadPart(in, 0, &m.allow_total);
  in.Require(m.allow_total == 0 || m.allow != AllowDigest{});
  return m;
}

std::vector<uint8_t> Encode(const MapRegistered& m) {
  MapWriter out = Begin(Type::kRegistered);
  out.U16(m.port);
  out.U8(static_cast<uint8_t>(m.state));
  out.U8(m.send_allow ? kSendAllowFlag : 0);
  out.Array(m.challenge);
  out.U16(m.lifetime_s);
  out.U16(m.refresh_ms);
  out.Endpoint(m.observed);
  out.U64(m.mark);
  return out.Take();
}
MapMessage ReadRegistered(MapReader& in) {
  MapRegistered m;
  m.port = in.Port();
  const uint8_t state = in.U8();
  in.Require(state <= static_cast<uint8_t>(MapState::kStale));
  m.state = static_cast<MapState>(state);
  const uint8_t flags = in.U8();
  in.Require((flags & ~kSendAllowFlag) == 0);
  m.send_allow = flags != 0;
  m.challenge = in.Array<8>();
  m.lifetime_s = in.U16();
  m.refresh_ms = in.U16();
  in.Require(m.lifetime_s != 0 && m.refresh_ms != 0);
  m.observed = in.Endpoint();
  m.mark = in.U64();
  in.Require(m.state != MapState::kStale || m.mark != kMapNoEpoch);
  in.Require(m.state == MapState::kStale || m.state == MapState::kPublished || m.mark == 0);
  return m;
}

std::vector<uint8_t> Encode(const MapAllow& m) {
  MapWriter out = Begin(Type::kAllow);
  out.Array(m.digest);
  out.U16(m.first);
  WritePart(out, m.total, m.ids);
  return out.Take();
}
MapMessage ReadAllow(MapReader& in) {
  MapAllow m;
  m.digest = in.Array<8>();
  m.first = in.U16();
  m.ids = ReadPart(in, m.first, &m.total);
  in.Require(!m.ids.empty());
  return m;
}

std::vector<uint8_t> Encode(const MapAllowed& m) {
  MapWriter out = Begin(Type::kAllowed);
  out.Array(m.digest);
  out.U16(m.first);
  return out.Take();
}
MapMessage ReadAllowed(MapReader& in) {
  MapAllowed m;
  m.digest = in.Array<8>();
  m.first = in.U16();
  in.Require(m.first % kMapAllowPart == 0);
  return m;
}

std::vector<uint8_t> Encode(const MapLookup& m) {
  MapWriter out = Begin(Type::kLookup);
  out.U64(m.request);
  out.U16(m.port);
  out.Array(m.key.bytes());
  return out.Take();
}
MapMessage ReadLookup(MapReader& in) {
  MapLookup m;
  m.request = in.U64();
  m.port = in.Port();
  m.key = in.Key();
  return m;
}

std::vector<uint8_t> Encode(const MapEndpoints& m) {
  MapWriter out = Begin(Type::kEndpoints);
  out.U64(m.request);
  out.Array(m.key.bytes());
  out.Endpoints(m.endpoints);
  return out.Take();
}
MapMessage ReadEndpoints(MapReader& in) {
  MapEndpoints m;
  m.request = in.U64();
  m.key = in.Key();
  m.endpoints = in.Endpoints(0, kMapMaxEndpoints);
  return m;
}

std::vector<uint8_t> Encode(const MapPush& m) {
  MapWriter out = Begin(Type::kPush);
  out.U32(m.id);
  out.Array(m.key.bytes());
  out.Endpoints(m.endpoints);
  return out.Take();
}
MapMessage ReadPush(MapReader& in) {
  MapPush m;
  m.id = in.U32();
  m.key = in.Key();
  m.endpoints = in.Endpoints(1, kMapMaxEndpoints);
  return m;
}

std::vector<uint8_t> Encode(const MapPushAck& m) {
  MapWriter out = Begin(Type::kPushAck);
  out.U32(m.id);
  return out.Take();
}
MapMessage ReadPushAck(MapReader& in) { return MapPushAck{in.U32()}; }

std::vector<uint8_t> Encode(const MapDeregister& m) {
  MapWriter out = Begin(Type::kDeregister);
  out.U16(m.port);
  Write(out, m.order);
  return out.Take();
}
MapMessage ReadDeregister(MapReader& in) {
  MapDeregister m;
  m.port = in.U16();
  m.order = ReadOrder(in);
  return m;
}

using ReadFunction = MapMessage (*)(MapReader&);
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
    case Type::kRelay:
      return [](MapReader& in) { return MapMessage(protocol::ReadRelay(in)); };
    case Type::kRelayed:
      return [](MapReader& in) { return MapMessage(protocol::ReadRelayed(in)); };
    case Type::kBind:
      return [](MapReader& in) { return MapMessage(protocol::ReadBind(in)); };
    case Type::kBound:
      return [](MapReader& in) { return MapMessage(protocol::ReadBound(in)); };
  }
  return nullptr;
}

}  // namespace

std::vector<uint8_t> EncodeMapMessage(const MapMessage& message) {
  return std::visit([](const auto& m) { return Encode(m); }, message);
}

std::variant<MapMessage, wire::Drop> DecodeMapMessage(wire::Bytes plaintext) {
  if (plaintext.size() < 2 || plaintext[0] != static_cast<uint8_t>(wire::Kind::kControl))
    return wire::Drop::kMalformed;
  const ReadFunction read = ReaderOf(plaintext[1]);
  if (read == nullptr) return wire::Drop::kUnknownKind;
  MapReader in(plaintext.subspan(2));
  MapMessage message = read(in);
  if (!in.Done()) return wire::Drop::kMalformed;
  return message;
}

}  // namespace warp::protocol
