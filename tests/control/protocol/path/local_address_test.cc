// Which address of ours a path leaves from: a peer behind a filter hears only the address that it wrote to.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Endpoint;
using wire::IpAddress;

// Node 0 has one address, and knows of node 1 the second one of its two. Node 1 waits to be asked.
class LocalAddressTest : public testing::Test {
 protected:
  LocalAddressTest() {
    net_.AddAddress(1, 0, asked_.address);
    const PeerId peer = net_.AddPeer(0, 1, /*endpoints=*/false);
    net_.AddPeer(1, 0, /*endpoints=*/false);
    net_.node(0).SetPeerEndpoints(net_.now(), peer, EndpointSource::kConfig, {{asked_}});
  }
  // Node 0 is behind a NAT that lets in only what comes from where it wrote to.
  void HideNode0() {
    net_.Nat(0, 0, outside_);
    net_.Filter([this](const Seen& seen) {
      if (seen.from_node == 0) written_.push_back(seen.to);
      return seen.to != outside_ ||
             std::find(written_.begin(), written_.end(), seen.from) != written_.end();
    });
  }

  const Endpoint asked_{IpAddress::V4({10, 1, 0, 7}), wire::kDefaultPort};
  const Endpoint outside_{IpAddress::V4({192, 0, 2, 1}), 20000};
  std::vector<Endpoint> written_;
  VirtualNet net_{{.ports = {1, 1}}};
};

TEST_F(LocalAddressTest, EverythingLeavesFromTheAddressThatWasAsked) {
  HideNode0();
  net_.Record(true);
  net_.Talk(0, 1);
  net_.Run(10s);
  EXPECT_TRUE(net_.Connected(0, 1));
  EXPECT_TRUE(net_.Connected(1, 0));
  // The other address of node 1 is no second path over the same wire.
  EXPECT_EQ(net_.Peer(0, 1).paths.size(), 1u);
  ASSERT_EQ(net_.Peer(1, 0).paths.size(), 1u);
  EXPECT_EQ(net_.Peer(1, 0).paths[0].state, PathState::kActive);
  EXPECT_EQ(net_.Peer(1, 0).paths[0].local, asked_.address);
  for (const Seen& seen : net_.TakeSeen()) {
    if (seen.from_node != 1) continue;
    EXPECT_EQ(seen.from, asked_);
  }
  EXPECT_GT(net_.TakeReceived(0).size(), 400u);
}

TEST_F(LocalAddressTest, ALearnedEndpointRemembersItWhileThePortIsClosed) {
  HideNode0();
  net_.RunUntil([&] { return net_.ActivePaths(1, 0) == 1; }, 5s);
  net_.Cut(0, 0);  // nothing tells node 1 anew
  net_.node(1).RemovePort(net_.now(), 0);
  net_.Run(1s);
  EXPECT_TRUE(net_.Peer(1, 0).paths.empty());
  net_.PortUp(1, 0);
  net_.Run(100ms);
  ASSERT_EQ(net_.Peer(1, 0).paths.size(), 1u);
  EXPECT_EQ(net_.Peer(1, 0).paths[0].local, asked_.address);
}

// The kernel chooses where there is nothing to choose: it follows every change of the address.
TEST_F(LocalAddressTest, WhoHasOneAddressLeavesItToTheKernel) {
  net_.RunUntil([&] { return net_.ActivePaths(0, 1) == 1; }, 5s);
  EXPECT_TRUE(net_.Peer(0, 1).paths.at(0).local.is_unspecified());
}

TEST_F(LocalAddressTest, AnActivePathKeepsItsAddress) {
  net_.RunUntil([&] { return net_.ActivePaths(1, 0) == 1; }, 5s);
  const Endpoint other = net_.EndpointOf(1, 0);
  net_.node(0).SetPeerEndpoints(net_.now(), 0, EndpointSource::kConfig, {{asked_, other}});
  net_.Run(5s);
  EXPECT_EQ(net_.ActivePaths(0, 1), 2u);
  EXPECT_EQ(net_.Peer(1, 0).paths.at(0).local, asked_.address);
}

// A path that is lost tries the kernel's choice as well.
TEST_F(LocalAddressTest, AnAddressThatCeasesToWorkIsLeft) {
  net_.Talk(0, 1);
  net_.RunUntil([&] { return net_.ActivePaths(1, 0) == 1; }, 5s);
  net_.Filter([this](const Seen& seen) { return seen.from != asked_ && seen.to != asked_; });
  net_.Run(10s);
  EXPECT_EQ(net_.ActivePaths(1, 0), 1u);
  EXPECT_EQ(net_.Peer(1, 0).paths.at(0).local, net_.EndpointOf(1, 0).address);
  EXPECT_TRUE(net_.Connected(0, 1));
}

// The peer's other address is asked after the first one has failed.
TEST_F(LocalAddressTest, TheNewestAddressThatIsAskedCounts) {
  HideNode0();
  net_.RunUntil([&] { return net_.ActivePaths(1, 0) == 1; }, 5s);
  const Endpoint other = net_.EndpointOf(1, 0);
  written_.clear();
  net_.Filter([this](const Seen& seen) {
    if (seen.from == asked_ || seen.to == asked_) return false;
    if (seen.from_node == 0) written_.push_back(seen.to);
    return seen.to != outside_ ||
           std::find(written_.begin(), written_.end(), seen.from) != written_.end();
  });
  net_.Run(5s);
  net_.node(0).SetPeerEndpoints(net_.now(), 0, EndpointSource::kConfig, {{other}});
  net_.Run(5s);
  EXPECT_TRUE(net_.Connected(1, 0));
  EXPECT_EQ(net_.ActivePaths(1, 0), 1u);
  EXPECT_EQ(net_.Peer(1, 0).paths.at(0).local, other.address);
}

}  // namespace
}  // namespace warp::protocol
