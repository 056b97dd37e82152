// Stories of the registry: who is published, who may look up whom, and who is told of changes. Messages go in and come
// out; time is a variable.
#include "map-server/registry/registry.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "map-server/store/memory_store.h"

namespace warp::map {
namespace {

using namespace std::chrono_literals;  // NOLINT: for 10s and 250ms
using protocol::AllowList;
using protocol::DigestOf;
using protocol::MapAllow;
using protocol::MapAllowed;
using protocol::MapDeregister;
using protocol::MapEndpoints;
using protocol::MapLookup;
using protocol::MapPush;
using protocol::MapPushAck;
using protocol::MapRegister;
using protocol::MapRegistered;
using protocol::MapState;
using wire::Drop;
using wire::Endpoint;

Endpoint At(absl::string_view text) { return *Endpoint::Parse(text); }

wire::IpAddress Ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return wire::IpAddress::V4({a, b, c, d});
}

wire::PublicKey Key(uint32_t number) {
  std::array<uint8_t, 32> bytes{};
  bytes[0] = 7;
  for (int i = 0; i < 4; ++i) bytes[8 + i] = static_cast<uint8_t>(number >> (8 * i));
  return wire::PublicKey::FromBytes(bytes);
}

struct Node {
  explicit Node(uint32_t number) : key(Key(number)) {}
  wire::PublicKey key;
  protocol::MapOrder order{1, 0};
  std::vector<wire::PublicKey> peers;
  std::vector<Endpoint> candidates = {At("192.0.2.99:13116")};
};

class RegistryTest : public ::testing::Test {
 protected:
  void Configure(MemoryStore::Limits limits, Registry::Options options = {}) {
    registry_.reset();
    store_ = std::make_unique<MemoryStore>(limits);
    registry_ = std::make_unique<Registry>(options, *store_, drops_);
  }
  void SetUp() override { Configure({}); }

  static Origin OriginOf(const Node& node, const Endpoint& from) {
    return {node.key, KeyId::Of(node.key), from, 5};
  }
  // Returns every message that this one causes, including the pushes that are due.
  std::vector<Outgoing> Say(Node& node, const Endpoint& from, const protocol::MapMessage& message) {
    registry_->Handle(now_, OriginOf(node, from), message);
    return Run();
  }
  std::vector<Outgoing> Run() {
    store_->Complete(now_);
    registry_->HandleTimeout(now_);
    store_->Complete(now_);
    std::vector<Outgoing> all;
    while (auto out = registry_->NextOutgoing()) all.push_back(std::move(*out));
    for (const Outgoing& out : all) {
      if (const auto* push = std::get_if<MapPush>(&out.message))
        pushed_[out.to].push_back({*push, out.at});
    }
    return all;
  }
  std::vector<Outgoing> Pass(Duration time) {
    now_ += time;
    return Run();
  }
  MapRegistered Register(Node& node, uint16_t port, const Endpoint& from,
                         const protocol::MapChallenge& echo) {
    const MapRegister message = RegisterOf(node, port, echo);
    for (const Outgoing& out : Say(node, from, message)) {
      if (const auto* answer = std::get_if<MapRegistered>(&out.message)) {
        EXPECT_EQ(out.to, node.key);
        EXPECT_EQ(out.at, from);
        EXPECT_EQ(out.local_address, 5);
        return *answer;
      }
    }
    ADD_FAILURE() << "no answer to a register";
    return {};
  }
  // With the first part of the allow list where there is an echo, as a node does that cannot know that the map has it.
  static MapRegister RegisterOf(Node& node, uint16_t port, const protocol::MapChallenge& echo) {
    const std::vector<KeyId> list = AllowList(node.peers);
    ++node.order.number;
    MapRegister message{port, node.order, echo, node.candidates, DigestOf(list)};
    if (list.empty() || echo == protocol::MapChallenge{}) return message;
    message.allow_total = static_cast<uint16_t>(list.size());
    message.ids = Part(list, 0).ids;
    return message;
  }
  MapRegistered Last(const std::vector<Outgoing>& sent) {
    EXPECT_FALSE(sent.empty());
    return sent.empty() ? MapRegistered() : std::get<MapRegistered>(sent.back().message);
  }
  // Goes through the whole exchange: challenge, echo and allow list.
  MapRegistered Publish(Node& node, uint16_t port, const Endpoint& from) {
    const MapRegistered challenge = Register(node, port, from, {});
    const MapRegistered published = Register(node, port, from, challenge.challenge);
    if (published.send_allow) SendAllow(node, from);
    return published;
  }
  void SendAllow(Node& node, const Endpoint& from) {
    const std::vector<KeyId> list = AllowList(node.peers);
    for (size_t first = protocol::kMapAllowPart; first < list.size();
         first += protocol::kMapAllowPart)
      Say(node, from, Part(list, first));
  }
  static MapAllow Part(const std::vector<KeyId>& list, size_t first) {
    const size_t count = std::min(protocol::kMapAllowPart, list.size() - first);
    return {DigestOf(list),
            static_cast<uint16_t>(first),
            static_cast<uint16_t>(list.size()),
            {list.begin() + static_cast<ptrdiff_t>(first),
             list.begin() + static_cast<ptrdiff_t>(first + count)}};
  }
  // Returns nullopt if the answer holds no endpoints.
  std::optional<std::vector<Endpoint>> LookUp(Node& node, uint16_t port, const Endpoint& from,
                                              const Node& whom) {
    for (const Outgoing& out : Say(node, from, MapLookup{42, port, whom.key})) {
      const auto* answer = std::get_if<MapEndpoints>(&out.message);
      if (answer == nullptr || out.to != node.key) continue;
      EXPECT_EQ(answer->request, 42u);
      EXPECT_EQ(answer->key, whom.key);
      return answer->endpoints;
    }
    return std::nullopt;
  }
  void Acknowledge(Node& node) {
    for (const auto& [push, at] : pushed_[node.key]) Say(node, at, MapPushAck{push.id});
    pushed_[node.key].clear();
  }

  Instant now_{1000s};
  wire::DropCounters drops_;
  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<Registry> registry_;
  struct Pushed {
    MapPush push;
    Endpoint at;
  };
  std::map<wire::PublicKey, std::vector<Pushed>> pushed_;  // the pushes since the last Acknowledge

  Node alice_{1}, bob_{2}, eve_{3};
  const Endpoint home_ = At("192.0.2.1:13116");
  const Endpoint office_ = At("198.51.100.9:40000");
  const Endpoint cafe_ = At("203.0.113.5:1024");

  void MakeFriends() {
    alice_.peers = {bob_.key};
    bob_.peers = {alice_.key};
  }
};

TEST_F(RegistryTest, PublishesAnAddressOnceItEchoed) {
  MakeFriends();
  const MapRegistered first = Register(alice_, 0, home_, {});
  EXPECT_EQ(first.state, MapState::kEcho);
  EXPECT_EQ(first.observed, home_);
  EXPECT_FALSE(first.send_allow);
  EXPECT_EQ(store_->registrations(), 0u);

  const MapRegistered second = Register(alice_, 0, home_, first.challenge);
  EXPECT_EQ(second.state, MapState::kPublished);
  EXPECT_FALSE(second.send_allow) << "the list came along";
  EXPECT_EQ(second.lifetime_s, 60);
  EXPECT_EQ(store_->registrations(), 1u);

  // A refresh carries the echo of the last challenge.
  const MapRegistered third = Register(alice_, 0, home_, second.challenge);
  EXPECT_EQ(third.state, MapState::kPublished);
  EXPECT_FALSE(third.send_allow);
}

TEST_F(RegistryTest, AChallengeIsGoodForItsKeyPortAndAddressAlone) {
  const MapRegistered first = Register(alice_, 0, home_, {});
  EXPECT_EQ(Register(alice_, 0, office_, first.challenge).state, MapState::kEcho);
  EXPECT_EQ(Register(alice_, 0, At("192.0.2.1:13117"), first.challenge).state, MapState::kEcho);
  EXPECT_EQ(Register(alice_, 1, home_, first.challenge).state, MapState::kEcho);
  EXPECT_EQ(Register(eve_, 0, home_, first.challenge).state, MapState::kEcho);
  EXPECT_EQ(store_->registrations(), 0u);
  EXPECT_EQ(Register(alice_, 0, home_, first.challenge).state, MapState::kPublished);
}

TEST_F(RegistryTest, AChallengeGrowsOld) {
  const MapRegistered first = Register(alice_, 0, home_, {});
  Pass(59s);
  EXPECT_EQ(Register(alice_, 0, home_, first.challenge).state, MapState::kPublished);
  Pass(61s);
  EXPECT_EQ(Register(alice_, 0, home_, first.challenge).state, MapState::kEcho);
}

TEST_F(RegistryTest, EndpointsGoToWhomTheKeyAllows) {
  MakeFriends();
  Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);
  const auto found = LookUp(bob_, 0, office_, alice_);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(*found, (std::vector<Endpoint>{home_, At("192.0.2.99:13116")}));
}

TEST_F(RegistryTest, NobodyElseLearnsWhetherAKeyExists) {
  MakeFriends();
  Publish(alice_, 0, home_);
  Publish(eve_, 0, cafe_);
  Node nobody(99);
  const auto existing = Say(eve_, cafe_, MapLookup{1, 0, alice_.key});
  const auto invented = Say(eve_, cafe_, MapLookup{1, 0, nobody.key});
  ASSERT_EQ(existing.size(), 1u);
  ASSERT_EQ(invented.size(), 1u);
  EXPECT_EQ(EncodeMapMessage(existing[0].message).size(),
            EncodeMapMessage(invented[0].message).size());
  EXPECT_TRUE(std::get<MapEndpoints>(existing[0].message).endpoints.empty());
  EXPECT_TRUE(std::get<MapEndpoints>(invented[0].message).endpoints.empty());
  EXPECT_TRUE(pushed_[alice_.key].empty()) << "a stranger's lookup reached the key";
}

TEST_F(RegistryTest, AllowingSomebodyGivesNoRightToPushToHim) {
  eve_.peers = {alice_.key};  // alice does not list eve
  MakeFriends();
  Publish(alice_, 0, home_);
  Publish(eve_, 0, cafe_);
  LookUp(eve_, 0, cafe_, alice_);
  EXPECT_TRUE(pushed_[alice_.key].empty());
}

TEST_F(RegistryTest, BothSidesLearnOfEachOther) {
  MakeFriends();
  Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);  // with bob's list a change is complete, so alice is told
  ASSERT_EQ(pushed_[alice_.key].size(), 1u);
  EXPECT_EQ(pushed_[alice_.key][0].at, home_);
  EXPECT_EQ(pushed_[alice_.key][0].push.key, bob_.key);
  Acknowledge(alice_);

  // A lookup also tells the looked-up node of its asker.
  LookUp(bob_, 0, office_, alice_);
  ASSERT_EQ(pushed_[alice_.key].size(), 1u);
  EXPECT_EQ(pushed_[alice_.key][0].push.key, bob_.key);
  EXPECT_EQ(pushed_[alice_.key][0].push.endpoints[0], office_);
}

TEST_F(RegistryTest, PushesARebindUntilItIsAcknowledged) {
  MakeFriends();
  Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);
  Acknowledge(alice_);
  Pass(1s);

  Publish(bob_, 0, cafe_);  // bob's NAT has given him another address
  ASSERT_EQ(pushed_[alice_.key].size(), 1u);
  Pass(250ms);
  Pass(500ms);
  ASSERT_EQ(pushed_[alice_.key].size(), 3u) << "lost pushes are repeated";
  for (const auto& [push, at] : pushed_[alice_.key]) {
    EXPECT_EQ(push.endpoints[0], cafe_);
    EXPECT_EQ(push.id, pushed_[alice_.key][0].push.id);
  }
  Acknowledge(alice_);
  EXPECT_EQ(drops_.Get(Drop::kDuplicate), 2u) << "the second and third acknowledgement";
  Pass(30s);
  EXPECT_TRUE(pushed_[alice_.key].empty());
}

TEST_F(RegistryTest, PushesEndByThemselves) {
  MakeFriends();
  Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);
  for (int i = 0; i < 400; ++i) Pass(100ms);
  EXPECT_EQ(pushed_[alice_.key].size(), static_cast<size_t>(kPushAttempts));
  EXPECT_EQ(registry_->pushes_waiting(), 0u);
}

TEST_F(RegistryTest, RepeatedPushesTryTheOtherPorts) {
  MakeFriends();
  Publish(alice_, 0, home_);
  Publish(alice_, 1, cafe_);
  Publish(bob_, 0, office_);
  Pass(250ms);
  const auto& pushes = pushed_[alice_.key];
  ASSERT_EQ(pushes.size(), 2u);
  EXPECT_EQ(pushes[0].at, cafe_);  // the port that was heard from last comes first
  EXPECT_EQ(pushes[1].at, home_);
}

TEST_F(RegistryTest, AnOldPushIsNotAcknowledgedForANewOne) {
  MakeFriends();
  Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);
  const MapPush old = pushed_[alice_.key].at(0).push;
  Publish(bob_, 0, cafe_);
  Pass(kChangeInterval);
  Say(alice_, home_, MapPushAck{old.id});
  pushed_[alice_.key].clear();
  Pass(1s);
  ASSERT_FALSE(pushed_[alice_.key].empty());
  EXPECT_EQ(pushed_[alice_.key].back().push.endpoints[0], cafe_);
}

TEST_F(RegistryTest, OnlyTheReceiverAcknowledges) {
  MakeFriends();
  Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);
  const MapPush push = pushed_[alice_.key].at(0).push;
  Say(eve_, cafe_, MapPushAck{push.id});
  EXPECT_EQ(drops_.Get(Drop::kDuplicate), 1u);
  EXPECT_EQ(registry_->pushes_waiting(), 1u);
}

TEST_F(RegistryTest, OnlyALaterRegistrationApplies) {
  MakeFriends();
  Publish(bob_, 0, office_);
  const MapRegistered there = Register(alice_, 0, cafe_, {});
  Publish(alice_, 0, home_);

  // A register may arrive after one that was made later. It is refused both when its number is lower and when its
  // epoch is lower, and the node is told the epoch that stands.
  MapRegister message = RegisterOf(alice_, 0, there.challenge);
  message.order.number = 0;
  MapRegistered answer = Last(Say(alice_, cafe_, message));
  EXPECT_EQ(answer.state, MapState::kStale);
  EXPECT_EQ(answer.mark, 1u);
  message.order = {0, 1000};
  answer = Last(Say(alice_, cafe_, message));
  EXPECT_EQ(answer.state, MapState::kStale);
  EXPECT_EQ(answer.mark, 1u);
  EXPECT_EQ(drops_.Get(Drop::kTooOld), 2u);
  EXPECT_EQ(LookUp(bob_, 0, office_, alice_)->at(0), home_);

  // The first message of a new epoch counts as later, whatever its number.
  alice_.order = {2, 0};
  EXPECT_EQ(Register(alice_, 0, cafe_, there.challenge).state, MapState::kPublished);
  EXPECT_EQ(LookUp(bob_, 0, office_, alice_)->at(0), cafe_);
}

TEST_F(RegistryTest, RegistrationsEnd) {
  MakeFriends();
  Publish(alice_, 0, home_);
  Pass(30s);
  Publish(alice_, 1, cafe_);
  Publish(bob_, 0, office_);
  EXPECT_EQ(LookUp(bob_, 0, office_, alice_)->size(), 3u);
  EXPECT_EQ(registry_->NextTimeout() > now_, true);
  Pass(30s);
  EXPECT_EQ(*LookUp(bob_, 0, office_, alice_),
            (std::vector<Endpoint>{cafe_, At("192.0.2.99:13116")}));
  Publish(bob_, 0, office_);
  Pass(30s);
  EXPECT_EQ(LookUp(bob_, 0, office_, alice_)->size(), 0u);
  Pass(60s);
  EXPECT_EQ(store_->registrations(), 0u);
  EXPECT_EQ(store_->keys(), 0u);
  EXPECT_EQ(store_->NextTimeout(), wire::kNever);
}

TEST_F(RegistryTest, ARefreshedRegistrationLives) {
  MapRegistered last = Publish(alice_, 0, home_);
  for (int i = 0; i < 30; ++i) {
    Pass(10s);
    last = Register(alice_, 0, home_, last.challenge);
    ASSERT_EQ(last.state, MapState::kPublished) << i;
  }
  EXPECT_EQ(store_->registrations(), 1u);
}

// Two maps over one store: what a node said to one of them orders what it says to the other, and a map that restarts
// over a store that lives is no other case.
TEST_F(RegistryTest, TheOrderHoldsAcrossMapsAndTheirLives) {
  MakeFriends();
  Publish(bob_, 0, office_);
  Publish(alice_, 0, home_);
  MapRegister late = RegisterOf(alice_, 0, {});
  for (const Endpoint& moved : {cafe_, home_}) {
    registry_ = std::make_unique<Registry>(Registry::Options{}, *store_, drops_);
    EXPECT_EQ(Publish(alice_, 0, moved).state, MapState::kPublished);
    EXPECT_EQ(LookUp(bob_, 0, office_, alice_)->at(0), moved);
    // A register and a deregister that were on their way for so long.
    late.echo = Register(alice_, 0, office_, {}).challenge;
    const MapRegistered answer = Last(Say(alice_, office_, late));
    EXPECT_EQ(answer.state, MapState::kStale);
    EXPECT_EQ(answer.mark, alice_.order.epoch);
    Say(alice_, moved, MapDeregister{0, late.order});
    EXPECT_EQ(LookUp(bob_, 0, office_, alice_)->at(0), moved);
  }
  // The node's next life, whose numbers begin anew.
  alice_.order = {alice_.order.epoch + 1, 0};
  EXPECT_EQ(Publish(alice_, 0, cafe_).state, MapState::kPublished);
  EXPECT_EQ(LookUp(bob_, 0, office_, alice_)->at(0), cafe_);
}

TEST_F(RegistryTest, ADeregisteredPortIsGoneAndStaysGone) {
  MakeFriends();
  Publish(bob_, 0, office_);
  Publish(alice_, 0, home_);
  const MapRegistered last = Publish(alice_, 1, cafe_);
  Acknowledge(bob_);
  Pass(1s);
  Acknowledge(bob_);
  ++alice_.order.number;
  Say(alice_, cafe_, MapDeregister{1, alice_.order});
  Pass(kChangeInterval);
  ASSERT_EQ(pushed_[bob_.key].size(), 1u) << "the others hear of it";
  EXPECT_EQ(LookUp(bob_, 0, office_, alice_)->at(0), home_);

  // A register that the deregister overtook must not bring the port back.
  MapRegister late = RegisterOf(alice_, 1, last.challenge);
  late.order.number = 0;
  EXPECT_EQ(Last(Say(alice_, cafe_, late)).state, MapState::kStale);
  EXPECT_EQ(drops_.Get(Drop::kTooOld), 1u);
  EXPECT_EQ(LookUp(bob_, 0, office_, alice_)->at(0), home_);

  ++alice_.order.number;
  Say(alice_, home_, MapDeregister{protocol::kMapAllPorts, alice_.order});
  EXPECT_TRUE(LookUp(bob_, 0, office_, alice_)->empty());

  // A later register does bring it back.
  EXPECT_EQ(Publish(alice_, 1, cafe_).state, MapState::kPublished);
  EXPECT_EQ(LookUp(bob_, 0, office_, alice_)->at(0), cafe_);
}

TEST_F(RegistryTest, LookupsNeedAVerifiedAddress) {
  MakeFriends();
  Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);
  for (const auto& [port, from] :
       {std::pair(uint16_t{0}, cafe_), std::pair(uint16_t{1}, office_)}) {
    const auto answers = Say(bob_, from, MapLookup{1, port, alice_.key});
    ASSERT_EQ(answers.size(), 1u);
    const auto& answer = std::get<MapRegistered>(answers[0].message);
    EXPECT_EQ(answer.state, MapState::kEcho);
    EXPECT_EQ(answer.port, port);
    // The answer contains the challenge with which bob verifies the address.
    EXPECT_EQ(Register(bob_, port, from, answer.challenge).state, MapState::kPublished);
    EXPECT_TRUE(LookUp(bob_, port, from, alice_).has_value());
  }
  EXPECT_EQ(drops_.Get(Drop::kNotAuthorized), 2u);
}

TEST_F(RegistryTest, IPv4AndIPv6OfOnePortStandSideBySide) {
  MakeFriends();
  Publish(bob_, 0, office_);
  Publish(alice_, 0, home_);
  Publish(alice_, 0, At("[2001:db8::1]:13116"));
  const auto found = LookUp(bob_, 0, office_, alice_);
  EXPECT_EQ(*found,
            (std::vector<Endpoint>{home_, At("[2001:db8::1]:13116"), At("192.0.2.99:13116")}));
}

TEST_F(RegistryTest, CandidatesThatNobodyCanReachAreNotHandedOut) {
  MakeFriends();
  alice_.candidates = {
      At("127.0.0.1:13116"), At("[::1]:13116"), At("224.0.0.1:13116"), At("0.0.0.0:13116"), home_,
      At("192.0.2.99:13116")};
  Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);
  EXPECT_EQ(*LookUp(bob_, 0, office_, alice_),
            (std::vector<Endpoint>{home_, At("192.0.2.99:13116")}));
}

TEST_F(RegistryTest, PrivateAddressesAreToldOnlyBehindTheSameNat) {
  const std::vector<Endpoint> inner = {
      At("10.0.0.1:13116"),    At("172.31.0.1:13116"),   At("192.168.0.1:13116"),
      At("100.64.0.1:13116"),  At("169.254.0.1:13116"),  At("[fd00::1]:13116"),
      At("[fe80::1]:13116"),   At("11.0.0.1:13116"),     At("172.32.0.1:13116"),
      At("100.128.0.1:13116"), At("[2001:db9::1]:13116")};
  const std::vector<Endpoint> outer(inner.end() - 4, inner.end());
  MakeFriends();
  alice_.candidates = inner;
  Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);
  std::vector<Endpoint> told = *LookUp(bob_, 0, office_, alice_);
  EXPECT_EQ(told.front(), home_);
  EXPECT_EQ(std::vector(told.begin() + 1, told.end()), outer);

  // Another of bob's ports is behind the NAT that alice is behind.
  const Endpoint neighbour{home_.address, 40001};
  Publish(bob_, 1, neighbour);
  told = *LookUp(bob_, 0, office_, alice_);
  EXPECT_EQ(std::vector(told.begin() + 1, told.end()), inner);
}

TEST_F(RegistryTest, PushesTellPrivateAddressesOnlyBehindTheSameNat) {
  MakeFriends();
  eve_.peers = {alice_.key};
  alice_.peers.push_back(eve_.key);
  Publish(bob_, 0, office_);
  Publish(eve_, 0, {home_.address, 40001});
  alice_.candidates = {At("10.0.0.1:13116")};
  Publish(alice_, 0, home_);
  ASSERT_EQ(pushed_[bob_.key].size(), 1u);
  EXPECT_EQ(pushed_[bob_.key][0].push.endpoints, (std::vector<Endpoint>{home_}));
  ASSERT_EQ(pushed_[eve_.key].size(), 1u);
  EXPECT_EQ(pushed_[eve_.key][0].push.endpoints, (std::vector{home_, At("10.0.0.1:13116")}));
}

TEST_F(RegistryTest, AnIPv6LinkIsASiteAndAnAddressThatTheMapSeesIsNoSecret) {
  MakeFriends();
  const Endpoint seen = At("10.7.0.1:13116");
  alice_.candidates = {At("10.7.0.1:500"), At("10.8.0.1:13116")};
  Publish(alice_, 0, seen);
  Publish(bob_, 0, At("10.7.0.2:13116"));
  EXPECT_EQ(*LookUp(bob_, 0, At("10.7.0.2:13116"), alice_),
            (std::vector<Endpoint>{seen, At("10.7.0.1:500")}));
  alice_.candidates = {At("10.8.0.1:13116")};
  Publish(alice_, 1, At("[2001:db8:0:1::1]:13116"));
  Publish(bob_, 1, At("[2001:db8:0:2::2]:13116"));
  EXPECT_EQ(LookUp(bob_, 0, At("10.7.0.2:13116"), alice_)->back(), At("10.7.0.1:500"));
  Publish(bob_, 1, At("[2001:db8:0:1::2]:13116"));
  EXPECT_EQ(LookUp(bob_, 0, At("10.7.0.2:13116"), alice_)->back(), At("10.8.0.1:13116"));
}

TEST_F(RegistryTest, LongAllowListsTravelInPartsOfAnyOrder) {
  for (uint32_t i = 0; i < 200; ++i) alice_.peers.push_back(Key(1000 + i));
  alice_.peers.push_back(bob_.key);
  bob_.peers = {alice_.key};
  Publish(bob_, 0, office_);
  const MapRegistered challenge = Register(alice_, 0, home_, {});
  ASSERT_TRUE(Register(alice_, 0, home_, challenge.challenge).send_allow);

  const std::vector<KeyId> list = AllowList(alice_.peers);
  for (const size_t first : {size_t{192}, size_t{0}, size_t{192}, size_t{144}, size_t{96}}) {
    const auto answers = Say(alice_, cafe_, Part(list, first));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(std::get<MapAllowed>(answers[0].message),
              (MapAllowed{DigestOf(list), static_cast<uint16_t>(first)}));
    EXPECT_TRUE(LookUp(bob_, 0, office_, alice_)->empty()) << "used before it was whole";
  }
  Say(alice_, cafe_, Part(list, 48));
  EXPECT_FALSE(LookUp(bob_, 0, office_, alice_)->empty());
  EXPECT_FALSE(Register(alice_, 0, home_, challenge.challenge).send_allow);
  // If the acknowledgement was lost, the node sends the part again, which must be acknowledged again.
  EXPECT_EQ(Say(alice_, cafe_, Part(list, 48)).size(), 1u);
}

TEST_F(RegistryTest, AllowListsThatNobodyAskedForOrThatDoNotAddUpChangeNothing) {
  MakeFriends();
  Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);
  // The map has not asked for this list. It may be an old one that the network or an old session repeats.
  alice_.peers = {eve_.key};
  EXPECT_TRUE(Say(alice_, home_, Part(AllowList(alice_.peers), 0)).empty());
  EXPECT_EQ(drops_.Get(Drop::kNotAuthorized), 1u);
  EXPECT_FALSE(LookUp(bob_, 0, office_, alice_)->empty());

  // The list that comes with a register does not fit its digest.
  MapRegister message = RegisterOf(alice_, 0, Register(alice_, 0, home_, {}).challenge);
  message.ids = AllowList(std::vector{Key(77)});
  EXPECT_TRUE(Last(Say(alice_, home_, message)).send_allow);
  EXPECT_EQ(drops_.Get(Drop::kMalformed), 1u);
  EXPECT_FALSE(LookUp(bob_, 0, office_, alice_)->empty());
}

TEST_F(RegistryTest, APeerThatIsNoLongerAllowedLearnsNothingMore) {
  MakeFriends();
  Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);
  EXPECT_FALSE(LookUp(bob_, 0, office_, alice_)->empty());
  Acknowledge(bob_);
  alice_.peers = {};
  Publish(alice_, 0, cafe_);
  EXPECT_TRUE(LookUp(bob_, 0, office_, alice_)->empty());
  Pass(1s);
  EXPECT_TRUE(pushed_[bob_.key].empty());
}

TEST_F(RegistryTest, IsFullByName) {
  MemoryStore::Limits limits;
  limits.registrations = 3;
  limits.ports_per_key = 2;
  Configure(limits);
  EXPECT_EQ(Publish(alice_, 0, home_).state, MapState::kPublished);
  EXPECT_EQ(Publish(alice_, 1, home_).state, MapState::kPublished);
  EXPECT_EQ(Publish(alice_, 2, home_).state, MapState::kTooManyPorts);
  EXPECT_EQ(Publish(bob_, 0, office_).state, MapState::kPublished);
  EXPECT_EQ(Publish(eve_, 0, At("192.0.2.200:9")).state, MapState::kFull)
      << "its network has most already";
  EXPECT_EQ(drops_.Get(Drop::kMapFull), 2u);
  EXPECT_EQ(Publish(alice_, 0, cafe_).state, MapState::kPublished) << "those who are in may move";
  EXPECT_EQ(store_->registrations(), 3u);
  Pass(61s);
  EXPECT_EQ(Publish(eve_, 0, cafe_).state, MapState::kPublished);
}

TEST_F(RegistryTest, AllowListsAreBounded) {
  MemoryStore::Limits limits;
  limits.allow_per_key = 64;
  limits.allow = 100;
  Registry::Options options;
  options.partial_allow = {1, 64};
  Configure(limits, options);
  for (uint32_t i = 0; i < 65; ++i) alice_.peers.push_back(Key(1000 + i));
  Publish(alice_, 0, home_);
  EXPECT_EQ(drops_.Get(Drop::kMapFull), 1u) << "longer than the map takes";
  alice_.peers.resize(64);
  Publish(alice_, 0, home_);
  EXPECT_EQ(drops_.Get(Drop::kMapFull), 1u);
  bob_.peers = alice_.peers;
  Publish(bob_, 0, office_);
  EXPECT_EQ(drops_.Get(Drop::kMapFull), 2u) << "100 ids in all";
}

// After a restart of the map, as many nodes come back as its handshake rate lets in. Each can be found at once.
TEST_F(RegistryTest, TwentyThousandNodesAreFindableAsSoonAsTheyAreRegistered) {
  bob_.peers = {};
  for (uint32_t i = 0; i < 20000; ++i) {
    Node node(1000 + i);
    node.peers = {bob_.key};
    const Endpoint at{
        wire::IpAddress::V4({198, 18, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)}),
        13116};
    ASSERT_FALSE(Publish(node, 0, at).send_allow) << i;
    if (i % 2500 == 0) Publish(bob_, 0, office_);
    if (i % 100 == 0) {
      ASSERT_EQ(LookUp(bob_, 0, office_, node)->at(0), at) << i;
    }
  }
  EXPECT_EQ(drops_.Get(Drop::kMapFull), 0u);
}

TEST_F(RegistryTest, ANetworkWithManyKeysDoesNotKeepOutTheOthers) {
  MemoryStore::Limits limits;
  limits.registrations = 100;
  Configure(limits);
  for (uint32_t i = 0; i < 200; ++i) {
    Node stranger(1000 + i);
    Publish(stranger, 0, {home_.address, static_cast<uint16_t>(1024 + i)});
  }
  EXPECT_EQ(store_->registrations(), 100u);
  for (uint32_t i = 0; i < 40; ++i) {
    Node node(5000 + i);
    const Endpoint at{wire::IpAddress::V4({198, 18, static_cast<uint8_t>(i), 1}), 13116};
    EXPECT_EQ(Publish(node, 0, at).state, MapState::kPublished) << i;
  }
  EXPECT_EQ(store_->registrations(), 100u);
  // The network that has most gets no more, and takes nothing from the others.
  Node stranger(9000);
  EXPECT_EQ(Publish(stranger, 0, home_).state, MapState::kFull);
}

TEST_F(RegistryTest, LongListsOfOneNetworkMakeRoomForShortOnesOfOthers) {
  MemoryStore::Limits limits;
  limits.registrations = 10;
  limits.allow = 80;
  Configure(limits);
  std::vector<wire::PublicKey> many;
  for (uint32_t i = 0; i < 40; ++i) many.push_back(Key(2000 + i));
  Node greedy(100);
  Node other(101);
  greedy.peers = other.peers = many;
  EXPECT_FALSE(Publish(greedy, 0, home_).send_allow);
  EXPECT_FALSE(Publish(other, 0, At("192.0.2.77:1")).send_allow);
  // Eight keys for a registration are always to be had.
  alice_.peers = {many.begin(), many.begin() + 7};
  alice_.peers.push_back(bob_.key);
  EXPECT_FALSE(Publish(alice_, 0, cafe_).send_allow);
  bob_.peers = {alice_.key};
  Publish(bob_, 0, office_);
  EXPECT_FALSE(LookUp(bob_, 0, office_, alice_)->empty());
  // One of the two has lost its list, and gets it back only when there is room.
  EXPECT_TRUE(Publish(greedy, 0, home_).send_allow !=
              Publish(other, 0, At("192.0.2.77:1")).send_allow);
}

TEST_F(RegistryTest, ARecordThatChangesAllTheTimeIsToldNowAndThen) {
  std::vector<Node> readers;
  for (uint32_t i = 0; i < 100; ++i) {
    readers.emplace_back(1000 + i);
    readers.back().peers = {alice_.key};
    alice_.peers.push_back(readers.back().key);
    Publish(readers.back(), 0, office_);
  }
  MapRegistered last = Publish(alice_, 0, home_);
  for (int i = 0; i < 20; ++i) Pass(1ms);
  size_t told = 0;
  for (Node& reader : readers) told += pushed_[reader.key].size();
  EXPECT_EQ(told, 100u) << "the first change at once";
  for (Node& reader : readers) Acknowledge(reader);

  const uint64_t before = registry_->pushes();
  for (int i = 0; i < 1000; ++i) {
    alice_.candidates = {{Ip4(192, 0, 2, 99), static_cast<uint16_t>(1024 + i)}};
    last = Register(alice_, 0, home_, last.challenge);
    Pass(5ms);
    for (Node& reader : readers) Acknowledge(reader);
  }
  EXPECT_LE(registry_->pushes() - before, 6 * 100u) << "five seconds, at growing intervals";
  Pass(kChangeIntervalMax);
  for (int i = 0; i < 20; ++i) Pass(1ms);
  ASSERT_FALSE(pushed_[readers[99].key].empty());
  EXPECT_EQ(pushed_[readers[99].key].back().push.endpoints.at(1).port, 1024 + 999)
      << "the last change is told in the end";
}

TEST_F(RegistryTest, ARecordWithFewReadersDoesNotWaitForOneWithMany) {
  MakeFriends();
  Publish(alice_, 0, home_);
  Node hub(50);
  for (uint32_t i = 0; i < 1000; ++i) hub.peers.push_back(Key(1000 + i));
  Publish(hub, 0, cafe_);
  Publish(bob_, 0, office_);
  EXPECT_EQ(pushed_[alice_.key].size(), 1u);
}

// Throw-away keys at one address that all allow each other: each change of one is told to all others, who acknowledge
// nothing. Meanwhile bob moves three times, and alice has to hear of it.
TEST_F(RegistryTest, ThrowAwayKeysThatChangeAllTheTimeDelayNobodyElse) {
  constexpr uint32_t kKeys = 400;
  std::vector<wire::PublicKey> keys;
  for (uint32_t i = 0; i < kKeys; ++i) keys.push_back(Key(1000 + i));
  std::vector<Node> strangers;
  std::vector<MapRegistered> last;
  const auto place = [&](uint32_t i) {
    return Endpoint{cafe_.address, static_cast<uint16_t>(1024 + i)};
  };
  for (uint32_t i = 0; i < kKeys; ++i) {
    strangers.emplace_back(1000 + i);
    strangers[i].peers = keys;
    last.push_back(Publish(strangers[i], 0, place(i)));
  }
  MakeFriends();
  const MapRegistered first = Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);
  for (int i = 0; i < 100; ++i) Pass(1ms);
  Acknowledge(alice_);

  const uint64_t before = registry_->pushes();
  uint64_t changes = 0;
  Duration slowest{};
  constexpr int kSeconds = 3;
  for (int ms = 0; ms < kSeconds * 1000; ++ms) {
    for (const uint32_t i : {2 * ms % kKeys, (2 * ms + 1) % kKeys}) {
      strangers[i].candidates = {{Ip4(192, 0, 2, 99), static_cast<uint16_t>(ms)}};
      registry_->Handle(now_, OriginOf(strangers[i], place(i)),
                        RegisterOf(strangers[i], 0, last[i].challenge));
      ++changes;
    }
    if (ms % 1000 == 999) {
      const Endpoint moved = {office_.address, static_cast<uint16_t>(2000 + ms)};
      Publish(bob_, 0, moved);
      const Instant then = now_;
      while (now_ < then + 400ms && (pushed_[alice_.key].empty() ||
                                     pushed_[alice_.key].back().push.endpoints.at(0) != moved)) {
        Pass(1ms);
      }
      slowest = std::max(slowest, now_ - then);
      Acknowledge(alice_);
    }
    Pass(1ms);
  }
  EXPECT_LE(slowest, 20ms);
  const double seconds = static_cast<double>((now_ - Instant(1000s)) / 1ms) / 1000;
  EXPECT_LE(static_cast<double>(registry_->pushes() - before), kPushesPerSecond * seconds);
  EXPECT_GT(registry_->pushes() - before, 20 * changes / 10) << "the attack is none";
  EXPECT_LE(registry_->pushes_waiting(), kMaxPushes);
  EXPECT_EQ(Register(alice_, 0, home_, first.challenge).mark, first.mark) << "nothing was missed";
}

// Where the queue is full, the network that has most of it makes room for the others.
TEST_F(RegistryTest, PushesThatNobodyAcknowledgesMakeRoomForThoseOfOthers) {
  Registry::Options options;
  options.pushes.pushes = 100;
  Configure({}, options);
  std::vector<wire::PublicKey> keys;
  for (uint32_t i = 0; i < 30; ++i) keys.push_back(Key(1000 + i));
  for (uint32_t i = 0; i < 30; ++i) {
    Node stranger(1000 + i);
    stranger.peers = keys;
    Publish(stranger, 0, {cafe_.address, static_cast<uint16_t>(1024 + i)});
  }
  EXPECT_EQ(registry_->pushes_waiting(), 100u);
  MakeFriends();
  Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);
  EXPECT_EQ(pushed_[alice_.key].size(), 1u);
  EXPECT_EQ(registry_->pushes_waiting(), 100u);
}

// Nodes that missed something are forgotten one by one, not all at once: that would make everybody ask.
TEST(Versions, ANodeThatIsForgottenSeesAChangeAndNobodyElseDoes) {
  const auto id = [](uint32_t number) { return KeyId::Of(Key(number)); };
  Versions versions(2);
  const uint64_t calm = versions.Of(id(1));
  versions.Miss(id(2));
  versions.Miss(id(3));
  const uint64_t second = versions.Of(id(2));
  const uint64_t third = versions.Of(id(3));
  EXPECT_NE(second, calm);
  versions.Miss(id(4));  // the second is forgotten
  EXPECT_EQ(versions.Of(id(1)), calm);
  EXPECT_NE(versions.Of(id(2)), second);
  EXPECT_EQ(versions.Of(id(3)), third);
  versions.Miss(id(2));
  EXPECT_NE(versions.Of(id(2)), second) << "a version came twice";
}

TEST_F(RegistryTest, ARefreshTellsThatSomethingWasMissed) {
  MakeFriends();
  const MapRegistered before = Publish(alice_, 0, home_);
  Publish(bob_, 0, office_);
  for (int i = 0; i < 100; ++i) Pass(100ms);
  const MapRegistered meanwhile = Register(alice_, 0, home_, before.challenge);
  EXPECT_EQ(meanwhile.mark, before.mark) << "the push is still repeated";
  for (int i = 0; i < 100; ++i) Pass(100ms);
  const MapRegistered after = Register(alice_, 0, home_, before.challenge);
  EXPECT_NE(after.mark, before.mark);
  EXPECT_EQ(Register(alice_, 0, home_, before.challenge).mark, after.mark);
}

TEST_F(RegistryTest, PushesAreBounded) {
  Registry::Options options;
  options.pushes = {3, 2};
  Configure({}, options);
  std::vector<Node> many;
  for (uint32_t i = 0; i < 4; ++i) {
    many.emplace_back(100 + i);
    many.back().peers = {alice_.key};
    alice_.peers.push_back(many.back().key);
  }
  Publish(alice_, 0, home_);
  for (Node& node : many) Publish(node, 0, office_);
  EXPECT_EQ(registry_->pushes_waiting(), 2u);
  EXPECT_EQ(drops_.Get(Drop::kRateLimited), 2u);
}

TEST_F(RegistryTest, AsksForFewerRefreshesTheMoreItHolds) {
  EXPECT_EQ(Publish(alice_, 0, home_).refresh_ms, protocol::kMapRefreshMin / 1ms);
  for (uint32_t i = 0; i < 160000; ++i) {
    Registration registration;
    registration.observed = home_;
    registration.expires = now_ + 60s;
    store_->PutRegistration(Key(10 + i), KeyId::Of(Key(10 + i)), std::move(registration),
                            [](auto, auto, auto*) {});
  }
  EXPECT_EQ(Publish(alice_, 0, home_).refresh_ms, 8000);
  Registry::Options quick;
  quick.lifetime = 3s;
  Configure({}, quick);
  EXPECT_EQ(Publish(alice_, 0, home_).refresh_ms, 500) << "six in a lifetime at least";
}

TEST_F(RegistryTest, MessagesOfTheMapItselfAreMalformedFromANode) {
  EXPECT_TRUE(Say(alice_, home_, MapRegistered{0, MapState::kPublished, false, {}, 60, 1000, home_})
                  .empty());
  EXPECT_TRUE(Say(alice_, home_, MapPush{1, bob_.key, {home_}}).empty());
  EXPECT_TRUE(Say(alice_, home_, MapEndpoints{1, bob_.key, {}}).empty());
  EXPECT_TRUE(Say(alice_, home_, MapAllowed{}).empty());
  EXPECT_EQ(drops_.Get(Drop::kMalformed), 4u);
}

}  // namespace
}  // namespace warp::map
