#include "control/loop/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/control/loop/name_server.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Result = absl::StatusOr<std::vector<wire::Endpoint>>;

class ResolverTest : public ::testing::Test {
 protected:
  void Open(ResolverOptions options = {}) {
    auto resolver = Resolver::Open(*loop_, std::move(options));
    ASSERT_TRUE(resolver.ok()) << resolver.status();
    resolver_ = *std::move(resolver);
  }
  std::unique_ptr<Resolver::Name> Watch(const std::string& name) {
    return resolver_->Watch(name, [this, name](const Result& result) {
      result_ = result;
      results_[name] = result;
      ++told_;
    });
  }
  // Asks the name server of the test, and nobody else: its times are short, and the system knows nothing.
  ResolverOptions Quick() {
    ResolverOptions options;
    options.refresh = options.retry = std::chrono::hours(1);
    options.patience = std::chrono::milliseconds(10);
    options.dns = server_.Options();
    options.system = [](const std::string&) { return absl::NotFoundError("the system is asleep"); };
    return options;
  }
  bool Found(const std::string& name) { return results_.contains(name) && results_[name]->ok(); }
  bool Turn(const std::function<bool()>& happened) { return TurnUntil(*loop_, happened); }

  std::unique_ptr<Loop> loop_ = MakeLoop();
  NameServer server_;
  std::unique_ptr<Resolver> resolver_;
  std::optional<Result> result_;
  std::map<std::string, std::optional<Result>> results_;
  int told_ = 0;
};

TEST_F(ResolverTest, FindsANameOfTheHostsFile) {
  Open();
  const auto watch = Watch("localhost:13116");
  EXPECT_FALSE(result_.has_value());  // the answer never comes from within the call
  ASSERT_TRUE(Turn([&] { return result_.has_value(); }));
  ASSERT_TRUE(result_->ok()) << result_->status();
  EXPECT_THAT(**result_, Contains(*wire::Endpoint::Parse("127.0.0.1:13116")));
}

TEST_F(ResolverTest, AddressesAreTheirOwnAnswer) {
  Open();
  for (const char* text : {"192.0.2.1:13116", "[2001:db8::1]:7"}) {
    result_.reset();
    const auto watch = Watch(text);
    ASSERT_TRUE(Turn([&] { return result_.has_value(); }));
    EXPECT_THAT(**result_, ElementsAre(*wire::Endpoint::Parse(text)));
  }
}

TEST_F(ResolverTest, SaysWhatIsWrong) {
  Open({.refresh = std::chrono::hours(1), .retry = std::chrono::milliseconds(5)});
  {
    const auto watch = Watch("no-such-name.invalid:13116");
    ASSERT_TRUE(Turn([&] { return result_.has_value(); }));
    EXPECT_EQ(result_->status().code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(result_->status().message()),
                HasSubstr("cannot resolve no-such-name.invalid"));
    Settle(*loop_);
    EXPECT_EQ(told_, 1);  // the failure is reported once, however often the name is tried again
  }
  for (const char* text :
       {"localhost", "localhost:0", "localhost:65536", "localhost:x", ":13116", ""}) {
    result_.reset();
    const auto watch = Watch(text);
    ASSERT_TRUE(Turn([&] { return result_.has_value(); }));
    EXPECT_EQ(result_->status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST_F(ResolverTest, AsksAgainAndTellsOnlyNews) {
  Open({.refresh = std::chrono::milliseconds(1), .retry = std::chrono::milliseconds(1)});
  const auto watch = Watch("localhost:13116");
  ASSERT_TRUE(Turn([&] { return told_ > 0; }));
  Settle(*loop_);
  EXPECT_EQ(told_, 1);
}

TEST_F(ResolverTest, SubscriptionsEnd) {
  Open();
  Watch("localhost:13116").reset();
  std::unique_ptr<Resolver::Name> self;
  int told = 0;
  self = resolver_->Watch("localhost:13116", [&](const Result&) {
    ++told;
    self.reset();
  });
  ASSERT_TRUE(Turn([&] { return told == 1; }));
  Settle(*loop_);
  EXPECT_EQ(told_, 0);
  const auto late = Watch("localhost:13116");
  (void)late;
  // The resolver may end while a question is on its way. Subscriptions must end before the resolver does.
}

// --- Names that cannot be found, beside others. ---

TEST_F(ResolverTest, DeadNamesHoldUpNobody) {
  std::promise<void> release;
  const auto hang = release.get_future().share();
  ResolverOptions options = Quick();
  options.system = [hang](const std::string&) -> absl::StatusOr<std::vector<wire::IpAddress>> {
    hang.wait();
    return absl::NotFoundError("at last");
  };
  Open(std::move(options));
  std::vector<std::unique_ptr<Resolver::Name>> watches;
  for (int i = 0; i < 300; ++i) watches.push_back(Watch(absl::StrCat("n", i, ".dead:13116")));
  const wire::Instant begin = loop_->ReadClock();
  watches.push_back(Watch("good.example:13116"));
  ASSERT_TRUE(Turn([&] { return Found("good.example:13116"); }));
  EXPECT_LT(loop_->ReadClock() - begin, std::chrono::seconds(2));
  EXPECT_THAT(**results_["good.example:13116"],
              ElementsAre(*wire::Endpoint::Parse("192.0.2.7:13116")));
  EXPECT_EQ(results_.size(), 1u);
  // Nor do they hold up the end, although some of them hang in the system by now.
  Settle(*loop_);
  watches.clear();
  const wire::Instant end = loop_->ReadClock();
  resolver_.reset();
  EXPECT_LT(loop_->ReadClock() - end, std::chrono::milliseconds(500));
  release.set_value();
}

TEST_F(ResolverTest, ANameWithoutAnAnswerFailsInTime) {
  std::promise<void> release;
  ResolverOptions options = Quick();
  options.give_up = std::chrono::milliseconds(50);
  options.system = [hang = release.get_future().share()](
                       const std::string&) -> absl::StatusOr<std::vector<wire::IpAddress>> {
    hang.wait();
    return absl::NotFoundError("at last");
  };
  Open(std::move(options));
  const auto watch = Watch("n.dead:13116");
  ASSERT_TRUE(Turn([&] { return result_.has_value(); }));
  EXPECT_EQ(result_->status().message(), "cannot resolve n.dead: no answer");
  release.set_value();
}

TEST_F(ResolverTest, WhatNameServersDoNotKnowTheSystemMay) {
  ResolverOptions options = Quick();
  options.system = [](const std::string& host) -> absl::StatusOr<std::vector<wire::IpAddress>> {
    if (host == "box.missing") return std::vector{*wire::IpAddress::Parse("192.0.2.9")};
    return absl::NotFoundError("unknown here");
  };
  Open(std::move(options));
  const auto box = Watch("box.missing:1");
  const auto nobody = Watch("nobody.missing:1");
  ASSERT_TRUE(Turn([&] { return results_.size() == 2; }));
  EXPECT_THAT(**results_["box.missing:1"], ElementsAre(*wire::Endpoint::Parse("192.0.2.9:1")));
  EXPECT_THAT(std::string(results_["nobody.missing:1"]->status().message()),
              HasSubstr("cannot resolve nobody.missing: "));
}

TEST_F(ResolverTest, WhatTheSystemFindsLateIsTaken) {
  std::promise<void> release;
  ResolverOptions options = Quick();
  options.give_up = std::chrono::milliseconds(20);
  options.system = [hang = release.get_future().share()](
                       const std::string&) -> absl::StatusOr<std::vector<wire::IpAddress>> {
    hang.wait();
    return std::vector{*wire::IpAddress::Parse("192.0.2.9")};
  };
  Open(std::move(options));
  const auto watch = Watch("n.dead:1");
  ASSERT_TRUE(Turn([&] { return result_.has_value(); }));
  EXPECT_FALSE(result_->ok());
  release.set_value();
  ASSERT_TRUE(Turn([&] { return result_->ok(); }));
}

// --- Asking again. ---

TEST_F(ResolverTest, ASilentPeersNameIsAskedAtOnceAndThenLessAndLess) {
  ResolverOptions options = Quick();
  options.retry = std::chrono::milliseconds(20);
  Open(std::move(options));
  const auto watch = Watch("good.example:1");
  ASSERT_TRUE(Turn([&] { return Found("good.example:1"); }));
  Settle(*loop_);
  EXPECT_EQ(server_.asked("good.example"), 1);
  server_.Set("good.example", "192.0.2.8");  // it has moved
  watch->SetSilent(true);
  const auto moved = *wire::Endpoint::Parse("192.0.2.8:1");
  ASSERT_TRUE(Turn([&] { return **results_["good.example:1"] == std::vector{moved}; }));
  const int before = server_.asked("good.example");
  ASSERT_TRUE(Turn([&] { return server_.asked("good.example") >= before + 3; }));
  watch->SetSilent(false);
  EXPECT_EQ(told_, 2);
}

TEST_F(ResolverTest, ANameThatFlapsIsNotAskedWithoutEnd) {
  ResolverOptions options = Quick();
  Open(std::move(options));
  const auto watch = Watch("good.example:1");
  ASSERT_TRUE(Turn([&] { return Found("good.example:1"); }));
  for (int i = 0; i < 100; ++i) {
    watch->SetSilent(true);
    loop_->RunOnce(64);
    watch->SetSilent(false);
  }
  Settle(*loop_);
  EXPECT_EQ(server_.asked("good.example"), 1);  // within an hour, its `retry`
}

// --- Name servers that fail, and those that lie. ---

// A name server, or a box before it, that never answers for IPv6 is met more often than one would think.
TEST_F(ResolverTest, AFamilyThatIsNeverAnsweredForHoldsUpNotTheOther) {
  ResolverOptions options = Quick();
  options.dns.timeout = std::chrono::hours(1);
  server_.Set("half.example", {"192.0.2.1", "2001:db8::1"});
  server_.Swallow("half.example", 28);
  Open(std::move(options));
  const auto watch = Watch("half.example:1");
  ASSERT_TRUE(Turn([&] { return Found("half.example:1"); }));
  EXPECT_THAT(**result_, ElementsAre(*wire::Endpoint::Parse("192.0.2.1:1")));
}

// What was found of it before stands, while the other follows.
TEST_F(ResolverTest, AFamilyThatIsNotAnsweredForAnyMoreStays) {
  ResolverOptions options = Quick();
  options.retry = std::chrono::milliseconds(20);
  options.give_up = std::chrono::milliseconds(200);
  server_.Set("half.example", {"192.0.2.1", "2001:db8::1"});
  Open(std::move(options));
  const auto watch = Watch("half.example:1");
  ASSERT_TRUE(Turn([&] { return Found("half.example:1"); }));
  server_.Swallow("half.example", 28);
  server_.Set("half.example", {"192.0.2.2", "2001:db8::2"});
  watch->SetSilent(true);
  const std::vector<wire::Endpoint> want = {*wire::Endpoint::Parse("192.0.2.2:1"),
                                            *wire::Endpoint::Parse("[2001:db8::1]:1")};
  ASSERT_TRUE(Turn([&] { return (**result_).size() == 2 && (**result_)[0] == want[0]; }));
  Settle(*loop_);
  EXPECT_EQ(**result_, want);
}

TEST_F(ResolverTest, BothFamiliesAreAskedAgainWhereThePeerIsSilent) {
  ResolverOptions options = Quick();
  options.retry = std::chrono::milliseconds(20);
  server_.Set("both.example", {"192.0.2.1", "2001:db8::1"});
  Open(std::move(options));
  const auto watch = Watch("both.example:1");
  ASSERT_TRUE(Turn([&] { return Found("both.example:1"); }));
  server_.Set("both.example", {"192.0.2.2", "2001:db8::2"});
  watch->SetSilent(true);
  const std::vector<wire::Endpoint> want = {*wire::Endpoint::Parse("192.0.2.2:1"),
                                            *wire::Endpoint::Parse("[2001:db8::2]:1")};
  EXPECT_TRUE(Turn([&] { return **result_ == want; }));
}

// The name server of an uplink says of every name that it is itself, as hotels do.
TEST_F(ResolverTest, ALieDoesNotHideWhereASilentPeerIs) {
  ResolverOptions options = Quick();
  options.retry = std::chrono::milliseconds(20);
  options.uplinks = [] { return std::vector<std::string>{"lo", "lo"}; };
  server_.LieOnce("good.example", {"198.51.100.1"});
  Open(std::move(options));
  const auto watch = Watch("good.example:1");
  const auto lie = *wire::Endpoint::Parse("198.51.100.1:1");
  const auto truth = *wire::Endpoint::Parse("192.0.2.7:1");
  ASSERT_TRUE(Turn([&] { return Found("good.example:1"); }));
  EXPECT_THAT(**result_, ElementsAre(lie));
  // The first answer of the next round is the same lie.
  server_.LieOnce("good.example", {"198.51.100.1"});
  watch->SetSilent(true);
  ASSERT_TRUE(Turn([&] { return (**result_).size() == 2; }));
  EXPECT_THAT(**result_, ElementsAre(truth, lie));
}

// All are told at some time while none answers, and sixteen at once.
TEST_F(ResolverTest, AllOfManyAddressesAreTried) {
  ResolverOptions options = Quick();
  options.retry = options.refresh = std::chrono::milliseconds(5);
  NameServer::Addresses many;
  for (int i = 1; i <= 20; ++i) {
    many.push_back(absl::StrCat("192.0.2.", i));
    if (i <= 12) many.push_back(absl::StrCat("2001:db8::", i));  // more do not fit a datagram
  }
  server_.Set("many.example", many);
  Open(std::move(options));
  std::set<std::string> told;
  const auto watch = resolver_->Watch("many.example:1", [&](const Result& result) {
    EXPECT_LE(result->size(), 16u);
    for (const wire::Endpoint& one : *result) told.insert(one.address.ToString());
  });
  watch->SetSilent(true);
  EXPECT_TRUE(Turn([&] { return told.size() == many.size(); }));
}

// A million nodes may ask for the name.
TEST_F(ResolverTest, WhatIsNotFoundIsAskedForLessAndLess) {
  ResolverOptions options = Quick();
  options.retry = std::chrono::milliseconds(20);
  Open(std::move(options));
  const auto watch = Watch("nobody.missing:1");
  const wire::Instant begin = loop_->ReadClock();
  ASSERT_TRUE(Turn([&] { return loop_->ReadClock() - begin > std::chrono::milliseconds(1000); }));
  // After 20, 40, 80 … ms, or four fifths of that; always after 20 ms it would be fifty times.
  EXPECT_GE(server_.asked("nobody.missing"), 2);
  EXPECT_LE(server_.asked("nobody.missing"), 8);
  // Where there is another uplink, it is asked soon.
  server_.Set("nobody.missing", "192.0.2.3");
  resolver_->NoteUplinks();
  EXPECT_TRUE(Turn([&] { return Found("nobody.missing:1"); }));
}

// --- Prefixes of networks that translate. ---

TEST_F(ResolverTest, FindsThePrefixOfANetworkThatTranslates) {
  server_.Set("ipv4only.arpa", "2001:db8:64::192.0.0.171");
  ResolverOptions options = Quick();
  options.system = [](const std::string&) -> absl::StatusOr<std::vector<wire::IpAddress>> {
    ADD_FAILURE() << "the system knows nothing of a link's network";
    return absl::NotFoundError("");
  };
  Open(options);
  std::vector<wire::Nat64Prefix> prefixes;
  const auto watch = resolver_->WatchPrefixes("lo", [&](const auto& found) {
    ASSERT_TRUE(found.ok()) << found.status();
    prefixes = *found;
  });
  ASSERT_TRUE(Turn([&] { return !prefixes.empty(); }));
  ASSERT_EQ(prefixes.size(), 1u);
  EXPECT_EQ(prefixes[0].ToString(), "2001:db8:64::/96");
  EXPECT_EQ(server_.asked("ipv4only.arpa"), 0) << "its IPv4 addresses say nothing";
  std::vector<NameStatus> names;
  watch->Describe(names);
  EXPECT_THAT(names.at(0).found, ElementsAre("2001:db8:64::/96"));
}

// Most networks do not translate. They are asked more and more rarely, and what was found once stands.
TEST_F(ResolverTest, AsksMoreAndMoreRarelyWhereNothingTranslates) {
  ResolverOptions options = Quick();
  options.retry = std::chrono::milliseconds(1);
  options.prefix_refresh = std::chrono::milliseconds(4);
  Open(options);
  int failures = 0;
  std::vector<wire::Nat64Prefix> prefixes;
  const auto watch = resolver_->WatchPrefixes("lo", [&](const auto& found) {
    if (found.ok()) prefixes = *found;
    failures += found.ok() ? 0 : 1;
  });
  ASSERT_TRUE(Turn([&] { return server_.asked_v6("ipv4only.arpa") > 3; }));
  EXPECT_EQ(failures, 1) << "told once";
  server_.Set("ipv4only.arpa", "2001:db8:64::192.0.0.170");
  ASSERT_TRUE(Turn([&] { return !prefixes.empty(); }));
  server_.Set("ipv4only.arpa", "2001:db8::1");
  const int asked = server_.asked_v6("ipv4only.arpa");
  ASSERT_TRUE(Turn([&] { return server_.asked_v6("ipv4only.arpa") > asked + 2; }));
  EXPECT_EQ(prefixes.size(), 1u);
  EXPECT_EQ(failures, 1);
}

}  // namespace
}  // namespace warp::control
