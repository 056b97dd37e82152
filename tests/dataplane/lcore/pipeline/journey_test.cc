// The journey of a payload from control of one node to control of the other. It is sealed once, copied over every path
// and delivered once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "dataplane/wire/frame/segments.h"
#include "dataplane/wire/message.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string Text(size_t size, char seed = 'a') {
  std::string text(size, 0);
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(seed + i * 31);
  return text;
}

// The parameter says whether the underlay is IPv6.
class Journey : public testing::TestWithParam<bool> {
 protected:
  Network Make(uint16_t ports_a, uint16_t ports_b, uint16_t workers = 1) {
    return Network({.ports = ports_a, .workers = workers, .v6 = GetParam()},
                   {.ports = ports_b, .workers = workers, .v6 = GetParam()});
  }
};
INSTANTIATE_TEST_SUITE_P(, Journey, testing::Bool(),
                         [](const auto& i) { return i.param ? "IPv6" : "IPv4"; });

TEST_P(Journey, OnePathInPlace) {
  Network net = Make(1, 1);
  net.a().Send("hello");
  net.Settle();
  EXPECT_THAT(net.b().Received(), ElementsAre("hello"));
  EXPECT_EQ(net.a().path(0, 0).tx_copies.Get(), 1u);
  EXPECT_EQ(net.b().path(0, 0).rx_first.Get(), 1u);
  EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
}

TEST_P(Journey, BothWays) {
  Network net = Make(1, 1);
  net.a().Send("there");
  net.b().Send("and back");
  net.Settle();
  EXPECT_THAT(net.b().Received(), ElementsAre("there"));
  EXPECT_THAT(net.a().Received(), ElementsAre("and back"));
}

// There are six paths. Every copy carries the same sealed bytes. One is delivered, and five are duplicates, each
// counted on its path.
TEST_P(Journey, SixCopiesOneDelivery) {
  for (const uint16_t workers : {1, 2}) {
    for (const size_t size :
         // Copies are linear below the break-even size, and references above it.
         {1u, 64u, 340u, 360u, 1400u}) {
      Network net = Make(2, 3, workers);
      const std::string payload = Text(size);
      net.a().Send(payload);
      net.Collect();
      ASSERT_EQ(net.in_flight().size(), 6u);
      const FrameBytes datagram = DatagramOf(net.in_flight()[0]);
      EXPECT_EQ(datagram.size(), size + wire::kMinSealedSize);
      for (const FrameBytes& frame : net.in_flight()) EXPECT_EQ(DatagramOf(frame), datagram);
      net.Settle();
      EXPECT_THAT(net.b().Received(), ElementsAre(payload));
      EXPECT_EQ(net.b().Drops(wire::Drop::kDuplicate), 5u);
      uint64_t first = 0, duplicates = 0;
      for (size_t i = 0; i < 3; ++i) {
        for (size_t j = 0; j < 2; ++j) {
          EXPECT_EQ(net.a().path(j, i).tx_copies.Get(), 1u);
          first += net.b().path(i, j).rx_first.Get();
          duplicates += net.b().path(i, j).rx_duplicate.Get();
          EXPECT_EQ(net.b().path(i, j).rx_first.Get() + net.b().path(i, j).rx_duplicate.Get(), 1u);
          EXPECT_EQ(net.b().path(i, j).rx_bytes.Get(), net.a().path(j, i).tx_bytes.Get());
        }
      }
      EXPECT_EQ(first, 1u);
      EXPECT_EQ(duplicates, 5u);
      EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
    }
  }
}

// Whether a payload leaves in place, as reference or as a linear copy, from the worker that sealed it or another one.
TEST_P(Journey, AMarkStandsInTheHeaderOfEachCopy) {
  for (const uint16_t ports : {1, 3}) {
    for (const size_t size : {64u, 1200u}) {
      Network net = Make(ports, ports, std::min<uint16_t>(ports, 2));
      for (const uint8_t dscp : {46, 0, 63}) {
        const SendRequest request{.dscp = dscp};
        ASSERT_TRUE(net.a().SendAs(Text(size), request));
        net.Collect();
        ASSERT_EQ(net.in_flight().size(), size_t{ports} * ports);
        for (const FrameBytes& frame : net.in_flight()) {
          const size_t header = wire::JoinableHeaderSize(frame);
          ASSERT_NE(header, 0u);
          EXPECT_EQ(wire::FlowOf(frame.data(), header).traffic_class, dscp << 2);
          wire::ParsedFrame parsed;
          EXPECT_EQ(wire::ParseFrame(frame, &parsed), wire::FrameKind::kUdp) << "the checksum";
        }
        net.Settle();
        EXPECT_THAT(net.b().Received(), ElementsAre(Text(size)));
      }
    }
  }
}

TEST_P(Journey, EachCopyIsAddressedToItsOwnPath) {
  Network net = Make(2, 3);
  net.a().Send("x");
  net.Collect();
  std::set<std::pair<std::string, std::string>> seen;
  for (const FrameBytes& frame : net.in_flight()) {
    wire::ParsedFrame parsed;
    ASSERT_EQ(wire::ParseFrame(frame, &parsed), wire::FrameKind::kUdp);
    for (size_t i = 0; i < 3; ++i) {
      if (parsed.to_mac == net.b().mac(i)) {
        EXPECT_EQ(parsed.to, net.b().endpoint(i));
      }
    }
    seen.insert({parsed.from.ToString(), parsed.to.ToString()});
  }
  EXPECT_EQ(seen.size(), 6u);
}

// Each port has one active path, and it leads to a remote port of another number, so confused indices are noticed.
TEST_P(Journey, OnlyActivePathsCarryPayloads) {
  Network net = Make(2, 3, 2);
  net.a().SetActive([](size_t local, size_t remote) { return remote == (local == 0 ? 2 : 1); });
  net.a().Publish();
  net.a().Send(Text(900));
  net.Collect();
  std::vector<std::string> to;
  for (const FrameBytes& frame : net.in_flight()) {
    wire::ParsedFrame parsed;
    ASSERT_EQ(wire::ParseFrame(frame, &parsed), wire::FrameKind::kUdp);
    to.push_back(parsed.from.ToString() + ">" + parsed.to.ToString());
  }
  EXPECT_THAT(to, testing::UnorderedElementsAre(
                      net.a().endpoint(0).ToString() + ">" + net.b().endpoint(2).ToString(),
                      net.a().endpoint(1).ToString() + ">" + net.b().endpoint(1).ToString()));
  EXPECT_EQ(net.a().path(0, 2).tx_copies.Get(), 1u);
  EXPECT_EQ(net.a().path(1, 1).tx_copies.Get(), 1u);
  EXPECT_EQ(net.a().path(0, 1).tx_copies.Get(), 0u);
}

// Three sizes of paths, and payloads of all kinds of copies on each side of every size, in one burst.
TEST_P(Journey, APayloadThatIsTooLargeForAPathLeavesItOut) {
  for (const uint16_t workers : {1, 2}) {
    Network net = Make(2, 2, workers);
    const auto room = [](size_t local, size_t remote) -> uint32_t {
      return local == 0 ? 300 : remote == 0 ? 800 : 1400;
    };
    net.a().SetRoom(room);
    net.a().Publish();
    std::vector<std::string> payloads;
    for (const size_t datagram : {299u, 1400u, 300u, 301u, 800u, 801u, 300u, 1399u, 33u}) {
      payloads.push_back(Text(datagram - wire::kMinSealedSize));
    }
    net.a().Send(payloads);
    net.Settle();
    EXPECT_THAT(net.b().Received(), testing::UnorderedElementsAreArray(payloads));
    EXPECT_EQ(net.a().path(0, 0).tx_copies.Get(), 4u);
    EXPECT_EQ(net.a().path(0, 1).tx_copies.Get(), 4u);
    EXPECT_EQ(net.a().path(1, 0).tx_copies.Get(), 6u);
    EXPECT_EQ(net.a().path(1, 1).tx_copies.Get(), 9u);
    EXPECT_EQ(net.b().Drops(wire::Drop::kDuplicate), 14u);
    EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
  }
}

TEST_P(Journey, APayloadThatFitsNoPathGoesOverTheWidest) {
  Network net = Make(2, 1);
  net.a().SetRoom([](size_t local, size_t) -> uint32_t { return local == 0 ? 300 : 800; });
  net.a().Publish();
  net.a().Send(Text(1000));
  net.Settle();
  EXPECT_THAT(net.b().Received(), ElementsAre(Text(1000)));
  EXPECT_EQ(net.a().path(0, 0).tx_copies.Get(), 0u);
  EXPECT_EQ(net.a().path(1, 0).tx_copies.Get(), 1u);
}

TEST_P(Journey, HomeWithoutAPortOnTheOnlyPath) {
  Network net = Make(2, 1, 2);
  net.a().SetActive([](size_t local, size_t) { return local == 1; });
  net.a().Publish();
  const WorkerId owner = net.a().plane().Info(net.a().port(1)).worker;
  net.a().Send("by ring", static_cast<WorkerId>(1 - owner));
  net.Settle();
  EXPECT_THAT(net.b().Received(), ElementsAre("by ring"));
  EXPECT_EQ(net.a().BuffersInUse(), 0u);
}

TEST_P(Journey, APortThatIsDownIsSkipped) {
  Network net = Make(2, 1);
  net.a().SetUp(0, false);
  net.a().Publish();
  net.a().Send("one");
  net.Collect();
  EXPECT_EQ(net.in_flight().size(), 1u);
  EXPECT_EQ(net.a().path(0, 0).tx_copies.Get() + net.a().path(0, 0).tx_dropped.Get(), 0u);
}

TEST_P(Journey, FiveOfSixPathsCut) {
  Network net = Make(2, 3);
  net.Cut(net.a(), 0);
  net.Cut(net.b(), 0);
  net.Cut(net.b(), 2);
  for (int i = 0; i < 100; ++i) {
    const std::string payload = Text(100 + i);
    net.a().Send(payload);
    net.Settle();
    EXPECT_THAT(net.b().Received(), ElementsAre(payload));
  }
  EXPECT_EQ(net.b().path(1, 1).rx_first.Get(), 100u);
}

// The burst is larger than what a stage takes at once. The payloads must arrive in order.
TEST_P(Journey, ManyPayloadsAtOnce) {
  Network net = Make(2, 2, 2);
  std::vector<std::string> payloads;
  for (int i = 0; i < 200; ++i) payloads.push_back(Text(20 + i * 6, static_cast<char>(i)));
  net.a().Send(payloads);
  net.Settle();
  std::vector<std::string> received = net.b().Received();
  std::sort(received.begin(), received.end());
  std::sort(payloads.begin(), payloads.end());
  EXPECT_EQ(received, payloads);
  EXPECT_EQ(net.sessions().a->sent(), 200u);
  EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
}

TEST_P(Journey, ReorderedAndLateCopies) {
  Network net = Make(1, 2);
  std::vector<std::string> payloads;
  for (int i = 0; i < 60; ++i) payloads.push_back(Text(50, static_cast<char>(i)));
  net.a().Send(payloads);
  net.Collect();
  std::reverse(net.in_flight().begin(), net.in_flight().end());
  net.Settle();
  std::vector<std::string> received = net.b().Received();
  EXPECT_EQ(received.size(), 60u);
  std::sort(received.begin(), received.end());
  std::sort(payloads.begin(), payloads.end());
  EXPECT_EQ(received, payloads);
}

// The lag of a duplicate behind the first copy is measured for sampled counters only, and 0 is one of them.
TEST_P(Journey, SkewOfDuplicates) {
  Network net = Make(1, 2);
  net.a().Send("x");
  net.Collect();
  ASSERT_EQ(net.in_flight().size(), 2u);
  net.Deliver(net.in_flight()[0]);
  net.b().Turn();
  net.Deliver(net.in_flight()[1]);
  net.b().Turn();
  EXPECT_EQ(net.b().path(0, 0).skew.samples() + net.b().path(1, 0).skew.samples(), 1u);
  EXPECT_GT(net.b().path(0, 0).skew_total_ns.Get() + net.b().path(1, 0).skew_total_ns.Get(), 0u);
}

// One payload of sixteen tells whether any other path brought it too.
TEST_P(Journey, CountsWhatNoOtherPathBrought) {
  Network net = Make(1, 2);
  const auto sum = [&](auto member) {
    uint64_t all = 0;
    for (size_t path = 0; path < 2; ++path) {
      for (const auto& set : net.b().path(path, 0).*member) all += set.Get();
    }
    return all;
  };
  const auto sampled = [&] { return sum(&PathCounters::sampled_first); };
  const auto paired = [&] { return sum(&PathCounters::sampled_paired); };
  for (uint64_t i = 0; i < 2 * kFirstSampling; ++i) {
    net.a().Send(Text(40));
    net.Settle();
  }
  EXPECT_EQ(sampled(), 2u);
  EXPECT_EQ(paired(), 2u);
  for (uint64_t i = 0; i < 2 * kFirstSampling; ++i) {
    net.a().Send(Text(40));
    net.Collect();
    ASSERT_EQ(net.in_flight().size(), 2u);
    const FrameBytes copy = net.in_flight()[0];
    net.in_flight().clear();
    // The same copy again, by the same path, makes nothing safer.
    for (int times = 0; times < 2; ++times) {
      net.Deliver(copy);
      net.b().Turn();
    }
  }
  EXPECT_EQ(sampled(), 4u);
  EXPECT_EQ(paired(), 2u);
  EXPECT_EQ(net.b().Received().size(), 4 * kFirstSampling);
}

// Somebody who knows the counters and has seen no copy makes no link look useless or late.
TEST_P(Journey, ForgedDuplicatesJudgeNoLink) {
  Network net = Make(1, 2);
  for (uint64_t i = 0; i < 2 * kFirstSampling; ++i) {
    net.a().Send(Text(40));
    net.Collect();
    ASSERT_EQ(net.in_flight().size(), 2u);
    FrameBytes forged = net.in_flight()[1];
    net.Deliver(net.in_flight()[0]);
    net.in_flight().clear();
    net.b().Turn();
    for (size_t byte = forged.size() - wire::kTagSize; byte < forged.size(); ++byte) {
      forged[byte] ^= static_cast<uint8_t>(i + 1);
    }
    net.Deliver(forged);
    net.b().Turn();
  }
  EXPECT_EQ(net.b().Drops(wire::Drop::kDuplicate), 2 * kFirstSampling);
  uint64_t sampled = 0;
  for (size_t path = 0; path < 2; ++path) {
    const PathCounters& counters = net.b().path(path, 0);
    for (size_t set = 0; set < 2; ++set) {
      sampled += counters.sampled_first[set].Get();
      EXPECT_EQ(counters.sampled_paired[set].Get(), 0u);
    }
    EXPECT_EQ(counters.skew.samples(), 0u);
  }
  EXPECT_EQ(sampled, 2u);
}

// A packet of a known session may come from a new source, as when a peer roams. It is opened, but no path counts it.
TEST_P(Journey, UnknownSourceIsDeliveredAndCountsOnNoPath) {
  Network net = Make(2, 1);
  net.a().Send("roam");
  net.Collect();
  FrameBytes datagram = DatagramOf(net.in_flight()[0]);
  net.in_flight().clear();
  const wire::Endpoint elsewhere = {.address = net.a().endpoint(0).address, .port = 999};
  const wire::FrameTemplate frame =
      wire::MakeFrameTemplate(net.a().mac(0), net.b().mac(0), elsewhere, net.b().endpoint(0));
  FrameBytes bytes(frame.size + datagram.size());
  wire::WriteFrameHeader(frame, static_cast<uint16_t>(datagram.size()), wire::DatagramSum(datagram),
                         bytes.data());
  std::copy(datagram.begin(), datagram.end(), bytes.begin() + frame.size);
  ASSERT_TRUE(net.Deliver(bytes));
  net.b().Turn();
  std::vector<OpenedPacket> opened(4);
  ASSERT_EQ(net.b().plane().ReceiveOpened(opened), 1u);
  EXPECT_EQ(opened[0].arrival.from, elsewhere);
  EXPECT_EQ(opened[0].arrival.to, net.b().endpoint(0).address);
  EXPECT_EQ(opened[0].arrival.port, net.b().port(0));
  EXPECT_EQ(opened[0].session, net.sessions().b.get());
  EXPECT_EQ(opened[0].peer, Node::kPeer);
  EXPECT_EQ(opened[0].counter, 0u);
  EXPECT_EQ(net.b().path(0, 0).rx_first.Get() + net.b().path(0, 1).rx_first.Get(), 0u);
}

// Computes the checksum of RFC 768 over the pseudo-header of RFC 8200, word by word.
TEST(Checksum, EveryIpv6CopyIsRight) {
  for (const size_t size : {1u, 2u, 63u, 351u, 999u, 1400u}) {
    Network net({.ports = 2, .workers = 2, .v6 = true}, {.ports = 3, .v6 = true});
    net.a().Send(Text(size));
    net.Collect();
    ASSERT_EQ(net.in_flight().size(), 6u);
    for (const FrameBytes& frame : net.in_flight()) {
      const size_t udp_size = frame.size() - 14 - 40;
      uint32_t sum = static_cast<uint32_t>(udp_size) + 17;
      const auto add = [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; i += 2)
          sum += frame[i] << 8 | (i + 1 < end ? frame[i + 1] : 0);
      };
      add(14 + 8, 14 + 40);  // addresses
      add(14 + 40, frame.size());
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
      EXPECT_EQ(sum, 0xffffu);
    }
  }
}

// Control may reserve the counters of fragments itself, of any session that the table holds.
TEST(ReservedCounters, AreUsedAsGiven) {
  Network net({.ports = 1}, {.ports = 1});
  const std::optional<uint64_t> first = net.sessions().a->ReserveCounters(2);
  ASSERT_TRUE(first);
  std::vector<Plaintext> packets;
  std::vector<SendRequest> requests;
  for (const uint64_t counter : {*first + 1, *first}) {
    Plaintext packet = net.a().plane().AllocatePlaintext();
    packet.Append(1)[0] = 'f';
    packets.push_back(std::move(packet));
    requests.push_back({.peer = Node::kPeer,
                        .counter_reserved = true,
                        .session_index = net.sessions().a->local_index(),
                        .counter = counter});
  }
  requests.push_back(
      {.peer = Node::kPeer, .counter_reserved = true, .session_index = 12345, .counter = 7});
  packets.push_back(net.a().plane().AllocatePlaintext());
  net.a().plane().Submit(0, packets, requests);
  net.a().Send("own");
  net.Settle();
  std::vector<OpenedPacket> opened(4);
  ASSERT_EQ(net.b().plane().ReceiveOpened(opened), 3u);
  EXPECT_EQ(opened[0].counter, *first + 1);
  EXPECT_EQ(opened[1].counter, *first);
  EXPECT_EQ(opened[2].counter, *first + 2);
  EXPECT_EQ(net.a().Drops(wire::Drop::kNoSession), 1u);  // its index names no session
}

TEST(Frames, OfControlLeaveByTheirPort) {
  Network net({.ports = 2, .workers = 2}, {.ports = 1});
  const FrameBytes bytes = MakeFrame(net.a(), 1, net.b(), 0, FrameBytes(100, 9));
  Frame frame = net.a().plane().AllocateFrame();
  wire::MutableBytes room = frame.Append(bytes.size());
  std::copy(bytes.begin(), bytes.end(), room.begin());
  net.a().plane().Transmit(net.a().port(1), std::move(frame));
  net.Collect();
  ASSERT_EQ(net.in_flight().size(), 1u);
  EXPECT_EQ(net.in_flight()[0], bytes);
  EXPECT_EQ(net.a().BuffersInUse(), 0u);
}

// The kernel does not see this port, so frames that are not WARP's go to control.
TEST(Frames, OfOthersGoToTheCompanion) {
  Network net({.ports = 1}, {.ports = 1});
  FrameBytes to_other_port = MakeFrame(net.a(), 0, net.b(), 0, FrameBytes(10, 1));
  to_other_port[14 + 20 + 3] ^= 1;  // UDP destination port
  net.Deliver(to_other_port);
  net.b().Turn();
  std::vector<ForeignFrame> foreign(4);
  ASSERT_EQ(net.b().plane().ReceiveForeign(foreign), 1u);
  EXPECT_TRUE(std::ranges::equal(foreign[0].packet.bytes(), to_other_port));
  EXPECT_EQ(foreign[0].port, net.b().port(0));
  EXPECT_THAT(net.b().Received(), IsEmpty());
}

}  // namespace
}  // namespace warp::lcore
