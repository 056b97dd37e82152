// Ports that are UDP sockets. Most tests run over the loopback interface, and so without any right: two ports with UDP
// ports of their own. Where an interface must have an MTU or a far end, there is a veth link between two namespaces.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/lcore/port/joined/made_up_link.h"
#include "dataplane/lcore/port/udp_socket/driver_udp.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/frame/segments.h"
#include "tests/dataplane/lcore/port/port_fixture.h"
#include "tests/refuse_binding.h"

namespace warp::lcore {
namespace {

wire::Endpoint At(const std::string& text) { return wire::Endpoint::Parse(text).value(); }

void Shell(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }

class UdpTest : public PortTest {
 protected:
  // A frame as a worker makes it. Its bytes are `fill`; with `split` they are a chain of two pieces, as in a copy.
  rte_mbuf* FrameOf(const wire::Endpoint& from, const wire::Endpoint& to, uint16_t size,
                    uint8_t fill, bool split = false) {
    const wire::FrameTemplate headers = wire::MakeFrameTemplate(kSocketMac, {}, from, to);
    rte_mbuf* frame = rte_pktmbuf_alloc(pool(0));
    rte_mbuf* payload = split ? rte_pktmbuf_alloc(pool(0)) : frame;
    auto* out = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(frame, headers.size));
    wire::WriteFrameHeader(headers, size, 0, out);
    std::memset(rte_pktmbuf_append(payload, size), fill, size);
    if (split) rte_pktmbuf_chain(frame, payload);
    return frame;
  }
  struct Item {
    wire::Endpoint from, to;
    uint16_t size = 100;
    bool split = false;
  };
  // Sends one burst, in which frame i is full of i. Returns how many the port took; the others are freed.
  uint16_t SendBurst(Port& port, const std::vector<Item>& items) {
    std::vector<rte_mbuf*> frames;
    for (const Item& item : items) {
      frames.push_back(
          FrameOf(item.from, item.to, item.size, static_cast<uint8_t>(frames.size()), item.split));
    }
    const uint16_t sent = port.TxBurst(frames.data(), static_cast<uint16_t>(frames.size()));
    for (size_t i = sent; i < frames.size(); ++i) rte_pktmbuf_free(frames[i]);
    return sent;
  }
  struct Arrived {
    wire::ParsedFrame headers;
    std::string bytes;
  };
  // Receives until so many are there or nothing has come for a while, by `portion` frames a call.
  std::vector<Arrived> ReceiveAll(Port& port, size_t count, uint16_t portion = 32) {
    std::vector<Arrived> all;
    for (int silent_ms = 0; all.size() < count && silent_ms < 300;) {
      std::vector<rte_mbuf*> burst(portion);
      const uint16_t got = port.RxBurst(burst.data(), portion);
      if (got == 0) {
        usleep(1000);
        ++silent_ms;
        continue;
      }
      silent_ms = 0;
      for (uint16_t i = 0; i < got; ++i) {
        Arrived arrived;
        const auto* bytes = rte_pktmbuf_mtod(burst[i], const uint8_t*);
        EXPECT_EQ(burst[i]->nb_segs, 1);
        EXPECT_EQ(wire::ParseFrame({bytes, rte_pktmbuf_data_len(burst[i])}, &arrived.headers),
                  wire::FrameKind::kUdp);
        EXPECT_EQ(arrived.headers.to_mac, port.mac());
        arrived.bytes.assign(reinterpret_cast<const char*>(bytes) + arrived.headers.datagram_offset,
                             arrived.headers.datagram_size);
        all.push_back(std::move(arrived));
      }
      rte_pktmbuf_free_bulk(burst.data(), got);
    }
    return all;
  }
  void ExpectReceived(Port& port, const std::vector<Item>& items, uint16_t portion = 32) {
    const std::vector<Arrived> all = ReceiveAll(port, items.size(), portion);
    ASSERT_EQ(all.size(), items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      EXPECT_EQ(all[i].bytes, std::string(items[i].size, static_cast<char>(i))) << i;
      EXPECT_EQ(all[i].headers.from, items[i].from) << i;
      EXPECT_EQ(all[i].headers.to, items[i].to) << i;
    }
  }

  std::unique_ptr<Port> a_, b_;
};

// --- Over the loopback interface. ---

class PortUdpTest : public UdpTest {
 protected:
  static constexpr uint16_t kPortA = 13201, kPortB = 13202;

  void SetUp() override {
    if (private_network) Shell("ip link set lo up");
    a_ = OpenAt(kPortA, 0);
    b_ = OpenAt(kPortB, 1);
    ASSERT_NE(a_, nullptr);
    ASSERT_NE(b_, nullptr);
  }
  std::unique_ptr<Port> OpenAt(uint16_t udp_port, PortId id) {
    EXPECT_FALSE(TryOpen(KernelDevice{"no-such", KernelDriver::kUdp}, id).ok());  // makes the pool
    const PortSpec spec{.name = "lo",
                        .device = KernelDevice{"lo", KernelDriver::kUdp},
                        .mtu = 1500,
                        .listen_port = udp_port};
    auto port = OpenPort(spec, id, pool(id));
    EXPECT_TRUE(port.ok()) << port.status();
    return port.ok() ? *std::move(port) : nullptr;
  }
  // A socket of another program.
  os::UniqueFd Stranger(uint16_t udp_port = 0) {
    os::UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_in address{
        .sin_family = AF_INET, .sin_port = htons(udp_port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  static ssize_t SendTo(int fd, uint16_t udp_port, const std::string& bytes) {
    const sockaddr_in to{
        .sin_family = AF_INET, .sin_port = htons(udp_port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                  sizeof(to));
  }

  const Item to_b_{At("127.0.0.1:13201"), At("127.0.0.1:13202")};
};

TEST_F(PortUdpTest, IsAPortOfTheKernelsWithoutALinkLayer) {
  EXPECT_TRUE(a_->kernel_sees_frames());
  EXPECT_FALSE(a_->kernel_keeps_frames());
  EXPECT_FALSE(a_->has_link_layer());
  EXPECT_FALSE(a_->on_wire());
  EXPECT_TRUE(a_->multi_segment_tx());
  EXPECT_TRUE(a_->mac().is_station());
  EXPECT_GE(a_->poll_fd(), 0);
  EXPECT_GE(a_->error_fd(), 0);
}

TEST_F(PortUdpTest, BurstsOfOneFlowArriveAsTheyWereSent) {
  for (uint16_t size : {1, 36, 100, 1000, 1472}) {
    std::vector<Item> items(40, to_b_);
    for (size_t i = 0; i < items.size(); ++i) {
      items[i].size = size;
      items[i].split = i % 3 == 0;
    }
    items.back().size = static_cast<uint16_t>(size / 2 + 1);  // the last segment may be shorter
    EXPECT_EQ(SendBurst(*a_, items), items.size());
    ExpectReceived(*b_, items);
  }
  EXPECT_TRUE(a_->segmentation());
  EXPECT_EQ(a_->Counters().tx_packets, 200u);
  EXPECT_EQ(b_->Counters().rx_packets, 200u);
  EXPECT_EQ(b_->Counters().rx_bytes, a_->Counters().tx_bytes);
  EXPECT_EQ(b_->Counters().rx_missed, 0u);
}

// A burst has runs of several flows and sizes, of both families, in any order.
TEST_F(PortUdpTest, MixedBurstsKeepTheirOrderAndTheirFlows) {
  Item other = to_b_, v6 = to_b_;
  other.from = At("127.0.0.7:13201");
  other.to = At("127.0.0.9:13202");
  v6.from = At("[::1]:13201");
  v6.to = At("[::1]:13202");
  std::vector<Item> items = {to_b_, to_b_, other, v6, v6, v6, to_b_, other, other, to_b_};
  for (size_t i = 0; i < items.size(); ++i) items[i].size = static_cast<uint16_t>(90 + i / 2);
  EXPECT_EQ(SendBurst(*a_, items), items.size());
  ExpectReceived(*b_, items, 3);
}

TEST_F(PortUdpTest, MoreThanOneCallHoldsAreSentAndCut) {
  std::vector<Item> items(200, to_b_);
  EXPECT_EQ(SendBurst(*a_, items), items.size());
  ExpectReceived(*b_, items, 7);
}

TEST_F(PortUdpTest, NeighboursLeaveAsOneMessage) {
  const os::UniqueFd observer = Stranger(13203);
  const int on = 1;
  ASSERT_EQ(setsockopt(observer.get(), SOL_UDP, UDP_GRO, &on, sizeof(on)), 0);
  Item item = to_b_;
  item.to = At("127.0.0.1:13203");
  EXPECT_EQ(SendBurst(*a_, std::vector<Item>(5, item)), 5);
  std::vector<char> bytes(70000);
  EXPECT_EQ(recv(observer.get(), bytes.data(), bytes.size(), 0), 500);
}

TEST_F(PortUdpTest, TheTrafficClassOfTheHeaderIsThatOfTheDatagram) {
  const os::UniqueFd observer = Stranger(13203);
  const int on = 1;
  ASSERT_EQ(setsockopt(observer.get(), IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)), 0);
  rte_mbuf* frame = FrameOf(to_b_.from, At("127.0.0.1:13203"), 10, 1);
  *rte_pktmbuf_mtod_offset(frame, uint8_t*, wire::kEthernetHeaderSize + 1) = 0xb8;  // EF
  ASSERT_EQ(a_->TxBurst(&frame, 1), 1);
  std::array<char, 100> bytes;
  alignas(cmsghdr) std::array<char, 100> control;
  iovec vector{bytes.data(), bytes.size()};
  msghdr message{.msg_name = nullptr,
                 .msg_namelen = 0,
                 .msg_iov = &vector,
                 .msg_iovlen = 1,
                 .msg_control = control.data(),
                 .msg_controllen = control.size(),
                 .msg_flags = 0};
  ASSERT_EQ(recvmsg(observer.get(), &message, 0), 10);
  ASSERT_NE(CMSG_FIRSTHDR(&message), nullptr);
  EXPECT_EQ(*CMSG_DATA(CMSG_FIRSTHDR(&message)), 0xb8);
}

// Whoever sends, and whatever: each datagram arrives with the source that it had.
TEST_F(PortUdpTest, AnythingFromAnybodyArrivesWithItsSource) {
  const os::UniqueFd stranger = Stranger(13203);
  EXPECT_EQ(SendTo(stranger.get(), kPortB, ""), 0);
  EXPECT_EQ(SendTo(stranger.get(), kPortB, "x"), 1);
  const std::vector<Arrived> all = ReceiveAll(*b_, 2);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].bytes, "");
  EXPECT_EQ(all[1].bytes, "x");
  EXPECT_EQ(all[1].headers.from, At("127.0.0.1:13203"));
}

// What does not fit a buffer is counted, alone or joined, and what follows it is not lost.
TEST_F(PortUdpTest, OversizedDatagramsAreCounted) {
  const os::UniqueFd stranger = Stranger();
  EXPECT_EQ(SendTo(stranger.get(), kPortB, std::string(9000, 'x')), 9000);
  EXPECT_EQ(SendTo(stranger.get(), kPortB, std::string(65507, 'x')), 65507);
  const int segment = 8000;
  ASSERT_EQ(setsockopt(stranger.get(), SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
  EXPECT_EQ(SendTo(stranger.get(), kPortB, std::string(24000, 'x')), 24000);
  EXPECT_EQ(SendTo(stranger.get(), kPortB, "small"), 5);
  const std::vector<Arrived> all = ReceiveAll(*b_, 2);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].bytes, "small");
  EXPECT_EQ(b_->Counters().rx_missed, 3u);
}

TEST_F(PortUdpTest, WhatTheSocketDoesNotHoldIsCounted) {
  const std::vector<Item> items(64, to_b_);
  uint64_t sent = 0;
  while (b_->Counters().rx_missed == 0 && sent < 4'000'000) sent += SendBurst(*a_, items);
  EXPECT_GT(b_->Counters().rx_missed, 0u);
  ReceiveAll(*b_, sent);
  ASSERT_EQ(SendBurst(*a_, items), 64);
  ExpectReceived(*b_, items);
}

TEST_F(PortUdpTest, WithoutBuffersJoinedDatagramsAreCountedAndTheNextArrive) {
  std::vector<rte_mbuf*> taken(rte_mempool_avail_count(pool(1)));
  rte_mbuf* some = nullptr;
  ASSERT_EQ(b_->RxBurst(&some, 1), 0);  // which takes a buffer for a message
  size_t have = 0;
  while (have < taken.size() && (taken[have] = rte_pktmbuf_alloc(pool(1))) != nullptr) ++have;
  const std::vector<Item> items(10, to_b_);
  ASSERT_EQ(SendBurst(*a_, items), 10);
  std::array<rte_mbuf*, 10> frames;
  EXPECT_EQ(b_->RxBurst(frames.data(), 1), 0);
  EXPECT_EQ(b_->TakeLosses().unbuffered, 10u);
  rte_pktmbuf_free_bulk(taken.data(), static_cast<unsigned>(have));
  ASSERT_EQ(SendBurst(*a_, items), 10);
  ExpectReceived(*b_, items);
}

// The kernel remembers an error of ICMP and tells it in some later call. It concerns neither that call nor its frames.
TEST_F(PortUdpTest, ErrorsByIcmpDisturbNobody) {
  Item nowhere = to_b_;
  nowhere.to = At("127.0.0.1:13209");  // where nobody listens
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(SendBurst(*a_, {nowhere}), 1);
    const std::vector<Item> items(3, to_b_);
    ASSERT_EQ(SendBurst(*a_, items), 3);
    ASSERT_EQ(SendBurst(*b_, {{to_b_.to, At("127.0.0.1:13209")}}), 1);
    ExpectReceived(*b_, items);
  }
}

// The frames of a flow that the kernel does not let out are refused together, and those behind them leave.
TEST_F(PortUdpTest, WhatTheKernelRefusesDelaysNobody) {
  Item bad = to_b_;
  bad.from = At("192.0.2.77:13201");  // no address of this machine
  std::vector<rte_mbuf*> frames = {FrameOf(to_b_.from, to_b_.to, 50, 0),
                                   FrameOf(bad.from, bad.to, 50, 1),
                                   FrameOf(to_b_.from, to_b_.to, 50, 1)};
  EXPECT_EQ(a_->TxBurst(frames.data(), 3), 1);
  EXPECT_EQ(a_->refusal().frames, 1);
  EXPECT_EQ(a_->refusal().reason, wire::Drop::kKernelRefused);
  rte_pktmbuf_free(frames[1]);
  EXPECT_EQ(a_->TxBurst(frames.data() + 2, 1), 1);
  EXPECT_EQ(a_->refusal().frames, 0);
  ExpectReceived(*b_, {{to_b_.from, to_b_.to, 50}, {to_b_.from, to_b_.to, 50}});
}

TEST_F(PortUdpTest, WhatIsNoDatagramOrInTooManyPiecesIsRefused) {
  rte_mbuf* frame = FrameOf(to_b_.from, to_b_.to, 50, 0);
  *rte_pktmbuf_mtod_offset(frame, uint8_t*, wire::kEthernetHeaderSize + 9) = 6;  // TCP
  EXPECT_EQ(a_->TxBurst(&frame, 1), 0);
  EXPECT_EQ(a_->refusal().frames, 1);
  rte_pktmbuf_free(frame);
  frame = FrameOf(to_b_.from, to_b_.to, 50, 0);
  for (int i = 0; i < 6; ++i) rte_pktmbuf_chain(frame, rte_pktmbuf_alloc(pool(0)));
  EXPECT_EQ(a_->TxBurst(&frame, 1), 0);
  EXPECT_EQ(a_->refusal().frames, 1);
  rte_pktmbuf_free(frame);
}

// Each of several ports then has a socket of the same UDP port at its own address.
TEST_F(PortUdpTest, WhereNoSocketMayBeBoundToAnInterfaceItIsBoundToAnAddress) {
  for (const char* address : {"127.0.0.5", "::1"}) {
    PortSpec spec{.name = "lo",
                  .device = KernelDevice{"lo", KernelDriver::kUdp},
                  .mtu = 1500,
                  .listen_port = kPortA,
                  .addresses = {*wire::IpAddress::Parse(address)}};
    absl::StatusOr<std::unique_ptr<Port>> port = absl::UnknownError("no seccomp");
    absl::Status without_address;
    std::thread([&] {
      if (!RefuseBinding()) return;
      port = OpenPort(spec, 0, pool(0));
      spec.addresses.clear();
      without_address = OpenPort(spec, 0, pool(0)).status();
    }).join();
    ASSERT_TRUE(port.ok()) << port.status();
    EXPECT_EQ(without_address.code(), absl::StatusCode::kCancelled) << without_address;
    EXPECT_EQ((*port)->address(), *wire::IpAddress::Parse(address));
    EXPECT_EQ((*port)->spec().driver_reason,
              absl::StrCat("bound to ", address,
                           ", as this system lets no socket be bound to an interface"));
    const Item there{{*(*port)->address(), kPortA}, {*(*port)->address(), kPortB}};
    const Item back{there.to, there.from};
    EXPECT_EQ(SendBurst(**port, std::vector<Item>(5, there)), 5);
    ExpectReceived(*b_, std::vector<Item>(5, there));
    EXPECT_EQ(SendBurst(*b_, std::vector<Item>(5, back)), 5);
    ExpectReceived(**port, std::vector<Item>(5, back));
    const Item elsewhere{At("127.0.0.1:13202"), At("127.0.0.6:13201")};
    EXPECT_EQ(SendBurst(*b_, {elsewhere}), 1);
    ExpectReceived(*a_, {elsewhere});
  }
}

TEST_F(PortUdpTest, SocketIsReadableWhileDatagramsWaitAndClosingLeavesNothing) {
  pollfd waiting{b_->poll_fd(), POLLIN, 0};
  EXPECT_EQ(poll(&waiting, 1, 0), 0);
  ASSERT_EQ(SendBurst(*a_, std::vector<Item>(20, to_b_)), 20);
  EXPECT_EQ(poll(&waiting, 1, 2000), 1);
  EXPECT_EQ(ReceiveAll(*b_, 5, 5).size(), 5u);  // the rest waits in the receiver
  a_.reset();
  b_.reset();
  EXPECT_EQ(Held(), 0u);
}

// No other user may take the port, and no other program of this one by mistake.
TEST_F(PortUdpTest, ThePortIsTaken) {
  const os::UniqueFd other(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ASSERT_EQ(setsockopt(other.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
  const sockaddr_in address{
      .sin_family = AF_INET, .sin_port = htons(kPortA), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  EXPECT_NE(bind(other.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(errno, EADDRINUSE);
}

// --- Over a veth link between two namespaces. ---

class PortUdpLinkTest : public UdpTest {
 protected:
  void SetUp() override {
    if (!private_network) GTEST_SKIP() << "needs the right to make a network namespace";
    here_ = os::UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    // A thread of its own makes the other namespace, which lives as long as its descriptor.
    std::thread([this] {
      ASSERT_EQ(unshare(CLONE_NEWNET), 0);
      there_ = os::UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    }).join();
    Shell(absl::StrCat("ip link add u0 type veth peer name u1 netns /proc/", getpid(), "/fd/",
                       there_.get()));
    Shell("ip address add 10.8.0.1/24 dev u0");
    Shell("ip address add fd08::1/64 dev u0 nodad");
    Shell("ip link set u0 up");
    InThere([] {
      Shell("ip address add 10.8.0.2/24 dev u1");
      Shell("ip address add fd08::2/64 dev u1 nodad");
      Shell("ip link set u1 up");
    });
    a_ = Open(KernelDevice{"u0", KernelDriver::kUdp}, 0);
    InThere([this] { b_ = Open(KernelDevice{"u1", KernelDriver::kUdp}, 1); });
    ASSERT_NE(a_, nullptr);
    ASSERT_NE(b_, nullptr);
    WaitForCarrier();
  }
  // The kernel may report the carrier only a second later, and until then drops what is sent without a word.
  void WaitForCarrier() {
    bool arrived = false;
    for (int tries = 0; tries < 20 && !arrived; ++tries) {
      SendBurst(*a_, {v4_});
      arrived = !ReceiveAll(*b_, 1).empty();
    }
    EXPECT_TRUE(arrived);
    ReceiveAll(*b_, 20);
  }
  void TearDown() override {
    if (if_nametoindex("u0") != 0) Shell("ip link del u0");
  }
  template <typename Call>
  void InThere(Call call) {
    ASSERT_EQ(setns(there_.get(), CLONE_NEWNET), 0);
    call();
    ASSERT_EQ(setns(here_.get(), CLONE_NEWNET), 0);
  }

  os::UniqueFd here_, there_;
  const Item v4_{At("10.8.0.1:13116"), At("10.8.0.2:13116")};
  const Item v6_{At("[fd08::1]:13116"), At("[fd08::2]:13116")};
};

TEST_F(PortUdpLinkTest, BothFamiliesUpToTheMtu) {
  for (Item item : {v4_, v6_}) {
    item.size = item.to.address.is_v4() ? 1472 : 1452;
    const std::vector<Item> items(50, item);
    EXPECT_EQ(SendBurst(*a_, items), 50);
    ExpectReceived(*b_, items);
  }
}

// Never fragmented, never joined into something larger than the interface, and nobody else is held up.
TEST_F(PortUdpLinkTest, WhatIsLargerThanTheMtuIsRefused) {
  for (Item item : {v4_, v6_}) {
    Item large = item;
    large.size = 1480;
    for (size_t count : {1, 3}) {
      std::vector<rte_mbuf*> frames;
      for (size_t i = 0; i < count; ++i)
        frames.push_back(FrameOf(large.from, large.to, large.size, 0));
      frames.push_back(FrameOf(item.from, item.to, 100, 0));
      size_t done = 0, refused = 0;
      while (done < frames.size()) {
        done += a_->TxBurst(frames.data() + done, static_cast<uint16_t>(frames.size() - done));
        if (done == frames.size()) break;
        ASSERT_EQ(a_->refusal().reason, wire::Drop::kTooLarge);
        ASSERT_GE(a_->refusal().frames, 1);
        for (uint16_t i = 0; i < a_->refusal().frames; ++i, ++refused)
          rte_pktmbuf_free(frames[done++]);
      }
      EXPECT_EQ(refused, count);
      ExpectReceived(*b_, {item});
    }
  }
}

TEST_F(PortUdpLinkTest, TheErrorQueueTellsTheSizeThatARouterTold) {
  // The far end of the way is behind the other namespace, whose way there is narrow.
  InThere([] {
    Shell("ip link add d0 mtu 1300 type veth peer name d1 mtu 1300");
    Shell("ip address add 10.7.0.1/24 dev d0");
    Shell("ip link set d0 up");
    Shell("ip link set d1 up");
    Shell("sysctl -qw net.ipv4.ip_forward=1");
  });
  Shell("ip route add 10.7.0.0/24 via 10.8.0.2");
  ASSERT_EQ(SendBurst(*a_, {{v4_.from, At("10.7.0.2:13116"), 1400}}), 1);
  pollfd waiting{a_->error_fd(), 0, 0};
  ASSERT_EQ(poll(&waiting, 1, 2000), 1);
  EXPECT_NE(waiting.revents & POLLERR, 0);
  std::array<char, 200> control;
  msghdr message{.msg_name = nullptr,
                 .msg_namelen = 0,
                 .msg_iov = nullptr,
                 .msg_iovlen = 0,
                 .msg_control = control.data(),
                 .msg_controllen = control.size(),
                 .msg_flags = 0};
  ASSERT_GE(recvmsg(a_->error_fd(), &message, MSG_ERRQUEUE | MSG_DONTWAIT), 0);
  uint32_t told = 0;
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
       item = CMSG_NXTHDR(&message, item)) {
    const bool v4 = item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_RECVERR;
    const bool v6 = item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;  // a socket of IPv6 tells of both families its own way
    sock_extended_err error;
    std::memcpy(&error, CMSG_DATA(item), sizeof(error));
    told = error.ee_info;
  }
  EXPECT_EQ(told, 1300u);
  // A probe of that size still leaves: the kernel's own knowledge of the path does not stand in its way.
  ASSERT_EQ(SendBurst(*a_, {{v4_.from, At("10.7.0.2:13116"), 1400}}), 1);
}

TEST_F(PortUdpLinkTest, WhatARouteProhibitsConcernsItsFlowAlone) {
  Shell("ip -6 route add prohibit fd06::/64");
  const Item prohibited{v6_.from, At("[fd06::2]:13116")};
  std::vector<rte_mbuf*> frames;
  for (int i = 0; i < 5; ++i) frames.push_back(FrameOf(prohibited.from, prohibited.to, 100, 0));
  frames.push_back(FrameOf(v4_.from, v4_.to, 100, 0));
  ASSERT_EQ(a_->TxBurst(frames.data(), 6), 0);
  EXPECT_EQ(a_->refusal().frames, 5);
  EXPECT_EQ(a_->refusal().reason, wire::Drop::kKernelRefused);
  rte_pktmbuf_free_bulk(frames.data(), 5);
  ASSERT_EQ(a_->TxBurst(frames.data() + 5, 1), 1);
  ExpectReceived(*b_, {v4_});
}

TEST_F(PortUdpLinkTest, GoesOnWhenTheInterfaceIsUpAgain) {
  Shell("ip link set u0 down");
  EXPECT_EQ(SendBurst(*a_, std::vector<Item>(3, v4_)), 0);
  a_->ClearPollError();
  Shell("ip link set u0 up");
  WaitForCarrier();
}

// What comes in by another interface is another port's, although both have one UDP port.
TEST_F(PortUdpLinkTest, EachInterfaceHasItsOwnSocket) {
  Shell("ip link set lo up");
  auto lo = TryOpen(KernelDevice{"lo", KernelDriver::kUdp}, 0);
  ASSERT_TRUE(lo.ok()) << lo.status();
  ASSERT_EQ(SendBurst(**lo, {{At("127.0.0.1:13116"), At("127.0.0.1:13116")}}), 1);
  ASSERT_EQ(SendBurst(*b_, {{v4_.to, v4_.from}}), 1);
  ExpectReceived(**lo, {{At("127.0.0.1:13116"), At("127.0.0.1:13116")}});
  ExpectReceived(*a_, {{v4_.to, v4_.from}});
}

}  // namespace
}  // namespace warp::lcore
