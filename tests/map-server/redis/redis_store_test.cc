// Maps that share a redis, in virtual time: what they answer while it is there, away, or hostile.
#include "map-server/redis/redis_store.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>

#include "tests/map-server/redis/fake_redis.h"

namespace warp::map {
namespace {

struct Node {
  wire::PublicKey key = wire::SecretKey::Generate().Public();
  KeyId id = KeyId::Of(key);
};

class RedisStoreTest : public testing::Test {
 protected:
  RedisStoreTest() {
    EXPECT_TRUE(wire::InitCrypto().ok());
    for (int i = 0; i < 2; ++i) AddMap(map_key_);
    Run(100ms);
  }

  RedisStore& AddMap(const wire::SecretKey& key) {
    RedisStore::Options options;
    options.link.servers = {"192.0.2.1:6379"};
    options.link.timeout = timeout_;
    options.prefix = "warp";
    options.limits.registrations = 1000;
    maps_.push_back(std::make_unique<RedisStore>(options, key, redis_.Make()));
    changed_.emplace_back();
    missed_.push_back(0);
    const size_t map = maps_.size() - 1;
    maps_.back()->SetChanged(
        [this, map](Instant, const KeyId& id, const Record&) { changed_[map].push_back(id); });
    maps_.back()->SetMissed([this, map] { ++missed_[map]; });
    return *maps_.back();
  }
  RedisStore& map(size_t i) { return *maps_[i]; }

  void Run(wire::Duration time) {
    for (const Instant end = now_ + time; now_ < end; now_ += 10ms) {
      for (auto& map : maps_) {
        map->Complete(now_);
        if (map->NextTimeout() <= now_) map->Expire(now_);
        map->Complete(now_);
      }
      redis_.Run(now_);
      for (auto& map : maps_) map->Complete(now_);
    }
  }

  // What a map answers to a register; nullopt: nothing yet.
  std::optional<Store::Put> Register(size_t map, const Node& node, Order order,
                                     const std::string& at, wire::Duration wait = 50ms) {
    Registration registration;
    registration.port = 1;
    registration.observed = *wire::Endpoint::Parse(at);
    registration.order = order;
    registration.expires = now_ + 60s;
    put_.reset();
    maps_[map]->PutRegistration(node.key, node.id, std::move(registration),
                                [this](Instant, Store::Put put, const Record* record) {
                                  put_ = put;
                                  stands_ = record == nullptr ? Order{} : record->first().order;
                                });
    Run(wait);
    return put_;
  }
  bool Allow(size_t map, const Node& node, const std::vector<KeyId>& ids) {
    bool done = false;
    maps_[map]->PutAllow(node.id, protocol::DigestOf(ids), ids,
                         [&](Instant, bool applied) { done = applied; });
    Run(50ms);
    return done;
  }
  // "none", the observed address of the first registration, or "no answer".
  std::string Find(size_t map, const KeyId& id, wire::Duration wait = 50ms) {
    // It may be answered after this has returned.
    const auto found = std::make_shared<std::string>("no answer");
    maps_[map]->Get(id, [found](Instant, const Record* record) {
      *found = record == nullptr ? "none"
               : record->live()  ? record->first().observed.ToString()
                                 : "withdrawn";
    });
    Run(wait);
    return *found;
  }

  const wire::SecretKey map_key_ = wire::SecretKey::Generate();
  FakeRedis redis_;
  wire::Duration timeout_ = 500ms;
  std::vector<std::unique_ptr<RedisStore>> maps_;
  std::vector<std::vector<KeyId>> changed_;
  std::vector<int> missed_;
  Instant now_{1000s};
  std::optional<Store::Put> put_;
  Order stands_;
  const Node alice_, bob_;
};

TEST_F(RedisStoreTest, WhatRegistersAtOneIsFoundAtTheOtherAndTold) {
  EXPECT_EQ(Find(1, alice_.id), "none");
  EXPECT_EQ(map(1).counts().values_foreign, 0u) << "what is read instead is whole";
  EXPECT_EQ(Register(0, alice_, {1, 1}, "192.0.2.1:5"), Store::Put::kApplied);
  EXPECT_EQ(Find(1, alice_.id), "192.0.2.1:5");
  EXPECT_EQ(changed_[1], std::vector<KeyId>{alice_.id});
  EXPECT_EQ(changed_[0], std::vector<KeyId>{alice_.id});
  // A refresh is no change.
  EXPECT_EQ(Register(0, alice_, {1, 2}, "192.0.2.1:5"), Store::Put::kApplied);
  EXPECT_EQ(changed_[1].size(), 1u);

  EXPECT_TRUE(Allow(0, alice_, {bob_.id}));
  EXPECT_EQ(changed_[1].size(), 2u);
  bool allows = false;
  map(1).Get(alice_.id, [&](Instant, const Record* record) { allows = record->Allows(bob_.id); });
  Run(50ms);
  EXPECT_TRUE(allows);

  map(0).Withdraw(now_, alice_.id, protocol::kMapAllPorts, {1, 3});
  Run(50ms);
  EXPECT_EQ(Find(1, alice_.id), "withdrawn");
  EXPECT_EQ(changed_[1].size(), 3u);
}

TEST_F(RedisStoreTest, TheHighestOrderWinsAmongMaps) {
  EXPECT_EQ(Register(0, alice_, {5, 9}, "192.0.2.1:5"), Store::Put::kApplied);
  EXPECT_EQ(Register(1, alice_, {5, 8}, "192.0.2.1:6"), Store::Put::kStale);
  EXPECT_EQ(stands_, (Order{5, 9})) << "the node has to be told which one stands";
  EXPECT_EQ(Find(0, alice_.id), "192.0.2.1:5");
  EXPECT_EQ(Register(1, alice_, {6, 0}, "192.0.2.1:7"), Store::Put::kApplied);
  EXPECT_EQ(Find(0, alice_.id), "192.0.2.1:7");
  // A withdrawal that a later register has overtaken.
  map(0).Withdraw(now_, alice_.id, 1, {5, 10});
  Run(50ms);
  EXPECT_EQ(Find(0, alice_.id), "192.0.2.1:7");
}

TEST_F(RedisStoreTest, AMapServesItsNodesWhileRedisIsStopped) {
  EXPECT_EQ(Register(0, alice_, {1, 1}, "192.0.2.1:5"), Store::Put::kApplied);
  EXPECT_EQ(Register(1, bob_, {1, 1}, "192.0.2.2:5"), Store::Put::kApplied);
  redis_.answers = false;
  // It does not know yet that redis is gone: the answer comes when it is given up.
  EXPECT_EQ(Register(0, alice_, {1, 2}, "192.0.2.1:6"), std::nullopt);
  Run(550ms);
  EXPECT_EQ(put_, Store::Put::kApplied);
  EXPECT_EQ(Register(0, alice_, {1, 3}, "192.0.2.1:7"), Store::Put::kApplied);
  EXPECT_EQ(Find(0, alice_.id), "192.0.2.1:7");
  EXPECT_EQ(map(0).counts().unsaved, 1u);
  // Who registered elsewhere may be there or not: no answer takes nothing back.
  EXPECT_EQ(Find(0, bob_.id, 1s), "no answer");
  EXPECT_GE(map(0).counts().questions_lost, 1u);

  Run(5s);
  redis_.answers = true;
  Run(1200ms);
  EXPECT_EQ(map(0).counts().unsaved, 0u);
  EXPECT_EQ(Find(1, alice_.id), "192.0.2.1:7");
  EXPECT_EQ(Find(0, bob_.id), "192.0.2.2:5");
  EXPECT_EQ(missed_[0] + missed_[1], 0) << "redis has lost nothing";
}

TEST_F(RedisStoreTest, AllIsPutAgainWhereRedisHasForgotten) {
  std::vector<Node> nodes(300);
  for (size_t i = 0; i < nodes.size(); ++i)
    Register(i % 2, nodes[i], {1, 1}, "192.0.2.1:" + std::to_string(i + 1), 10ms);
  Allow(0, nodes[0], {bob_.id});
  redis_.Kill();
  Run(1s);
  redis_.StartEmpty("second");
  Run(1s);
  EXPECT_EQ(map(0).counts().unsaved + map(1).counts().unsaved, 0u);
  EXPECT_EQ(Find(1, nodes[298].id), "192.0.2.1:299");
  EXPECT_EQ(Find(0, nodes[299].id), "192.0.2.1:300");
  bool allows = false;
  map(1).Get(nodes[0].id, [&](Instant, const Record* record) { allows = record->Allows(bob_.id); });
  Run(50ms);
  EXPECT_TRUE(allows) << "lists, too";
  EXPECT_GE(missed_[0], 1);
}

TEST_F(RedisStoreTest, AWithdrawalMadeWhileRedisIsAwayIsNotForgotten) {
  Register(0, alice_, {1, 1}, "192.0.2.1:5");
  redis_.answers = false;
  Run(1s);
  map(0).Withdraw(now_, alice_.id, protocol::kMapAllPorts, {1, 2});
  Run(1s);
  redis_.answers = true;
  Run(1200ms);
  EXPECT_EQ(Find(1, alice_.id), "withdrawn");
}

// Whoever writes into the redis without the map's key.
TEST_F(RedisStoreTest, ForeignValuesAreCountedAndNotBelieved) {
  Register(0, alice_, {1, 1}, "192.0.2.1:5");
  ASSERT_EQ(redis_.records.size(), 1u);
  auto& record = redis_.records.begin()->second;
  const std::string value = record.begin()->second;
  record["nonsense"] = "x";
  record["a"] = std::string(1000, 'y');
  EXPECT_EQ(Find(1, alice_.id), "192.0.2.1:5") << "the rest counts";
  EXPECT_EQ(map(1).counts().values_foreign, 2u);
  record.begin()->second[40] ^= 1;
  record["r"] = value;
  for (auto& [field, bytes] : record) bytes[20 % bytes.size()] ^= 1, bytes.back() ^= 1;
  EXPECT_EQ(Find(1, alice_.id), "none");

  // A map of another key sees nothing, and is seen by nobody.
  AddMap(wire::SecretKey::Generate());
  Run(100ms);
  Register(2, alice_, {9, 9}, "203.0.113.1:1");
  EXPECT_EQ(redis_.records.size(), 2u);
  EXPECT_EQ(Find(2, bob_.id), "none");
}

TEST_F(RedisStoreTest, NonsenseInAnswersChangesNothing) {
  for (const char* answer :
       {"$-1\r\n", ":7\r\n", "*0\r\n", "*1\r\n:1\r\n", "*2\r\n$1\r\na\r\n:1\r\n",
        "*2\r\n:1\r\n$3\r\nxyz\r\n", "*3\r\n+a\r\n+b\r\n+c\r\n", "-OOM no\r\n",
        "*1\r\n*1\r\n*1\r\n$1\r\nx\r\n", "-WRONGTYPE\r\n"}) {
    redis_.instead = [&](const FakeRedis::Command& command) {
      return command[0] == "EVALSHA" || command[0] == "XREAD" ? std::string(answer) : "";
    };
    const Node node;
    EXPECT_NE(Register(0, node, {1, 1}, "192.0.2.1:5", 700ms), std::nullopt) << answer;
    Allow(0, node, {bob_.id});
    map(0).Withdraw(now_, node.id, 9, {1, 1});
    Find(1, node.id, 700ms);
    redis_.instead = nullptr;
    Run(3s);
    EXPECT_EQ(Find(1, node.id), "192.0.2.1:5") << answer;
  }
}

TEST_F(RedisStoreTest, ATrimmedStreamIsNoticed) {
  Register(0, alice_, {1, 1}, "192.0.2.1:5");
  redis_.Kill();
  Run(300ms);
  redis_.accepts = true;
  // As many changes as redis keeps, and more, while nobody read: none of those seen are there.
  redis_.instead = [](const FakeRedis::Command& command) {
    const std::string entry = Array({Bulk("7-0"), "*0\r\n"});
    return command[0] == "XRANGE" || command[0] == "XREVRANGE" ? Array({entry}) : std::string();
  };
  Run(700ms);
  EXPECT_GE(missed_[0], 1);
  EXPECT_GE(missed_[1], 1);
}

TEST_F(RedisStoreTest, ARecordThatSomebodyRemovedIsWholeAtTheNextRefresh) {
  Register(0, alice_, {1, 1}, "192.0.2.1:5");
  Allow(0, alice_, {bob_.id});
  redis_.records.clear();
  Register(0, alice_, {1, 2}, "192.0.2.1:5");
  bool allows = false;
  map(1).Get(alice_.id, [&](Instant, const Record* record) {
    allows = record != nullptr && record->Allows(bob_.id);
  });
  Run(50ms);
  EXPECT_TRUE(allows);
}

// Errors while changes are read: of a master that is one no more, of a server that has lost the scripts, or is busy.
TEST_F(RedisStoreTest, AChangeThatCouldNotBeReadIsToldAllTheSame) {
  for (const char* error : {"-NOSCRIPT No matching script.\r\n", "-READONLY no\r\n",
                            "-BUSY Redis is busy running a script.\r\n", "-WRONGTYPE\r\n"}) {
    const int missed = missed_[1];
    changed_[1].clear();
    int errors = 2;
    redis_.instead = [&](const FakeRedis::Command& command) {
      const bool read = command[0] == "EVALSHA" && command[1] == "3";
      return read && errors-- > 0 ? std::string(error) : "";
    };
    const Node node;
    Register(0, node, {1, 1}, "192.0.2.1:5");
    Run(15s);
    EXPECT_TRUE(missed_[1] > missed || std::count(changed_[1].begin(), changed_[1].end(), node.id))
        << error;
  }
}

TEST_F(RedisStoreTest, WhoeverMakesMapsMissChangesAllTheTimeMakesNodesAskNowAndThen) {
  redis_.instead = [](const FakeRedis::Command& command) {
    return command[0] == "EVALSHA" && command[1] == "3" ? std::string("-WRONGTYPE\r\n") : "";
  };
  const std::string name(16, 'x'), somebody = "somebody";
  for (int i = 0; i < 1000; ++i) {
    redis_.changes.emplace_back(name, somebody);
    Run(10ms);
  }
  EXPECT_GE(missed_[0], 1);
  EXPECT_LE(missed_[0], 2);
}

// An order that no map wrote: the node would take an epoch above it, and have none left.
TEST_F(RedisStoreTest, NobodyIsToldTheOrderOfAStranger) {
  Register(0, alice_, {1, 1}, "192.0.2.1:5");
  for (auto& [field, value] : redis_.records.begin()->second) value.replace(0, 16, 16, '\xff');
  EXPECT_EQ(Register(0, alice_, {1, 2}, "192.0.2.1:6"), Store::Put::kApplied);
  EXPECT_GE(map(0).counts().values_foreign, 1u);
  EXPECT_EQ(Find(0, alice_.id), "192.0.2.1:6") << "it is registered here at least";
  redis_.instead = [](const FakeRedis::Command& command) {
    return command[0] == "EVALSHA" && command[1] == "0"
               ? Array({Number(1), Bulk(std::string(16, '\xff'))})
               : std::string();
  };
  EXPECT_EQ(Register(1, bob_, {1, 1}, "192.0.2.1:7"), Store::Put::kApplied);
}

TEST_F(RedisStoreTest, ANodeOfTheHighestNumberIsForgottenLikeAnyOther) {
  Register(0, alice_, {7, UINT64_MAX}, "192.0.2.1:5");
  map(0).Forget(alice_.id);
  Run(100ms);
  EXPECT_EQ(Find(1, alice_.id), "withdrawn");
}

// Whichever map is told to forget a node: nobody is allowed by what it said before.
TEST_F(RedisStoreTest, ANodeThatIsForgottenAllowsNobodyAtAnyMap) {
  for (const size_t at : {0u, 1u}) {
    Register(0, alice_, {1 + at, 1}, "192.0.2.1:5");
    Allow(0, alice_, {bob_.id});
    map(at).Forget(alice_.id);
    Run(100ms);
    for (const size_t asked : {0u, 1u}) {
      bool allows = true;
      map(asked).Get(alice_.id,
                     [&](Instant, const Record* record) { allows = record->Allows(bob_.id); });
      Run(50ms);
      EXPECT_FALSE(allows) << "forgotten at " << at << ", asked at " << asked;
    }
    // It may come back at once, and a map at which its list stands still writes it anew.
    Register(0, alice_, {5 + at, 1}, "192.0.2.1:5");
    EXPECT_TRUE(Allow(0, alice_, {bob_.id}));
    bool allows = false;
    map(1).Get(alice_.id, [&](Instant, const Record* record) { allows = record->Allows(bob_.id); });
    Run(50ms);
    EXPECT_TRUE(allows);
  }
}

// One entry that no map can read, put there by whoever may write.
TEST_F(RedisStoreTest, AnEntryThatIsTooLargeIsPassedOver) {
  const std::string large(2 << 20, 'x');
  redis_.changes.emplace_back(large, large);
  Run(5s);
  Register(0, alice_, {1, 1}, "192.0.2.1:5");
  Run(1s);
  EXPECT_EQ(changed_[1], std::vector<KeyId>{alice_.id});
  EXPECT_GE(missed_[1], 1);
  EXPECT_TRUE(map(1).feed().link().up()) << map(1).feed().link().error();
}

// Look-ups come faster than redis answers, for a while.
TEST_F(RedisStoreTest, AFloodOfLookUpsKeepsNoChangeFromBeingTold) {
  redis_.scripts_per_turn = 100;
  for (int i = 0; i < 100; ++i) {
    for (int k = 0; k < (i == 0 ? 1000 : 100); ++k)
      map(1).Get(bob_.id, [](Instant, const Record*) {});
    if (i == 5) Register(0, alice_, {1, 1}, "192.0.2.1:5", 10ms);
    Run(10ms);
  }
  EXPECT_EQ(changed_[1], std::vector<KeyId>{alice_.id});
  EXPECT_TRUE(map(1).link().up()) << map(1).link().error();
}

// Two registers without an answer, and a node shakes hands anew: all nodes of a map at once.
TEST_F(RedisStoreTest, NodesDoNotWaitForARedisThatIsGivenTime) {
  timeout_ = 10s;
  AddMap(map_key_);
  Run(100ms);
  redis_.answers = false;
  EXPECT_EQ(Register(2, alice_, {1, 1}, "192.0.2.1:5", 500ms), Store::Put::kApplied);
  EXPECT_EQ(Find(2, alice_.id, 500ms), "no answer") << "redis may know better";
  Run(3s);
  put_.reset();
  redis_.answers = true;
  Run(500ms);
  EXPECT_EQ(put_, std::nullopt) << "it is answered once";
  EXPECT_EQ(Find(2, alice_.id), "192.0.2.1:5");
  EXPECT_EQ(map(2).counts().unsaved, 0u);
}

}  // namespace
}  // namespace warp::map
