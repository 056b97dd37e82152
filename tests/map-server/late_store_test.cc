// A store whose answers come late, as a database's do. They may come in any order, and after their requester has gone.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tests/map-server/map_world.h"

namespace warp::map {
namespace {

// A MemoryStore that keeps its requests while `late` is set, until the test lets it answer them.
class LateStore : public MemoryStore {
 public:
  using MemoryStore::MemoryStore;

  void Get(const KeyId& id, Found found) override {
    Hold([=, this] { MemoryStore::GetAllowed(TagOf(id), found); });
  }
  void GetAllowed(KeyTag tag, Found found) override {
    Hold([=, this] { MemoryStore::GetAllowed(tag, found); });
  }
  void PutRegistration(const wire::PublicKey& key, const KeyId& id, Registration registration,
                       PutDone done) override {
    const auto kept = std::make_shared<Registration>(std::move(registration));
    Hold([=, this] { MemoryStore::PutRegistration(key, id, std::move(*kept), done); });
  }
  void Withdraw(Instant now, const KeyId& id, uint16_t port, Order order) override {
    Hold([=, this] { MemoryStore::Withdraw(now, id, port, order); });
  }
  void PutAllow(const KeyId& id, const AllowDigest& digest, std::vector<KeyId> ids,
                AllowDone done) override {
    Hold([=, this] { MemoryStore::PutAllow(id, digest, ids, done); });
  }

  bool late = false;
  size_t held() const { return held_.size(); }
  void AnswerFirst() { Answer(0); }
  void AnswerLast() { Answer(held_.size() - 1); }

 private:
  void Hold(std::function<void()> request) {
    if (late) {
      held_.push_back(std::move(request));
    } else {
      request();
    }
  }
  void Answer(size_t which) {
    const auto request = std::move(held_.at(which));
    held_.erase(held_.begin() + static_cast<ptrdiff_t>(which));
    request();
  }

  std::vector<std::function<void()>> held_;
};

class LateStoreTest : public testing::Test {
 protected:
  LateStoreTest() {
    world_.make_store = [](const MemoryStore::Limits& limits) {
      return std::make_unique<LateStore>(limits);
    };
    world_.StartMap();
  }
  LateStore& store() { return static_cast<LateStore&>(world_.store()); }

  MapWorld world_;
};

TEST_F(LateStoreTest, AnAnswerIsSealedInTheTurnInWhichItComes) {
  store().late = true;
  MapNode& node = world_.AddNode();
  world_.RunUntil([&] { return store().held() == 1; }, 1s);
  while (world_.map().NextTransmit()) {
  }
  EXPECT_FALSE(node.registered());

  // Nothing arrives from the network, and no timer of the map is due. Only the answer can make the map act.
  EXPECT_GT(world_.map().NextTimeout(), world_.now);
  store().AnswerFirst();
  EXPECT_LE(world_.map().NextTimeout(), world_.now) << "the loop is to take it at once";
  EXPECT_FALSE(world_.map().NextTransmit().has_value()) << "but not in the middle of a call";
  world_.RunUntil([&] { return node.registered(); }, world_.delay + 1ms);
}

TEST_F(LateStoreTest, AnswersMayOvertakeEachOther) {
  MapNode& alice = world_.AddNode();
  MapNode& bob = world_.AddNode();
  MapNode& carol = world_.AddNode();
  for (MapNode* node : {&alice, &bob, &carol})
    node->SetPeers(world_.now, {alice.key(), bob.key(), carol.key()});
  world_.Run(5s);
  const uint64_t bob_found = alice.times_found(bob.key());
  const uint64_t carol_found = alice.times_found(carol.key());

  store().late = true;
  alice.LookUpAgain(world_.now, bob.key());
  alice.LookUpAgain(world_.now, carol.key());
  world_.Run(100ms);
  ASSERT_GE(store().held(), 2u);
  for (int i = 0; i < 100 && store().held() > 0; ++i) {
    store().AnswerLast();
    world_.Run(1ms);
  }
  world_.Run(50ms);
  EXPECT_GT(alice.times_found(bob.key()), bob_found);
  EXPECT_GT(alice.times_found(carol.key()), carol_found);
  EXPECT_EQ(alice.found(bob.key())[0], world_.OuterOf(bob));
  EXPECT_EQ(alice.found(carol.key())[0], world_.OuterOf(carol));
}

TEST_F(LateStoreTest, AnAnswerForAClientThatIsGoneIsADrop) {
  store().late = true;
  MapNode& node = world_.AddNode();
  world_.RunUntil([&] { return store().held() == 1; }, 1s);
  node.Shutdown(world_.now);
  world_.RunUntil([&] { return world_.map().counts().sessions == 0; }, 1s);
  ASSERT_GE(store().held(), 1u);
  EXPECT_EQ(world_.map().drops(wire::Drop::kNoSession), 0u);

  while (store().held() > 0) store().AnswerFirst();
  world_.map().HandleTimeout(world_.now);
  EXPECT_FALSE(world_.map().NextTransmit().has_value());
  EXPECT_EQ(world_.map().drops(wire::Drop::kNoSession), 1u);
}

}  // namespace
}  // namespace warp::map
