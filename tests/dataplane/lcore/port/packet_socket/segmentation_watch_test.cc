// What an interface says of the joined frames that it takes, whatever becomes of the news.
#include "dataplane/lcore/port/packet_socket/segmentation_watch.h"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/dataplane/lcore/port/port_fixture.h"

namespace warp::lcore {
namespace {

class SegmentationWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!private_network) GTEST_SKIP() << "needs the right to make a network namespace";
    ASSERT_TRUE(Ip("link add w0 type veth peer name w1"));
    Start();
  }
  void TearDown() override {
    watch_.reset();
    if (if_nametoindex("w0") != 0) Ip("link del w0");
  }

  static bool Ip(const std::string& arguments) {
    return std::system(absl::StrCat("ip ", arguments).c_str()) == 0;
  }
  static bool Switch(bool on) {
    return std::system(absl::StrCat("ethtool -K w0 tx-udp-segmentation ", on ? "on" : "off",
                                    " >/dev/null 2>&1")
                           .c_str()) == 0;
  }
  // Sets the limit of IPv4 frames alone, for which ip(8) knows no word before 6.3. False: this kernel has none.
  static bool SetIpv4Limit(uint32_t bytes) {
    struct {
      nlmsghdr header;
      ifinfomsg link;
      rtattr fact;
      uint32_t value;
    } request{};
    request.header = {.nlmsg_len = sizeof(request),
                      .nlmsg_type = RTM_NEWLINK,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
                      .nlmsg_seq = 0,
                      .nlmsg_pid = 0};
    request.link.ifi_index = static_cast<int>(if_nametoindex("w0"));
    request.fact = {.rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = 63};
    request.value = bytes;
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct {
      nlmsghdr header;
      nlmsgerr error;
    } answer{};
    EXPECT_EQ(send(fd, &request, sizeof(request), 0), static_cast<ssize_t>(sizeof(request)));
    EXPECT_GE(recv(fd, &answer, sizeof(answer), 0), static_cast<ssize_t>(sizeof(answer)));
    close(fd);
    return answer.error.error == 0;
  }

  void Start() {
    auto watch =
        SegmentationWatch::Start(static_cast<int>(if_nametoindex("w0")), [this](const auto& told) {
          const std::lock_guard hold(held_);
          const std::lock_guard lock(mutex_);
          told_ = told;
        });
    ASSERT_TRUE(watch.ok()) << watch.status();
    watch_ = *std::move(watch);
  }
  Segmentation Told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  bool ComesToBe(const Segmentation& wanted) {
    for (int ms = 0; Told() != wanted && ms < 2000; ++ms) usleep(1000);
    return Told() == wanted;
  }

  std::mutex held_;  // whoever has it holds up the watch's thread
  std::unique_ptr<SegmentationWatch> watch_;

 private:
  std::mutex mutex_;
  Segmentation told_;
};

// The kernel drops an IPv4 frame above this limit, though the common one is higher.
TEST_F(SegmentationWatchTest, TheLowerOfTwoLimitsCounts) {
  if (!SetIpv4Limit(3000)) GTEST_SKIP() << "this kernel has no such limit";
  watch_.reset();
  Start();
  EXPECT_EQ(Told().bytes, 3000u);
  ASSERT_TRUE(SetIpv4Limit(65536));
  watch_.reset();
  Start();
  EXPECT_EQ(Told().bytes, 65536u);
}

// The thread stands still until its socket holds no more, and what the interface has become is among what is lost.
TEST_F(SegmentationWatchTest, LostNewsAreAskedForAgain) {
  ASSERT_TRUE(Told().enabled);
  {
    const std::lock_guard hold(held_);
    if (!Switch(false)) GTEST_SKIP() << "no ethtool";
    FILE* changes = popen("ip -batch -", "w");
    ASSERT_NE(changes, nullptr);
    for (int i = 0; i < 2000; ++i) std::fprintf(changes, "link set w1 mtu %d\n", 1300 + i % 2);
    std::fprintf(changes, "link set w0 gso_max_size 10000\nlink set w0 mtu 1400\n");
    ASSERT_EQ(pclose(changes), 0);
    ASSERT_TRUE(Switch(true));
  }
  EXPECT_TRUE(ComesToBe({.enabled = true, .segments = 65535, .bytes = 10000})) << Told().bytes;
}

}  // namespace
}  // namespace warp::lcore
