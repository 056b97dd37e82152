// Whatever comes to a map's relay: requests, binds and datagrams of hostile nodes and of strangers, in any order, while
// permissions, time and the relay's own terms change. Each input is a list of steps (`Step`), of eight bytes each.
//
// Nothing is ever sent on but from one node to another that allow each other, to where that one has echoed a challenge,
// and one datagram for one; and a stranger is told nothing.
#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "control/protocol/map/map_message.h"
#include "map-server/session/handler.h"
#include "map-server/store/memory_store.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp;
using namespace warp::map;
using namespace std::chrono_literals;  // NOLINT: for 1s

namespace {

constexpr size_t kNodes = 4;
constexpr uint16_t kFirst = 20000;
constexpr uint16_t kUdpPorts = 3;

// The addresses that there are: a few hosts, by UDP and in TLS connections, of both families.
struct Place {
  wire::Endpoint at;
  LocalAddressId local = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};
Place PlaceOf(uint8_t number) {
  const auto port = static_cast<uint16_t>(5000 + (number & 3));
  wire::IpAddress address = wire::IpAddress::V4({192, 0, 2, static_cast<uint8_t>(number >> 2 & 3)});
  if (number & 0x10) {
    std::array<uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
    bytes[15] = address.bytes()[15];
    address = wire::IpAddress::V6(bytes);
  }
  return {{address, port}, number & 0x20 ? kFirstStreamId : LocalAddressId{1}};
}

class Field {
 public:
  Field() : relay_(60s, store_, drops_), handler_(Options(), bare_) {
    for (size_t n = 0; n < kNodes; ++n) {
      keys_[n] = Key(n);
      ids_[n] = KeyId::Of(keys_[n]);
      for (uint16_t port = 0; port < 2; ++port) Register(n, port);
    }
    for (size_t n = 0; n < kNodes; ++n) SetAllowed(n, 0xff);
    relay_.SetTerms(terms_, kFirst, kUdpPorts);
    handler_.SetRelay(terms_, kFirst, kUdpPorts);
  }

  void Step(const uint8_t* step, const uint8_t* rest, size_t left) {
    const size_t n = step[1] % kNodes;
    const Place place = PlaceOf(step[2]);
    auto udp_port = static_cast<uint16_t>(kFirst + step[3] % (kUdpPorts + 1));
    switch (step[0] % 8) {
      case 0:
        relay_.Handle(now_, OriginOf(n, HomeOf(n, step[3] & 1)),
                      protocol::MapRelay{.request = 1,
                                         .port = static_cast<uint16_t>(step[3] & 1),
                                         .key = keys_[step[4] % kNodes]});
        break;
      case 1: {
        protocol::MapBind bind{.channel = step[4], .port = static_cast<uint16_t>(step[5] & 1)};
        if (!told_.empty()) {
          const Told& told = told_[step[4] % told_.size()];
          bind.channel = told.id;
          if (!(step[5] & 0x10)) bind.port = told.port;
          if (!(step[5] & 0x20)) udp_port = told.udp_port;
        }
        bind.needed = (step[5] & 2) == 0;
        bind.order = {1, (step[5] & 4) != 0 ? 1 : ++order_};
        const auto known = challenges_.find({n, bind.port, place});
        const bool echoes = known != challenges_.end() && !(step[5] & 8);
        if (echoes) bind.echo = known->second;
        relay_.Handle(now_, OriginOf(n, place), udp_port, bind);
        break;
      }
      case 2: {
        const size_t size = step[4] | step[5] << 8;
        if (!told_.empty() && !(step[6] & 1)) udp_port = told_[step[7] % told_.size()].udp_port;
        const uint64_t before = relay_.counts().bytes;
        const auto target = relay_.Forward(now_, udp_port, {place.local, place.at, {}}, size);
        if (target.has_value()) Judge(udp_port, place, {target->to, target->local_address});
        WARP_FUZZ_CHECK(relay_.counts().bytes == before + (target.has_value() ? size : 0));
        break;
      }
      case 3:
        now_ += std::chrono::milliseconds((step[4] | step[5] << 8) << (step[3] & 7));
        if (relay_.NextTimeout() <= now_) relay_.HandleTimeout(now_);
        store_.Expire(now_);
        break;
      case 4:
        SetAllowed(n, step[4]);
        break;
      case 5:
        if (step[3] & 1) {
          store_.Withdraw(now_, ids_[n], static_cast<uint16_t>(step[3] >> 1 & 1), {1, ++order_});
        } else {
          Register(n, static_cast<uint16_t>(step[3] >> 1 & 1));
        }
        relay_.Recheck(ids_[n]);
        break;
      case 6:
        if (step[4] & 1) {
          relay_.SetTerms(terms_, kFirst, step[4] & 2 ? kUdpPorts : uint16_t{0});
        } else {
          relay_.Forget(ids_[n]);
        }
        break;
      case 7: {
        // Of a stranger, as it came. The map says nothing.
        std::vector<uint8_t> bytes(rest, rest + std::min<size_t>(left, step[4]));
        const std::vector<uint8_t> before = bytes;
        const auto target =
            handler_.HandleRelayed(now_, udp_port, {place.local, place.at, {}}, bytes);
        WARP_FUZZ_CHECK(!target.has_value());
        WARP_FUZZ_CHECK(bytes == before);
        WARP_FUZZ_CHECK(!handler_.NextTransmit().has_value());
        break;
      }
    }
    store_.Complete(now_);
    Hear(step[0] % 8, udp_port);
  }

 private:
  struct Told {
    uint32_t id;
    uint16_t port;
    uint16_t udp_port;
  };
  static Handler::Options Options() {
    Handler::Options options;
    options.secret_key = wire::SecretKey::Generate();
    options.max_clients = 8;
    return options;
  }
  static wire::PublicKey Key(size_t n) {
    std::array<uint8_t, 32> bytes{};
    bytes[0] = static_cast<uint8_t>(n + 1);
    return wire::PublicKey::FromBytes(bytes);
  }
  // Where the map sees the node's port.
  static Place HomeOf(size_t n, uint16_t port) {
    return {{wire::IpAddress::V4({198, 51, 100, static_cast<uint8_t>(n)}),
             static_cast<uint16_t>(13000 + port)},
            1};
  }
  Origin OriginOf(size_t n, const Place& place) const {
    return {keys_[n], ids_[n], place.at, place.local};
  }
  void Register(size_t n, uint16_t port) {
    Registration registration;
    registration.port = port;
    registration.local_address = 1;
    registration.observed = HomeOf(n, port).at;
    registration.order = {1, ++order_};
    registration.expires = now_ + 1000h;
    store_.PutRegistration(keys_[n], ids_[n], std::move(registration),
                           [](Instant, Store::Put, const Record*) {});
    store_.Complete(now_);
  }
  void SetAllowed(size_t n, uint8_t whom) {
    std::vector<KeyId> ids;
    for (size_t other = 0; other < kNodes; ++other) {
      allows_[n][other] = (whom >> other & 1) != 0;
      if (allows_[n][other]) ids.push_back(ids_[other]);
    }
    protocol::AllowDigest digest{};
    digest[0] = 1;
    digest[1] = whom;
    bool done = false;
    store_.PutAllow(ids_[n], digest, ids, [&](Instant, bool put) { done = put; });
    store_.Complete(now_);
    if (!done) allows_[n] = {};
    relay_.Recheck(ids_[n]);
    store_.Complete(now_);
  }

  void Judge(uint16_t udp_port, const Place& from, const Place& to) {
    const auto sender = bound_.find({udp_port, from.at, IsStream(from.local)});
    const auto reader = bound_.find({udp_port, to.at, IsStream(to.local)});
    WARP_FUZZ_CHECK(sender != bound_.end() && reader != bound_.end());
    const size_t a = sender->second;
    const size_t b = reader->second;
    WARP_FUZZ_CHECK(a != b);
    WARP_FUZZ_CHECK(allows_[a][b] && allows_[b][a]);
    WARP_FUZZ_CHECK(relay_.on());
  }

  // What the relay says. A challenge is known to who is where it went.
  void Hear(int kind, uint16_t udp_port) {
    size_t answers = 0;
    while (const auto out = relay_.NextOutgoing()) {
      const auto n =
          static_cast<size_t>(std::find(keys_.begin(), keys_.end(), out->to) - keys_.begin());
      WARP_FUZZ_CHECK(n < kNodes);
      const Place place{out->at, out->local_address};
      if (const auto* bound = std::get_if<protocol::MapBound>(&out->message)) {
        WARP_FUZZ_CHECK(kind == 1 && ++answers <= 2);
        challenges_[{n, bound->port, place}] = bound->challenge;
        const bool there = bound->state == protocol::BindState::kHalf ||
                           bound->state == protocol::BindState::kOpen;
        if (there) bound_[{udp_port, place.at, IsStream(place.local)}] = n;
      } else {
        const auto& relayed = std::get<protocol::MapRelayed>(out->message);
        WARP_FUZZ_CHECK(place == HomeOf(n, 0) || place == HomeOf(n, 1));
        WARP_FUZZ_CHECK(relayed.channels.size() <= kRelayChannelsOfPair);
        for (const protocol::MapChannel& channel : relayed.channels) {
          if (told_.size() == 64) told_.pop_front();
          told_.push_back({channel.id, channel.port, channel.udp_port});
        }
      }
    }
  }

  MemoryStore::Limits limits_{.registrations = 64, .allow = 64};
  MemoryStore store_{limits_};
  MemoryStore bare_{limits_};
  wire::DropCounters drops_;
  RelayTerms terms_{.rate = 100'000'000, .bytes = 10'000'000, .pairs = 3};
  Relay relay_;
  Handler handler_;
  Instant now_{1000s};
  std::array<wire::PublicKey, kNodes> keys_;
  std::array<KeyId, kNodes> ids_;
  std::array<std::array<bool, kNodes>, kNodes> allows_{};
  uint64_t order_ = 1;
  std::deque<Told> told_;
  std::map<std::tuple<size_t, uint16_t, Place>, protocol::MapChallenge> challenges_;
  std::map<std::tuple<uint16_t, wire::Endpoint, bool>, size_t> bound_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kStep = 8;
  if (size > 4096) return 0;
  Field field;
  for (; size >= kStep; data += kStep, size -= kStep) field.Step(data, data + kStep, size - kStep);
  return 0;
}
