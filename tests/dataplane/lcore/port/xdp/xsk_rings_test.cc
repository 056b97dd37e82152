// A driver may close all of an AF_XDP socket, a part of it, or nothing. The test checks which parts are then released.
#include "dataplane/lcore/port/xdp/xsk_rings.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace warp::lcore {
namespace {

int LocalSocket() { return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); }
bool IsOpen(int descriptor) { return fcntl(descriptor, F_GETFD) >= 0; }

bool IsMapped(ino_t inode) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(absl::StrCat("socket:[", inode, "]")) != std::string::npos) return true;
  }
  return false;
}

TEST(XskRelease, ClosesWhatTheDriverLeftOpen) {
  const int descriptor = LocalSocket();
  ReleaseSocket(descriptor, InodeOf(descriptor));
  EXPECT_FALSE(IsOpen(descriptor));
}

TEST(XskRelease, LeavesAloneWhoeverGotTheNumberSince) {
  const int descriptor = LocalSocket();
  const ino_t inode = InodeOf(descriptor);
  const int other = LocalSocket();
  ASSERT_EQ(dup2(other, descriptor), descriptor);
  ReleaseSocket(descriptor, inode);
  EXPECT_TRUE(IsOpen(descriptor));
  EXPECT_EQ(InodeOf(descriptor), InodeOf(other));
  close(descriptor);
  close(other);
}

TEST(XskRelease, UnmapsARingOfAClosedSocket) {
  const int descriptor = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (descriptor < 0) GTEST_SKIP() << "no privilege to open AF_XDP sockets";
  const ino_t inode = InodeOf(descriptor);
  const int descriptors = 64;
  ASSERT_EQ(setsockopt(descriptor, SOL_XDP, XDP_RX_RING, &descriptors, sizeof(descriptors)), 0);
  ASSERT_NE(mmap(nullptr, descriptors * sizeof(xdp_desc), PROT_READ | PROT_WRITE, MAP_SHARED,
                 descriptor, XDP_PGOFF_RX_RING),
            MAP_FAILED);
  close(descriptor);
  ASSERT_TRUE(IsMapped(inode));
  ReleaseSocket(descriptor, inode);
  EXPECT_FALSE(IsMapped(inode));
}

}  // namespace
}  // namespace warp::lcore
