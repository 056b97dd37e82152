// The servers of a map that is known by its domain.
#include "control/loop/servers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/control/loop/name_server.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ServersTest : public ::testing::Test {
 protected:
  ServersTest() {
    server_.Set("m1.example", "192.0.2.1");
    server_.Set("m2.example", "192.0.2.2");
    server_.Set("example", "192.0.2.9");
    ResolverOptions options;
    options.refresh = std::chrono::hours(1);
    options.retry = std::chrono::milliseconds(20);
    options.dns = server_.Options();
    options.give_up = std::chrono::milliseconds(600);  // of two tries of a name server, 750
    options.uplinks = [this] { return uplinks_; };
    options.system = [](const std::string&) { return absl::NotFoundError("the system is asleep"); };
    auto resolver = Resolver::Open(*loop_, std::move(options));
    EXPECT_TRUE(resolver.ok()) << resolver.status();
    resolver_ = *std::move(resolver);
  }
  void Watch(const std::string& address) {
    watch_ = WatchServers(*resolver_, address, [this](const auto& servers) { told_ = servers; });
  }
  bool Turn(const std::function<bool()>& happened) { return TurnUntil(*loop_, happened); }
  bool TurnTo(const Servers& servers) {
    return Turn([&] { return told_.has_value() && told_->ok() && **told_ == servers; });
  }
  std::vector<NameStatus> Names() const {
    std::vector<NameStatus> names;
    watch_->Describe(names);
    return names;
  }
  static wire::Endpoint At(const char* text) { return *wire::Endpoint::Parse(text); }

  std::unique_ptr<Loop> loop_ = MakeLoop();
  NameServer server_;
  std::vector<std::string> uplinks_;
  std::unique_ptr<Resolver> resolver_;
  std::optional<absl::StatusOr<Servers>> told_;
  std::unique_ptr<Resolver::Name> watch_;
};

constexpr char kRecords[] = "_warp-map._udp.example";

TEST_F(ServersTest, ANameWithAPortIsOneServer) {
  Watch("m1.example:7");
  EXPECT_TRUE(TurnTo({{At("192.0.2.1:7")}}));
  Watch("192.0.2.3:8");
  EXPECT_TRUE(TurnTo({{At("192.0.2.3:8")}}));
  EXPECT_TRUE(Names().empty());
}

TEST_F(ServersTest, TheRecordsOfADomainSayWhereInTheirOrder) {
  server_.SetServices(kRecords, {{20, 0, 1002, "m2.example"}, {10, 0, 1001, "m1.example"}});
  Watch("example");
  EXPECT_TRUE(TurnTo({{At("192.0.2.1:1001")}, {At("192.0.2.2:1002")}}));
  const std::vector<NameStatus> names = Names();
  ASSERT_EQ(names.size(), 3u);
  EXPECT_EQ(names[0].name, kRecords);
  EXPECT_THAT(names[0].found, ElementsAre("m1.example:1001", "m2.example:1002"));
  EXPECT_EQ(names[1].name, "m1.example:1001");
  EXPECT_THAT(names[1].found, ElementsAre("192.0.2.1:1001"));
  EXPECT_TRUE(names[1].when.has_value());
  EXPECT_EQ(names[1].problem, "");
  // They change while the map is silent.
  server_.SetServices(kRecords, {{10, 0, 1003, "m2.example"}});
  watch_->SetSilent(true);
  EXPECT_TRUE(TurnTo({{At("192.0.2.2:1003")}}));
}

TEST_F(ServersTest, WithoutRecordsItIsTheDomain) {
  Watch("example");
  EXPECT_TRUE(TurnTo({{At("192.0.2.9:13116")}}));
  // It gets some, and loses them again; what was found stands until there is something else.
  server_.SetServices(kRecords, {{10, 0, 1001, "m1.example"}});
  watch_->SetSilent(true);
  EXPECT_TRUE(TurnTo({{At("192.0.2.1:1001")}}));
}

TEST_F(ServersTest, ATargetThatNobodyAnswersHoldsUpNoOther) {
  server_.SetServices(kRecords, {{1, 0, 1, "gone.dead"}, {2, 0, 2, "m2.example"}});
  Watch("example");
  EXPECT_TRUE(TurnTo({{At("192.0.2.2:2")}}));
}

TEST_F(ServersTest, ADomainWithoutMapsIsToldOfOnce) {
  server_.SetServices(kRecords, {{0, 0, 0, ""}});
  Watch("example");
  ASSERT_TRUE(Turn([&] { return told_.has_value(); }));
  EXPECT_THAT(std::string(told_->status().message()), HasSubstr("it has no map"));
  ASSERT_TRUE(Turn([&] { return !Names().empty() && !Names()[0].problem.empty(); }));
}

// A lying name server, as that of a hotel, knows of no records; another one does.
TEST_F(ServersTest, OneThatKnowsOfNoRecordsDoesNotHideThem) {
  server_.SetServices(kRecords, {{10, 0, 1001, "m1.example"}});
  server_.LieOnce(kRecords, {});
  uplinks_ = {"lo"};
  Watch("example");
  EXPECT_TRUE(TurnTo({{At("192.0.2.1:1001")}}));
  // Nor does it take away what is known.
  server_.LieOnce(kRecords, {});
  told_.reset();
  watch_->SetSilent(true);
  ASSERT_TRUE(Turn([&] { return server_.questions(kRecords) >= 6; }));
  EXPECT_FALSE(told_.has_value());
}

// Nobody says whether there are records: a name server, or a box before it, may not know the type at all.
TEST_F(ServersTest, WithoutAnAnswerTheDomainIsTried) {
  server_.Swallow(kRecords, 33);
  Watch("example");
  EXPECT_TRUE(TurnTo({{At("192.0.2.9:13116")}}));
  EXPECT_THAT(Names()[0].problem, HasSubstr("no answer"));
}

// The watch may end while it is being told.
TEST_F(ServersTest, TheHandlerMayEndIt) {
  int told = 0;
  server_.SetServices(kRecords, {{1, 0, 1, "m1.example"}, {2, 0, 2, "m2.example"}});
  watch_ = WatchServers(*resolver_, "example", [&](const auto&) {
    ++told;
    watch_.reset();
  });
  ASSERT_TRUE(Turn([&] { return told == 1; }));
  Settle(*loop_);
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace warp::control
