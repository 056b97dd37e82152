// A node's end of a map's relay, where the map is not what it should be: off, silent, or a liar.
#include "control/protocol/map/relays.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "dataplane/wire/crypto/keys.h"

namespace warp::protocol {
namespace {

using namespace std::chrono_literals;  // NOLINT: for 250ms

class MapRelaysTest : public ::testing::Test {
 protected:
  explicit MapRelaysTest(size_t peers = 1) {
    for (size_t i = 0; i < peers; ++i) peers_.push_back(wire::SecretKey::Generate().Public());
    relays.SetPeers(now, peers_);
    for (const wire::PublicKey& peer : peers_) relays.SetWanted(now, peer, true);
  }

  std::vector<MapRelays::Ask> Asks() {
    return relays.TakeAsks(now, 250ms, [this](const wire::PublicKey&) {
      return std::optional<Instant>(begin_ - 10s);
    });
  }
  std::vector<MapRelays::Bind> Binds() {
    return relays.TakeBinds(now, 250ms, [](PortId port) {
      return std::vector<Route>{{port, map_}};
    });
  }
  wire::Drop Hear(const MapRelayed& said) { return relays.HandleRelayed(now, {1, ++heard_}, said); }
  MapRelayed Off(const MapRelays::Ask& ask) const {
    return {.request = ask.request, .key = ask.key, .state = RelayState::kOff, .lifetime_s = 60};
  }
  MapRelayed Given(uint32_t first_id, size_t channels) const {
    MapRelayed given{.key = peers_.front(), .lifetime_s = 60};
    for (size_t i = 0; i < channels; ++i) {
      given.channels.push_back({.id = first_id + static_cast<uint32_t>(i),
                                .port = 0,
                                .udp_port = static_cast<uint16_t>(20000 + i)});
    }
    return given;
  }

  Identity identity{{.secret_key = wire::SecretKey::Generate()}};
  MapRelays relays{identity};
  Instant now{1000s};

 private:
  static inline const wire::Endpoint map_ = *wire::Endpoint::Parse("198.51.100.1:13116");
  const Instant begin_ = now;
  std::vector<wire::PublicKey> peers_;
  uint64_t heard_ = 0;
};

// It may be behind a NAT with others, or have been made to say so by its operator: each channel has the node send to a
// UDP port of the map's choice.
TEST_F(MapRelaysTest, AMapThatNamesOtherChannelsAllTheTimeIsNotFollowed) {
  size_t binds = 0;
  uint64_t refused = 0;
  for (uint32_t i = 0; i < 1000; ++i, now += 10ms) {
    refused += Hear(Given(1 + 100 * i, kMapMaxChannels)) == wire::Drop::kRateLimited ? 1 : 0;
    binds += Binds().size();
  }
  EXPECT_LE(binds, 11 * 4 * kMapMaxChannels) << "a few repetitions of those of each second";
  EXPECT_GE(refused, 980u);
  // What it says of those that are known counts.
  const size_t before = refused;
  Hear(Given(7, 1));
  now += 1s;
  EXPECT_EQ(Hear(Given(7, 1)), wire::Drop::kNone);
  EXPECT_EQ(Hear(Given(7, 1)), wire::Drop::kNone);
  EXPECT_EQ(before, refused);
}

class ManyPeers : public MapRelaysTest {
 protected:
  ManyPeers() : MapRelaysTest(100) {}
};

TEST_F(ManyPeers, AMapThatIsOffIsAskedForOneOfThem) {
  std::vector<MapRelays::Ask> asks = Asks();
  EXPECT_EQ(asks.size(), kMapRequestsPerTurn);
  for (const MapRelays::Ask& ask : asks) EXPECT_EQ(Hear(Off(ask)), wire::Drop::kNone);
  size_t asked = 0;
  for (int i = 0; i < 6000; ++i, now += 10ms) {
    asks = Asks();
    asked += asks.size();
    for (const MapRelays::Ask& ask : asks) Hear(Off(ask));
  }
  EXPECT_GE(asked, 4u);
  EXPECT_LE(asked, 8u);
  // Nobody answers: it is no more then.
  asked = 0;
  for (int i = 0; i < 6000; ++i, now += 10ms) asked += Asks().size();
  EXPECT_GE(asked, 4u);
  EXPECT_LE(asked, 8u);
  // One is answered: then all are asked for.
  while (asks = Asks(), asks.empty()) now += 10ms;
  ASSERT_EQ(asks.size(), 1u);
  Hear({.request = asks.front().request, .key = asks.front().key, .lifetime_s = 60});
  asked = 0;
  for (int i = 0; i < 300; ++i, now += 10ms) {
    for (const MapRelays::Ask& ask : Asks()) {
      ++asked;
      Hear({.request = ask.request, .key = ask.key, .lifetime_s = 60});
    }
  }
  EXPECT_GE(asked, 99u);
}

// The map is silent at the relay's ports, perhaps because it relays no more: it is asked at its own.
TEST_F(MapRelaysTest, AnEndThatIsNotAnsweredIsAskedFor) {
  Asks();
  Hear(Given(1, 1));
  EXPECT_EQ(Binds().size(), 1u);
  EXPECT_TRUE(Asks().empty());
  size_t asked = 0;
  for (int i = 0; i < 500; ++i, now += 10ms) {
    Binds();
    asked += Asks().size();
  }
  EXPECT_GE(asked, 1u);
}

}  // namespace
}  // namespace warp::protocol
