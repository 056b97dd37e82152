// Names are found over whichever uplink works. The default route leads over up0, which swallows everything; the name
// server is reached over up1, by a route of a table that a rule chooses by the source address.
//
//   home  up0 ── (nobody)
//         up1 ── d1  far: name server 10.88.0.1
#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <optional>
#include <string>

#include "control/loop/names/dns_client.h"
#include "control/loop/resolver.h"
#include "tests/control/loop/name_server.h"
#include "tests/control/network_namespace.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

class UplinksTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!home_.valid() || !far_.valid()) GTEST_SKIP() << "needs root";
    const std::string far = std::to_string(far_.tid());
    ASSERT_TRUE(home_.Sh("ip link add up0 type veth peer name d0 netns " + far));
    ASSERT_TRUE(home_.Sh("ip link add up1 type veth peer name d1 netns " + far));
    ASSERT_TRUE(far_.Sh("ip link set d0 up && ip link set d1 up"));
    ASSERT_TRUE(home_.Sh("ip link set up0 up && ip link set up1 up"));
    ASSERT_TRUE(home_.Sh("ip addr add 10.98.0.2/24 dev up0 && ip addr add 10.99.0.2/24 dev up1"));
    ASSERT_TRUE(home_.Sh("ip route add default via 10.98.0.1 dev up0 metric 1"));
    ASSERT_TRUE(home_.Sh("ip neigh add 10.98.0.1 lladdr 02:00:00:00:00:01 dev up0"));
    ASSERT_TRUE(home_.Sh("ip route add default via 10.99.0.1 dev up1 table 101"));
    ASSERT_TRUE(home_.Sh("ip rule add from 10.99.0.2 table 101"));
    ASSERT_TRUE(far_.Sh("ip addr add 10.99.0.1/24 dev d1 && ip addr add 10.88.0.1/32 dev lo"));
    // Whoever asks up1 for the name server itself, as for a neighbour, hears nothing.
    ASSERT_TRUE(far_.Sh("echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore"));
    far_.Do([&] { server_ = std::make_unique<NameServer>("10.88.0.1"); });
  }

  NetworkNamespace home_;
  NetworkNamespace far_;
  std::unique_ptr<NameServer> server_;
};

TEST_F(UplinksTest, AQuestionLeavesOverTheInterfaceItIsBoundTo) {
  home_.Do([&] {
    auto client = DnsClient::Start(server_->Options());
    ASSERT_TRUE(client.ok()) << client.status();
    const auto ask = [&](const std::string& interface) -> std::optional<DnsClient::Answer> {
      (*client)->Ask({.id = 7, .round = 9, .host = "good.example", .interface = interface});
      pollfd ready = {.fd = (*client)->fd(), .events = POLLIN, .revents = 0};
      EXPECT_EQ(poll(&ready, 1, 10'000), 1);
      const auto answers = (*client)->TakeAnswers();
      EXPECT_EQ(answers.size(), 1u);
      return answers.empty() ? std::nullopt : std::optional(answers[0]);
    };
    EXPECT_FALSE(ask("")->found.ok());
    const auto found = ask("up1");
    ASSERT_TRUE(found->found.ok()) << found->found.status();
    EXPECT_EQ(found->found->addresses.at(0).ToString(), "192.0.2.7");
    EXPECT_EQ(found->id, 7u);
    EXPECT_EQ(found->round, 9u);
    EXPECT_FALSE(ask("up0")->found.ok());
    EXPECT_FALSE(ask("nowhere0")->found.ok());
  });
}

TEST_F(UplinksTest, ANameIsFoundAlthoughTheDefaultRouteIsDead) {
  home_.Do([&] {
    const std::unique_ptr<Loop> loop = MakeLoop();
    ResolverOptions options;
    options.patience = std::chrono::milliseconds(20);
    options.uplinks = [] { return std::vector<std::string>{"up0", "up1"}; };
    options.dns = server_->Options();
    options.system = [](const std::string&) { return absl::NotFoundError("asleep"); };
    auto resolver = Resolver::Open(*loop, std::move(options));
    ASSERT_TRUE(resolver.ok()) << resolver.status();
    std::optional<absl::StatusOr<std::vector<wire::Endpoint>>> result;
    const auto watch =
        (*resolver)->Watch("good.example:13116", [&](const auto& found) { result = found; });
    ASSERT_TRUE(TurnUntil(*loop, [&] { return result.has_value(); }));
    ASSERT_TRUE(result->ok()) << result->status();
    EXPECT_EQ((*result)->at(0).ToString(), "192.0.2.7:13116");
  });
}

}  // namespace
}  // namespace warp::control
