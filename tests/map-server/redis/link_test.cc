#include "map-server/redis/link.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/map-server/redis/fake_redis.h"

namespace warp::map {
namespace {

class LinkTest : public testing::Test {
 protected:
  LinkTest() { options_.servers = {"192.0.2.1:6379", "192.0.2.2:6379"}; }

  void Start() {
    link_ = std::make_unique<Link>(
        options_, redis_.Make(), [this](Instant, const std::string& run) { runs_.push_back(run); });
  }
  // In steps of 10 ms.
  void Run(wire::Duration time) {
    for (const Instant end = now_ + time; now_ < end; now_ += 10ms) {
      link_->HandleTimeout(now_);
      redis_.Run(now_);
    }
  }
  bool Ask() {
    const std::array<absl::string_view, 1> command = {"INFO"};
    return link_->Ask(now_, command,
                      [this](Instant, Reply* reply) { ++(reply == nullptr ? lost_ : answered_); });
  }

  FakeRedis redis_;
  Link::Options options_;
  std::unique_ptr<Link> link_;
  std::vector<std::string> runs_;
  Instant now_{1000s};
  int answered_ = 0, lost_ = 0;
};

TEST_F(LinkTest, ComesUpAndAnswersInOrder) {
  redis_.password = options_.password = "secret";
  options_.user = "warp";
  options_.scripts = {"return 1"};
  Start();
  EXPECT_FALSE(Ask()) << "before it is up";
  Run(100ms);
  EXPECT_EQ(runs_, std::vector<std::string>{"first"});
  EXPECT_EQ(redis_.asked[0], (FakeRedis::Command{"AUTH", "warp", "secret"}));
  EXPECT_EQ(link_->script(0), "0");
  EXPECT_TRUE(Ask());
  EXPECT_TRUE(Ask());
  Run(10ms);
  EXPECT_EQ(answered_, 2);
}

TEST_F(LinkTest, TriesTheNextServerAndComesBackSoon) {
  redis_.accepts = false;
  Start();
  Run(5s);
  EXPECT_FALSE(link_->up());
  EXPECT_EQ(link_->error(), "Connection refused");
  EXPECT_GT(redis_.connected.size(), 8u);
  EXPECT_LT(redis_.connected.size(), 20u) << "it hammers";
  EXPECT_NE(redis_.connected[0], redis_.connected[1]);
  redis_.accepts = true;
  Run(600ms);
  EXPECT_TRUE(link_->up()) << "half a second is the longest pause";
}

TEST_F(LinkTest, AStoppedServerIsGivenUpAndWhatWaitsIsLost) {
  Start();
  Run(100ms);
  redis_.answers = false;
  EXPECT_TRUE(Ask());
  Run(450ms);
  EXPECT_EQ(lost_, 0);
  Run(100ms);
  EXPECT_EQ(lost_, 1);
  EXPECT_EQ(link_->error(), "it does not answer in time");
  Run(5s);
  EXPECT_FALSE(link_->up());
  redis_.answers = true;
  Run(1100ms);
  EXPECT_TRUE(link_->up()) << "a time-out and a pause at most";
}

TEST_F(LinkTest, QuestionsHaveACeiling) {
  options_.most = 3;
  Start();
  Run(100ms);
  redis_.answers = false;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Ask());
  EXPECT_FALSE(Ask());
  EXPECT_EQ(link_->waiting(), 3u);
}

TEST_F(LinkTest, RefusesWhoIsNoMaster) {
  redis_.role = "slave";
  Start();
  Run(1s);
  EXPECT_TRUE(runs_.empty());
  EXPECT_EQ(link_->error(), "it is no master, but a slave");
}

TEST_F(LinkTest, SaysThatThePasswordIsWrong) {
  redis_.password = "right";
  options_.password = "wrong";
  Start();
  Run(1s);
  EXPECT_TRUE(runs_.empty());
  EXPECT_EQ(link_->error(), "WRONGPASS invalid password");
}

TEST_F(LinkTest, AMasterThatBecomesAReplicaIsLeft) {
  Start();
  Run(100ms);
  redis_.instead = [](const FakeRedis::Command&) {
    return std::string("-READONLY You can't write against a read only replica.\r\n");
  };
  EXPECT_TRUE(Ask());
  Run(10ms);
  EXPECT_FALSE(link_->up());
  EXPECT_EQ(lost_, 1) << "whoever asked asks the next one";
}

TEST_F(LinkTest, APasswordThatIsQuotedIsNotShown) {
  options_.password = "hunter2 hunter2 hunter2";
  for (const char* words :
       {"-ERR unknown command `AUTH`, with args beginning with: `hunter2 hunter2 "
        "hunter2`, \r\n",
        "-ERR 'hunter2 hunt\r\n"}) {
    redis_.instead = [words](const FakeRedis::Command&) { return std::string(words); };
    Start();
    Run(1s);
    EXPECT_EQ(link_->error(), "it answers with an error that repeats the password");
  }
  options_.password.clear();
  options_.sentinel = "warp";
  options_.sentinel_password = "hunter2 hunter2";
  Start();
  Run(1s);
  EXPECT_EQ(link_->error(), "it answers with an error that repeats the password");
}

TEST_F(LinkTest, AsksASentinelWhereTheMasterIs) {
  options_.sentinel = "warp";
  std::string master = "198.51.100.7";
  redis_.instead = [&](const FakeRedis::Command& command) {
    return command[0] == "SENTINEL" ? Array({Bulk(master), Bulk("6380")}) : std::string();
  };
  Start();
  Run(100ms);
  EXPECT_TRUE(link_->up());
  EXPECT_EQ(redis_.connected, (std::vector<std::string>{"192.0.2.1:6379", "198.51.100.7:6380"}));
  redis_.Kill();
  Run(50ms);
  master = "2001:db8::7";
  redis_.accepts = true;
  Run(600ms);
  EXPECT_EQ(link_->server(), "[2001:db8::7]:6380");
}

TEST_F(LinkTest, HostileAnswersEndTheConnectionAndNothingElse) {
  for (const char* answer :
       {"HTTP/1.1 200 OK\r\n", "*2000000000\r\n", "+OK\r\n+OK\r\n+OK\r\n+OK\r\n", "*0\r\n",
        ":5\r\n", "$-1\r\n", "$5\r\nrole:\r\n", "-\r\n", "*1\r\n*1\r\n*1\r\n:1\r\n"}) {
    redis_.instead = [&](const FakeRedis::Command&) { return std::string(answer); };
    Start();
    Run(2s);
    EXPECT_FALSE(link_->up()) << answer;
    EXPECT_NE(link_->error(), "") << answer;
    redis_.instead = nullptr;
    Run(1200ms);
    EXPECT_TRUE(link_->up()) << answer;
  }
}

TEST_F(LinkTest, ASentinelMaySayAnything) {
  options_.sentinel = "warp";
  for (const char* answer : {"*-1\r\n", "$-1\r\n", "*1\r\n$1\r\nx\r\n", "*2\r\n:1\r\n:2\r\n",
                             "-IDONTKNOW\r\n", "*2\r\n$1\r\nx\r\n$300\r\n", "HTTP\r\n"}) {
    redis_.instead = [&](const FakeRedis::Command&) { return std::string(answer); };
    Start();
    Run(2s);
    EXPECT_FALSE(link_->up()) << answer;
    EXPECT_NE(link_->error(), "") << answer;
  }
}

// What the sentinel names is shown to operators, and text that is none has ended a map.
TEST_F(LinkTest, ASentinelThatNamesNoAddressIsNotFollowed) {
  options_.sentinel = "warp";
  const std::string hosts[] = {"\xff\xfe",
                               "a b",
                               "",
                               "%",
                               "x\r\ny",
                               std::string("good\0.evil", 10),
                               "fe80::1%\xff",
                               "fe80::1%wan0",
                               std::string(100'000, 'x')};
  for (const std::string& host : hosts) {
    for (const char* port : {"6379", "-1", "99999", "\xff"}) {
      redis_.connected.clear();
      redis_.instead = [&](const FakeRedis::Command& command) {
        return command[0] == "SENTINEL" ? Array({Bulk(host), Bulk(port)}) : std::string();
      };
      Start();
      Run(300ms);
      EXPECT_FALSE(link_->up()) << host;
      EXPECT_EQ(link_->error(), "the sentinel names no address of a master");
      for (const std::string& address : redis_.connected)
        EXPECT_TRUE(address == options_.servers[0] || address == options_.servers[1]) << address;
    }
  }
}

}  // namespace
}  // namespace warp::map
