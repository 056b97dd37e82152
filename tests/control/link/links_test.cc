#include "control/link/links.h"

#include <gtest/gtest.h>

#include "tests/control/fake_dataplane.h"
#include "tests/control/fake_netlink.h"

namespace warp::control {
namespace {

using namespace std::chrono_literals;

class LinksTest : public testing::Test {
 protected:
  static protocol::NodeOptions Options() {
    protocol::NodeOptions options;
    options.identity.secret_key = wire::SecretKey::Generate();
    options.identity.wall_clock = [] { return uint64_t{1}; };
    return options;
  }
  // Waits until the clock has moved by more than two snapshots are apart.
  void LetASnapshotBeDue() {
    const wire::Instant begin = loop_->BeginTurn();
    while (loop_->BeginTurn() < begin + 2ms) {
    }
  }

  std::unique_ptr<Loop> loop_ = *Loop::Open(Loop::BackEnd::kEpoll);
  FakeNetlink netlink_;
  lcore::FakeDataplane dataplane_;
  config::NodeConfig config_;
  protocol::Node node_{Options()};
  Links links_{{.loop = *loop_,
                .netlink = netlink_,
                .dataplane = dataplane_,
                .protocol = node_,
                .config = config_},
               [](uint64_t) {}};
};

// Who asks when to come again must not sleep while datagrams are left.
TEST_F(LinksTest, IsDueAtOnceWhileDatagramsAreLeft) {
  LetASnapshotBeDue();
  node_.SetPort(loop_->now(), 0, {.up = true, .addresses = {wire::IpAddress::V4({10, 0, 0, 1})}});
  for (uint8_t host = 2; host < 5; ++host) {
    ASSERT_TRUE(node_.AddPeer(loop_->now(),
                              {.public_key = wire::SecretKey::Generate().Public(),
                               .endpoints = {{wire::IpAddress::V4({10, 0, 0, host}), 13116}}}));
  }
  while (node_.NextTimeout() <= loop_->now()) node_.HandleTimeout(loop_->now());
  links_.PublishIfChanged();
  for (int left = 3; left > 0; --left) {
    EXPECT_LE(links_.NextTimeout(), loop_->now()) << left;
    links_.SendDatagrams(1);
  }
  EXPECT_EQ(links_.transmitter().drops().Get(wire::Drop::kNoPath), 3u);  // there is no port
  EXPECT_EQ(links_.NextTimeout(), wire::kNever);
}

}  // namespace
}  // namespace warp::control
