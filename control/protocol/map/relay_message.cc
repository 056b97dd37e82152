#include "control/protocol/map/relay_message.h"

#include "dataplane/wire/message.h"

namespace warp::protocol {
namespace {

constexpr uint8_t kRelay = 0x49;
constexpr uint8_t kRelayed = 0x4a;
constexpr uint8_t kBind = 0x4b;
constexpr uint8_t kBound = 0x4c;

constexpr uint8_t kNeededFlag = 1;

}  // namespace

void Write(MapWriter& out, const MapOrder& order) {
  out.U64(order.epoch);
  out.U64(order.number);
}
MapOrder ReadOrder(MapReader& in) {
  MapOrder order;
  order.epoch = in.U64();
  order.number = in.U64();
  in.Require(order.epoch != kMapNoEpoch);
  return order;
}

std::vector<uint8_t> Encode(const MapRelay& m) {
  MapWriter out(kRelay);
  out.U64(m.request);
  out.U16(m.port);
  out.Array(m.key.bytes());
  return out.Take();
}
MapRelay ReadRelay(MapReader& in) {
  MapRelay m;
  m.request = in.U64();
  m.port = in.Port();
  m.key = in.Key();
  in.Require(m.request != 0);
  return m;
}

std::vector<uint8_t> Encode(const MapRelayed& m) {
  MapWriter out(kRelayed);
  out.U64(m.request);
  out.Array(m.key.bytes());
  out.U8(static_cast<uint8_t>(m.state));
  out.U16(m.lifetime_s);
  out.U8(static_cast<uint8_t>(m.channels.size()));
  for (const MapChannel& channel : m.channels) {
    out.U32(channel.id);
    out.U16(channel.port);
    out.U16(channel.udp_port);
  }
  return out.Take();
}
MapRelayed ReadRelayed(MapReader& in) {
  MapRelayed m;
  m.request = in.U64();
  m.key = in.Key();
  const uint8_t state = in.U8();
  in.Require(state <= static_cast<uint8_t>(RelayState::kOff));
  m.state = static_cast<RelayState>(state);
  m.lifetime_s = in.U16();
  in.Require(m.lifetime_s != 0);
  const size_t count = in.U8();
  in.Require(count <= kMapMaxChannels && in.left() == count * 8);
  in.Require(count == 0 || m.state == RelayState::kGiven);
  for (size_t i = 0; i < count && in.left() != 0; ++i) {
    MapChannel& channel = m.channels.emplace_back();
    channel.id = in.U32();
    channel.port = in.Port();
    channel.udp_port = in.U16();
    in.Require(channel.udp_port != 0);
  }
  return m;
}

std::vector<uint8_t> Encode(const MapBind& m) {
  MapWriter out(kBind);
  out.U32(m.channel);
  out.U16(m.port);
  out.U8(m.needed ? kNeededFlag : 0);
  Write(out, m.order);
  out.Array(m.echo);
  return out.Take();
}
MapBind ReadBind(MapReader& in) {
  MapBind m;
  m.channel = in.U32();
  m.port = in.Port();
  const uint8_t flags = in.U8();
  in.Require((flags & ~kNeededFlag) == 0);
  m.needed = flags != 0;
  m.order = ReadOrder(in);
  m.echo = in.Array<8>();
  return m;
}

std::vector<uint8_t> Encode(const MapBound& m) {
  MapWriter out(kBound);
  out.U32(m.channel);
  out.U16(m.port);
  out.U8(static_cast<uint8_t>(m.state));
  out.Array(m.challenge);
  out.U16(m.lifetime_s);
  out.U16(m.refresh_ms);
  return out.Take();
}
MapBound ReadBound(MapReader& in) {
  MapBound m;
  m.channel = in.U32();
  m.port = in.Port();
  const uint8_t state = in.U8();
  in.Require(state <= static_cast<uint8_t>(BindState::kEnded));
  m.state = static_cast<BindState>(state);
  m.challenge = in.Array<8>();
  m.lifetime_s = in.U16();
  m.refresh_ms = in.U16();
  in.Require(m.lifetime_s != 0 && m.refresh_ms != 0);
  return m;
}

}  // namespace warp::protocol
