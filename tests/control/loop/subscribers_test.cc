#include "control/loop/subscribers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/control/turning.h"

namespace warp::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Entry;
using Entries = Subscribers<Entry, std::string>;

class Entry : public Entries::Subscriber {
 public:
  using Subscriber::Subscriber;
};

class SubscribersTest : public testing::Test {
 protected:
  // Adds a subscription that notes each value it is told, as "name: value".
  std::unique_ptr<Entry> Subscribe(const std::string& name) {
    return std::make_unique<Entry>(*entries_, [this, name](const std::string& value) {
      told_.push_back(name + ": " + value);
    });
  }

  std::vector<std::string> Turn() {
    told_.clear();
    loop_->RunOnce(64);
    return told_;
  }

  std::unique_ptr<Loop> loop_ = MakeLoop();
  std::unique_ptr<Entries> entries_ = std::make_unique<Entries>(*loop_);
  std::vector<std::string> told_;
};

TEST_F(SubscribersTest, TellsInTheOrderOfSubscription) {
  auto a = Subscribe("a"), b = Subscribe("b");
  b->Publish("1");
  a->Publish("1");
  EXPECT_THAT(told_, IsEmpty());  // never told from within Publish
  EXPECT_THAT(Turn(), ElementsAre("a: 1", "b: 1"));
  EXPECT_THAT(Turn(), IsEmpty());
}

TEST_F(SubscribersTest, TellsTheNewestOfOneMoment) {
  auto a = Subscribe("a");
  a->Publish("1");
  a->Publish("2");
  EXPECT_THAT(Turn(), ElementsAre("a: 2"));
}

TEST_F(SubscribersTest, TellsNothingWhereNothingChanged) {
  auto a = Subscribe("a");
  a->Publish("1");
  EXPECT_THAT(Turn(), ElementsAre("a: 1"));
  a->Publish("1");
  EXPECT_THAT(Turn(), IsEmpty());
  a->Publish("2");
  a->Publish("1");  // the value is again the one that was told last
  EXPECT_THAT(Turn(), IsEmpty());
}

TEST_F(SubscribersTest, TellsNothingAfterTheEnd) {
  auto a = Subscribe("a"), b = Subscribe("b");
  a->Publish("1");
  b->Publish("1");
  a.reset();
  EXPECT_THAT(Turn(), ElementsAre("b: 1"));
}

TEST_F(SubscribersTest, AHandlerMayEndItsOwnSubscription) {
  std::unique_ptr<Entry> self;
  // Captured by the handler, which must survive its own call.
  const auto alive = std::make_shared<int>(0);
  self = std::make_unique<Entry>(*entries_, [this, &self, alive](const std::string& value) {
    self.reset();
    told_.push_back(value + " " + std::to_string(alive.use_count()));
  });
  auto after = Subscribe("after");
  self->Publish("1");
  after->Publish("1");
  EXPECT_THAT(Turn(), ElementsAre("1 2", "after: 1"));
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_F(SubscribersTest, AHandlerMayEndAnotherSubscription) {
  auto before = Subscribe("before");
  std::unique_ptr<Entry> after;
  Entry ending(*entries_, [&before, &after](const std::string&) {
    before.reset();
    after.reset();
  });
  after = Subscribe("after");
  for (Entry* entry : {before.get(), &ending, after.get()}) entry->Publish("1");
  const uint64_t ended = after->id();
  EXPECT_THAT(Turn(), ElementsAre("before: 1"));
  EXPECT_EQ(entries_->Find(ended), nullptr);
}

TEST_F(SubscribersTest, AHandlerMayAddASubscription) {
  std::unique_ptr<Entry> added;
  Entry adding(*entries_, [this, &added](const std::string&) {
    added = Subscribe("added");
    added->Publish("1");
  });
  adding.Publish("1");
  EXPECT_THAT(Turn(), IsEmpty());
  EXPECT_THAT(Turn(), ElementsAre("added: 1"));
}

TEST_F(SubscribersTest, AHandlerMayPublishAnew) {
  std::unique_ptr<Entry> counting;
  int calls = 0;
  counting = std::make_unique<Entry>(*entries_, [&](const std::string& value) {
    if (++calls < 3) counting->Publish(value + "+");
  });
  counting->Publish("1");
  for (int turn = 0; turn < 5; ++turn) Turn();
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(counting->value(), "1++");
}

// --- However many there are, a turn does a bounded part. ---

TEST_F(SubscribersTest, TellsSomeOfManyInATurnAndAllOfThemOnce) {
  std::vector<std::unique_ptr<Entry>> many;
  for (int i = 0; i < 150; ++i) many.push_back(Subscribe(std::to_string(i)));
  for (const auto& entry : many) entry->Publish("1");
  std::vector<std::string> told;
  for (const size_t count : {size_t{64}, size_t{64}, size_t{22}, size_t{0}}) {
    EXPECT_EQ(Turn().size(), count);
    told.insert(told.end(), told_.begin(), told_.end());
  }
  for (size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i], std::to_string(i) + ": 1");
}

TEST_F(SubscribersTest, OneThatAlwaysHasNewsHoldsUpNobody) {
  std::unique_ptr<Entry> restless;
  restless = std::make_unique<Entry>(
      *entries_, [&](const std::string& value) { restless->Publish(value + "+"); });
  std::vector<std::unique_ptr<Entry>> many;
  for (int i = 0; i < 150; ++i) many.push_back(Subscribe(std::to_string(i)));
  restless->Publish("1");
  for (const auto& entry : many) entry->Publish("1");
  size_t told = 0;
  for (int turn = 0; turn < 3; ++turn) told += Turn().size();
  EXPECT_EQ(told, many.size());
}

TEST_F(SubscribersTest, ARoundVisitsSomeOfManyInATurn) {
  std::vector<std::unique_ptr<Entry>> many;
  for (int i = 0; i < 100; ++i) many.push_back(Subscribe(""));
  std::vector<uint64_t> visited;
  entries_->VisitAll([&](Entry& entry) {
    visited.push_back(entry.id());
    return entry.id() % 2 == 1;
  });
  many.push_back(Subscribe("later"));
  Turn();
  EXPECT_EQ(visited.size(), 63u);  // 32 of them had work
  many[70].reset();
  Turn();
  EXPECT_EQ(visited.size(), 99u);
  EXPECT_TRUE(std::is_sorted(visited.begin(), visited.end()));
  EXPECT_EQ(entries_->rounds(), 0u);
}

TEST_F(SubscribersTest, RoundsRunOneAfterTheOther) {
  auto a = Subscribe("a"), b = Subscribe("b");
  std::string visits;
  for (const char round : {'1', '2'}) {
    entries_->VisitAll([&visits, round](Entry&) {
      visits += round;
      return true;
    });
  }
  EXPECT_EQ(visits, "");
  Turn();
  EXPECT_EQ(visits, "1122");
}

}  // namespace
}  // namespace warp::control
