#include "dataplane/wire/network_hash.h"

#include <gtest/gtest.h>

namespace warp::wire {
namespace {

IpAddress At(const char* text) { return *IpAddress::Parse(text); }

TEST(NetworkHash, IsOneForAllThatAStrangerMayHaveForOneAddress) {
  const NetworkHash hash;
  EXPECT_EQ(hash.Of(At("192.0.2.1")), hash.Of(At("192.0.2.254")));
  EXPECT_NE(hash.Of(At("192.0.2.1")), hash.Of(At("192.0.3.1")));
  // A site's own /48, from its first /64 to its last.
  EXPECT_EQ(hash.Of(At("2001:db8:1::1")), hash.Of(At("2001:db8:1:ffff::1")));
  EXPECT_NE(hash.Of(At("2001:db8:1::1")), hash.Of(At("2001:db8:2::1")));
}

TEST(NetworkHash, HasAKeyOfItsOwn) {
  EXPECT_NE(NetworkHash().Of(At("192.0.2.1")), NetworkHash().Of(At("192.0.2.1")));
}

}  // namespace
}  // namespace warp::wire
