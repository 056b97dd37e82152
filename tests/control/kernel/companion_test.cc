#include "control/kernel/companion.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/userfaultfd.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "control/kernel/netlink.h"
#include "dataplane/os/unique_fd.h"
#include "tests/control/network_namespace.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using ::testing::HasSubstr;
using FrameBytes = std::vector<uint8_t>;

constexpr wire::MacAddress kPortMac{{0x02, 0, 0, 0, 0, 0x01}};
constexpr wire::MacAddress kOtherMac{{0x02, 0, 0, 0, 0, 0x02}};

// An ARP request (RFC 826): "who has 10.1.0.1? Tell 10.1.0.2."
FrameBytes ArpRequest() {
  FrameBytes frame(6, 0xff);
  const auto put = [&](std::initializer_list<uint8_t> bytes) { frame.insert(frame.end(), bytes); };
  const auto put_mac = [&](const wire::MacAddress& mac) {
    frame.insert(frame.end(), mac.bytes.begin(), mac.bytes.end());
  };
  put_mac(kOtherMac);
  put({0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1});
  put_mac(kOtherMac);
  put({10, 1, 0, 2});
  put({0, 0, 0, 0, 0, 0, 10, 1, 0, 1});
  frame.resize(60);
  return frame;
}

bool IsArpReply(const FrameBytes& frame) {
  return frame.size() >= 42 &&
         std::equal(kOtherMac.bytes.begin(), kOtherMac.bytes.end(), frame.begin()) &&
         frame[12] == 0x08 && frame[13] == 0x06 && frame[21] == 2 &&
         std::equal(kPortMac.bytes.begin(), kPortMac.bytes.end(), frame.begin() + 22);
}

class CompanionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!home_.valid() || access("/dev/net/tun", W_OK) != 0)
      GTEST_SKIP() << "needs CAP_SYS_ADMIN and TUN";
  }
  void Story(const std::function<void()>& story) {
    home_.Do([&] {
      loop_ = MakeLoop();
      netlink_ = *Netlink::Open(*loop_);
      story();
      companion_.reset();
      netlink_.reset();
      loop_.reset();
    });
  }
  static void Ip(const std::string& command) {
    EXPECT_TRUE(NetworkNamespace::Run("ip " + command)) << command;
  }
  absl::Status Open(CompanionOptions options = {
                        .name = "warp-wan1", .mac = kPortMac, .mtu = 1400}) {
    auto companion = Companion::Open(*loop_, options, [this](wire::Bytes frame) {
      frames_.emplace_back(frame.begin(), frame.end());
    });
    if (companion.ok()) companion_ = *std::move(companion);
    return companion.status();
  }
  InterfaceState State() { return netlink_->Find("warp-wan1"); }
  bool Turn(const std::function<bool()>& happened) { return TurnUntil(*loop_, happened); }
  bool KernelAnswersArp() {
    frames_.clear();
    return Turn(
        // The request is repeated, because the kernel may need some time to start the interface's queue.
        [&] {
          EXPECT_TRUE(companion_->Write(ArpRequest()));
          return std::any_of(frames_.begin(), frames_.end(), IsArpReply);
        });
  }

  NetworkNamespace home_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Netlink> netlink_;
  std::unique_ptr<Companion> companion_;
  std::vector<FrameBytes> frames_;
};

TEST_F(CompanionTest, IsMadeUpAndSpeaksForThePort) {
  Story([&] {
    ASSERT_TRUE(Open().ok());
    EXPECT_TRUE(companion_->created());
    ASSERT_TRUE(Turn([&] { return State().up(); }));
    EXPECT_EQ(State().mac, kPortMac);
    EXPECT_EQ(State().mtu, 1400u);
    Ip("addr add 10.1.0.1/24 dev warp-wan1");
    EXPECT_TRUE(KernelAnswersArp());
  });
}

TEST_F(CompanionTest, EndsWithItsOwner) {
  Story([&] {
    ASSERT_TRUE(Open().ok());
    ASSERT_TRUE(Turn([&] { return State().up(); }));
    companion_.reset();
    ASSERT_TRUE(Turn([&] { return !State().present(); }));
  });
}

TEST_F(CompanionTest, CarrierIsThePortsLink) {
  Story([&] {
    ASSERT_TRUE(Open({.name = "warp-wan1", .mac = kPortMac, .carrier = false}).ok());
    ASSERT_TRUE(Turn([&] { return State().admin_up; }));
    EXPECT_FALSE(State().carrier);
    for (int i = 0; i < 2; ++i) {
      companion_->SetCarrier(true);
      ASSERT_TRUE(Turn([&] { return State().up(); }));
      companion_->SetCarrier(false);
      ASSERT_TRUE(Turn([&] { return !State().up(); }));
    }
  });
}

// Keeps the kernel's RTNL lock while it lives: the kernel waits there for a page of a question that nobody brings.
class RtnlHolder {
 public:
  RtnlHolder() : faults_(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK))) {
    uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
    uffdio_register wanted{.range = {reinterpret_cast<uintptr_t>(pages_ + kPage), kPage},
                           .mode = UFFDIO_REGISTER_MODE_MISSING,
                           .ioctls = 0};
    if (!faults_ || ioctl(faults_.get(), UFFDIO_API, &api) != 0 ||
        ioctl(faults_.get(), UFFDIO_REGISTER, &wanted) != 0) {
      return;
    }
    // The command lies in the first page, and what the kernel reads with the lock is missing.
    const uint32_t command = ETHTOOL_GSTRINGS;
    std::memcpy(pages_ + kPage - sizeof(command), &command, sizeof(command));
    asker_ = std::thread([this] {
      const os::UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      ifreq request{};
      std::strcpy(request.ifr_name, "lo");
      request.ifr_data = pages_ + kPage - sizeof(command);
      ioctl(control.get(), SIOCETHTOOL, &request);
    });
    pollfd fault{.fd = faults_.get(), .events = POLLIN, .revents = 0};
    holds_ = poll(&fault, 1, 5000) == 1;
  }
  ~RtnlHolder() {
    LetGo();
    if (asker_.joinable()) asker_.join();
    munmap(pages_, 2 * kPage);
  }
  bool holds() const { return holds_; }
  // Any thread.
  void LetGo() {
    uffdio_zeropage page{
        .range = {reinterpret_cast<uintptr_t>(pages_ + kPage), kPage}, .mode = 0, .zeropage = 0};
    ioctl(faults_.get(), UFFDIO_ZEROPAGE, &page);
  }

 private:
  static constexpr size_t kPage = 4096;
  char* const pages_ = static_cast<char*>(
      mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  const os::UniqueFd faults_;
  std::thread asker_;
  bool holds_ = false;
};

// Whoever changes an interface may keep the lock for seconds, and that is when links come and go.
TEST_F(CompanionTest, ChangesOfTheLinkWaitForNobody) {
  Story([&] {
    ASSERT_TRUE(Open().ok());
    ASSERT_TRUE(Turn([&] { return State().up(); }));
    RtnlHolder holder;
    if (!holder.holds()) GTEST_SKIP() << "no userfaultfd";
    std::promise<void> over;
    auto in_time = std::async(std::launch::async, [&] {
      const bool before =
          over.get_future().wait_for(std::chrono::seconds(2)) == std::future_status::ready;
      holder.LetGo();
      return before;
    });
    for (int i = 0; i < 101; ++i) {
      companion_->SetCarrier(i % 2 == 1);
      loop_->RunOnce(64);
    }
    over.set_value();
    EXPECT_TRUE(in_time.get());
    ASSERT_TRUE(Turn([&] { return !State().carrier; }));
  });
}

TEST_F(CompanionTest, OneMadeBeforehandKeepsWhatIsTheOperators) {
  for (const char* kind : {"", " multi_queue"}) {
    Story([&] {
      Ip(std::string("tuntap add warp-wan1 mode tap") + kind);
      Ip("link set warp-wan1 mtu 1300 up");
      Ip("addr add 10.1.0.1/24 dev warp-wan1");
      for (int run = 0; run < 2; ++run) {
        ASSERT_TRUE(Open().ok()) << kind;
        EXPECT_FALSE(companion_->created());
        ASSERT_TRUE(Turn([&] { return State().up() && State().mac == kPortMac; }));
        EXPECT_EQ(State().mtu, 1300u);
        EXPECT_TRUE(KernelAnswersArp());
        companion_.reset();
        ASSERT_TRUE(Turn([&] { return !State().carrier; }));
        EXPECT_EQ(State().addresses.size(), 1u);
      }
      Ip("link del warp-wan1");
    });
  }
}

TEST_F(CompanionTest, ResolvesNextHopsLikeAnyInterface) {
  Story([&] {
    ASSERT_TRUE(Open().ok());
    Ip("addr add 10.1.0.1/24 dev warp-wan1");
    NextHop hop;
    const Flow flow{.local = {{}, 13116}, .remote = *wire::Endpoint::Parse("10.1.0.2:13116")};
    auto watch =
        netlink_->WatchNextHop({"warp-wan1"}, flow, [&](const NextHop& now) { hop = now; });
    // The kernel asks through the TAP interface, and the test plays the other end of the link.
    ASSERT_TRUE(Turn([&] {
      return std::any_of(frames_.begin(), frames_.end(), [](const FrameBytes& frame) {
        return frame.size() >= 42 && frame[12] == 0x08 && frame[13] == 0x06 && frame[21] == 1 &&
               frame[41] == 2;
      });
    }));
    FrameBytes reply = ArpRequest();
    std::copy(kPortMac.bytes.begin(), kPortMac.bytes.end(), reply.begin());
    reply[21] = 2;
    std::copy(kPortMac.bytes.begin(), kPortMac.bytes.end(), reply.begin() + 32);
    EXPECT_TRUE(companion_->Write(reply));
    ASSERT_TRUE(Turn([&] { return hop.reachable(); }));
    EXPECT_EQ(hop.mac, kOtherMac);
    EXPECT_EQ(hop.mtu, 1400u);
  });
}

TEST_F(CompanionTest, RefusedFramesAreTold) {
  Story([&] {
    ASSERT_TRUE(Open().ok());
    // A frame that is shorter than an Ethernet header.
    EXPECT_FALSE(companion_->Write(FrameBytes(3)));
    Ip("link set warp-wan1 down");
    EXPECT_FALSE(companion_->Write(ArpRequest()));
  });
}

TEST_F(CompanionTest, SaysWhatIsInTheWay) {
  Story([&] {
    ASSERT_TRUE(Open().ok());
    auto again =
        Companion::Open(*loop_, {.name = "warp-wan1", .mac = kPortMac}, [](wire::Bytes) {});
    EXPECT_EQ(again.status().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(std::string(again.status().message()), HasSubstr("warp-wan1 is in use"));
    auto other = Companion::Open(*loop_, {.name = "lo", .mac = kPortMac}, [](wire::Bytes) {});
    EXPECT_THAT(std::string(other.status().message()), HasSubstr("lo: an interface of that name"));
    auto nameless =
        Companion::Open(*loop_, {.name = "a-name-that-is-too-long"}, [](wire::Bytes) {});
    EXPECT_EQ(nameless.status().code(), absl::StatusCode::kInvalidArgument);
  });
}

}  // namespace
}  // namespace warp::control
