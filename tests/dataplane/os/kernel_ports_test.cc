#include "dataplane/os/kernel_ports.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/wait.h>
#include <unistd.h>

namespace warp::os {
namespace {

TEST(DriverFacts, AnInterfaceWithoutAnEthernetHeaderOrNoneIsNotEthernet) {
  EXPECT_FALSE(ReadDriverFacts("lo").ethernet);
  EXPECT_FALSE(ReadDriverFacts("no-such-port").ethernet);
  EXPECT_FALSE(ReadDriverFacts("a-name-that-is-longer-than-any").ethernet);
  EXPECT_FALSE(ReadDriverFacts("").ethernet);
}

// A process of an ordinary user, whatever the user of the test.
TEST(DriverFacts, WithoutRightsPacketSocketsAreNotAllowed) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (geteuid() == 0 && setuid(65534) != 0) _exit(2);
    _exit(ReadDriverFacts("lo").packet_sockets_allowed ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Interfaces, AreListedWithTheLoopbackInterface) {
  int loopback = 0;
  int last = 0;
  for (const Interface& interface : ReadInterfaces()) {
    EXPECT_GT(interface.index, last);
    EXPECT_EQ(if_nametoindex(interface.name.c_str()), static_cast<unsigned>(interface.index));
    last = interface.index;
    loopback += interface.loopback ? 1 : 0;
  }
  EXPECT_EQ(loopback, 1);
}

}  // namespace
}  // namespace warp::os
