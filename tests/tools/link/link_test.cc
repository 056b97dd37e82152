// Tests `warp lab link` as its users call it: between two veth pairs, in a network namespace of the test's own.
#include "tools/link/link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "tests/control/config/temp_dir.h"
#include "tests/control/network_namespace.h"
#include "tests/tools/child.h"
#include "tools/link/link_interface.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

// Ends `site` and `other`, joined by a link between `near` and `far`.
class LinkTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!namespace_.valid()) GTEST_SKIP() << "needs root, for a network namespace";
    ASSERT_TRUE(namespace_.Sh(
        "sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1;"
        "ip link add name site type veth peer name near && ip link add name far type veth peer "
        "name other &&"
        "for i in site near far other; do ip link set $i up; done"));
    namespace_.Do([&] {
      site_.emplace(*LinkInterface::Open("site"));
      other_.emplace(*LinkInterface::Open("other"));
    });
  }

  void Start(std::vector<std::string> options) {
    options.insert(options.begin(), {WARP_BINARY, "lab", "link", "near", "far"});
    namespace_.Do([&] { link_.emplace(options); });
    for (int i = 0; i < 10'000 && link_->err().find(": ready\n") == std::string::npos; ++i) {
      poll(nullptr, 0, 1);
    }
    ASSERT_THAT(link_->err(), HasSubstr(": ready\n"));
  }
  Json Stop() {
    kill(link_->pid(), SIGTERM);
    EXPECT_EQ(link_->Wait(), 0) << link_->err();
    return Json::parse(link_->out());
  }

  // Sends so many frames of this size, whose last byte counts. A joined one is UDP in IPv4, as the kernel asks.
  void Send(LinkInterface& from, int count, size_t size, const Offload& offload = {}) {
    for (int i = 0; i < count; ++i) {
      const std::unique_ptr<uint8_t[]> memory(new uint8_t[sizeof(LinkFrame) + size]());
      auto* frame = new (memory.get()) LinkFrame{};
      frame->size = static_cast<uint32_t>(size);
      frame->copies = 1;
      frame->offload = offload;
      std::fill_n(frame->bytes(), 6, uint8_t{0xFF});
      frame->bytes()[12] = 0x88;  // a type of frame for local experiments (IEEE 802)
      frame->bytes()[13] = 0xB5;
      if (offload.is_joined()) FillUdp({frame->bytes(), size});
      frame->bytes()[size - 1] = static_cast<uint8_t>(i);
      bool refused = true;
      from.Send({&frame, 1}, {&refused, 1});
      EXPECT_FALSE(refused);
    }
  }

  // Whether the log has such words at last.
  static bool Logs(const std::string& path, const std::string& words) {
    for (int i = 0; i < 10'000; ++i) {
      std::ifstream file(path);
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      if (text.find(words) != std::string::npos) return true;
      poll(nullptr, 0, 1);
    }
    return false;
  }

  static void FillUdp(absl::Span<uint8_t> frame) {
    frame[12] = 0x08;
    frame[13] = 0x00;
    const size_t packet = frame.size() - kEthernetHeader, datagram = packet - 20;
    const uint8_t header[] = {0x45,
                              0,
                              static_cast<uint8_t>(packet >> 8),
                              static_cast<uint8_t>(packet),
                              0,
                              0,
                              0,
                              0,
                              64,
                              17,
                              0,
                              0,
                              10,
                              0,
                              0,
                              1,
                              10,
                              0,
                              0,
                              2,
                              0x23,
                              0x28,
                              0x23,
                              0x29,
                              static_cast<uint8_t>(datagram >> 8),
                              static_cast<uint8_t>(datagram)};
    std::copy(std::begin(header), std::end(header), frame.begin() + kEthernetHeader);
  }

  // Waits for this many frames, and returns the last byte of each.
  std::vector<int> Receive(LinkInterface& at, size_t count) {
    std::vector<int> numbers;
    LinkBatch batch;
    pollfd polled{.fd = at.fd(), .events = POLLIN, .revents = 0};
    while (numbers.size() < count && poll(&polled, 1, 10'000) == 1) {
      const auto got = at.Receive(batch);
      for (size_t i = 0; i < got.value_or(0); ++i) numbers.push_back(batch.frame(i).back());
    }
    return numbers;
  }

  control::NetworkNamespace namespace_;
  std::optional<LinkInterface> site_;
  std::optional<LinkInterface> other_;
  std::optional<Child> link_;
};

TEST_F(LinkTest, PassesFramesBothWaysAndCountsThem) {
  TempDir dir;
  Start({"--both", "rate=100Mbit,buffer=1s,delay=1ms", "--down", "duplicate=100%", "--json",
         "--seed", "9", "--log", dir.At("log")});
  Send(*site_, 100, 1442);
  Send(*other_, 50, 60);
  std::vector<int> expected(100);
  for (int i = 0; i < 100; ++i) expected[static_cast<size_t>(i)] = i;
  EXPECT_EQ(Receive(*other_, 100), expected);
  for (int i = 0; i < 100; ++i) expected[static_cast<size_t>(i)] = i / 2;
  EXPECT_EQ(Receive(*site_, 100), expected);
  const Json report = Stop();
  EXPECT_EQ(report["seed"], 9);
  EXPECT_GT(report["started_ns"], 0);
  EXPECT_GT(report["seconds"], 0);
  const Json& up = report["up"];
  EXPECT_EQ(up["frames"], 100);
  EXPECT_EQ(up["bytes"], 144'200);
  EXPECT_EQ(up["delivered"], 100);
  EXPECT_EQ(up["delivered_bytes"], 144'200);
  EXPECT_EQ(up["under_way"], 0);
  EXPECT_EQ(up["duplicated"], 0);
  EXPECT_GT(up["goodput_bit_s"], 0);
  EXPECT_GT(up["queue_ms"]["max"], 0);
  for (const char* drop : {"queue", "loss", "down", "oversize", "arena", "refused", "overrun"}) {
    EXPECT_EQ(up["drops"][drop], 0) << drop;
  }
  EXPECT_EQ(report["down"]["delivered"], 50);
  EXPECT_EQ(report["down"]["duplicated"], 50);
}

TEST_F(LinkTest, ItsLogTellsTheLongestQueueOfEachIntervalOnce) {
  TempDir dir;
  Start(
      {"--both", "rate=1Mbit,buffer=1s", "--json", "--log", dir.At("log"), "--log-interval", "50"});
  // Each frame takes 8 ms, and the last arrives after an interval has ended.
  Send(*site_, 10, 1000);
  EXPECT_EQ(Receive(*other_, 10).size(), 10u);
  Stop();
  std::ifstream file(dir.At("log"));
  double before = 0, longest = 0;
  for (std::string line; std::getline(file, line);) {
    const Json json = Json::parse(line);
    EXPECT_NEAR(json["t"].get<double>() - before, 0.05, 1e-9);
    before = json["t"];
    EXPECT_GE(json["up"]["peak_ms"], json["up"]["queue_ms"]);
    longest = std::max(longest, json["up"]["peak_ms"].get<double>());
  }
  EXPECT_GT(longest, 60);
  EXPECT_LE(longest, 80);
}

TEST_F(LinkTest, EndsByItselfAndHasALineInItsLogForEachTenthOfASecond) {
  TempDir dir;
  Start({"--seconds", "0.35", "--log", dir.At("log")});
  EXPECT_EQ(link_->Wait(), 0);
  EXPECT_THAT(link_->out(), HasSubstr("drop queue"));
  std::ifstream file(dir.At("log"));
  std::vector<double> times;
  for (std::string line; std::getline(file, line);) {
    const Json json = Json::parse(line);
    times.push_back(json["t"]);
    for (const char* direction : {"up", "down"}) {
      EXPECT_EQ(json[direction]["in_mbit"], 0);
      EXPECT_EQ(json[direction]["out_mbit"], 0);
      EXPECT_EQ(json[direction]["queue_ms"], 0);
      EXPECT_EQ(json[direction]["dropped"], 0);
    }
  }
  EXPECT_THAT(times, testing::ElementsAre(0.1, 0.2, 0.3));
}

TEST_F(LinkTest, AJoinedFrameIsDroppedWithTheRemedyOrPassesWhole) {
  // A UDP packet of two parts (VIRTIO_NET_HDR_GSO_UDP_L4), whose checksum is to be made.
  const Offload joined{.flags = Offload::kNeedsChecksum,
                       .joining = 5,
                       .header_size = 42,
                       .segment_size = 1000,
                       .checksum_start = 34,
                       .checksum_offset = 6};
  Start({"--json"});
  Send(*site_, 1, 2042, joined);
  Send(*site_, 1, 100);
  EXPECT_EQ(Receive(*other_, 1).size(), 1u);
  EXPECT_EQ(Stop()["up"]["drops"]["oversize"], 1);
  EXPECT_THAT(link_->err(),
              HasSubstr("ethtool -K INTERFACE tso off gso off tx-udp-segmentation off"));
  Start({"--joined", "--json"});
  Send(*site_, 1, 2042, joined);
  EXPECT_EQ(Receive(*other_, 1).size(), 1u);
  const Json up = Stop()["up"];
  EXPECT_EQ(up["delivered_bytes"], 2042);
  EXPECT_EQ(up["drops"]["oversize"], 0);
}

TEST_F(LinkTest, AnInterfaceThatIsDownRefusesAndReturns) {
  TempDir dir;
  Start({"--json", "--log", dir.At("log")});
  ASSERT_TRUE(namespace_.Sh("ip link set far down"));
  Send(*site_, 1, 100);
  ASSERT_TRUE(Logs(dir.At("log"), "\"dropped\":1}"));
  ASSERT_TRUE(namespace_.Sh("ip link set far up"));
  Send(*site_, 1, 100);
  EXPECT_EQ(Receive(*other_, 1).size(), 1u);
  const Json up = Stop()["up"];
  EXPECT_EQ(up["drops"]["refused"], 1);
  EXPECT_EQ(up["delivered"], 1);
}

TEST_F(LinkTest, EndsWhenAnInterfaceIsRemoved) {
  Start({});
  ASSERT_TRUE(namespace_.Sh("ip link del far"));
  EXPECT_EQ(link_->Wait(), 1);
  EXPECT_THAT(link_->err(), HasSubstr("\nwarp: interface far was removed\n"));
}

TEST_F(LinkTest, ErrorsAreOneLine) {
  for (const auto& [arguments, error] :
       std::initializer_list<std::pair<std::vector<std::string>, const char*>>{
           {{"near", "nowhere"}, "warp: there is no interface \"nowhere\"\n"},
           {{"near", "near"}, "warp: a link has two ends: the interfaces are the same\n"},
           {{"near", "far", "--up", "delay=3"},
            "warp: --up: delay: \"3\" is no time: write 30ms, 1.5s or 250us\n"},
           {{"near", "far", "--both", "loss=3"},
            "warp: --both: loss: \"3\" is no share: write 2% or 0.05%, 100% at most\n"},
           {{"near", "far", "--log", "/nowhere/log"},
            "warp: cannot write /nowhere/log: No such file or directory\n"}}) {
    std::vector<std::string> command = {WARP_BINARY, "lab", "link"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    std::optional<Child> child;
    namespace_.Do([&] { child.emplace(command); });
    EXPECT_EQ(child->Wait(), 1);
    EXPECT_EQ(child->err(), error);
    EXPECT_EQ(child->out(), "");
  }
}

TEST(LinkRightsTest, SaysWhatItNeeds) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to give rights away";
  Child child({"/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all", WARP_BINARY, "lab",
               "link", "lo", "lo2"});
  EXPECT_EQ(child.Wait(), 1);
  EXPECT_EQ(child.err(), "warp: a link needs root, or CAP_NET_RAW, to read whole frames\n");
}

}  // namespace
}  // namespace warp::tools
