// Ports in a connection, whose carrier is the test.
#include <sys/socket.h>

#include <cstring>

#include "dataplane/facade/carrier_message.h"
#include "tests/dataplane/lcore/port/port_fixture.h"

namespace warp::lcore {
namespace {

const wire::IpAddress kOwn = *wire::IpAddress::Parse("192.0.2.1");
const wire::Endpoint kMap = *wire::Endpoint::Parse("198.51.100.7:40000");

class PortCarrierTest : public PortTest {
 protected:
  void SetUp() override {
    port_ = Open(KernelDevice{.interface = "lo", .driver = KernelDriver::kTcp});
    ASSERT_NE(port_, nullptr);
    ASSERT_GE(port_->carrier_fd(), 0);
  }
  // A frame from our address to this endpoint; its payload in one piece, or chained behind its headers.
  rte_mbuf* Frame(const wire::Endpoint& to, const std::vector<uint8_t>& payload, bool chained) {
    const wire::FrameTemplate headers =
        wire::MakeFrameTemplate({}, {}, {kOwn, kTestPort}, to, wire::UdpChecksum::kNoneOnV4);
    rte_mbuf* const frame = rte_pktmbuf_alloc(pool(0));
    auto* out = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(frame, headers.size));
    wire::WriteFrameHeader(headers, static_cast<uint16_t>(payload.size()), 0, out);
    rte_mbuf* const last = chained ? rte_pktmbuf_alloc(pool(0)) : frame;
    std::memcpy(rte_pktmbuf_append(last, static_cast<uint16_t>(payload.size())), payload.data(),
                payload.size());
    if (chained) rte_pktmbuf_chain(frame, last);
    return frame;
  }
  std::vector<uint8_t> CarrierTakes(CarrierHeader* header) {
    std::vector<uint8_t> message(4096);
    const ssize_t size = recv(port_->carrier_fd(), message.data(), message.size(), MSG_DONTWAIT);
    if (size < static_cast<ssize_t>(sizeof(*header))) return {};
    std::memcpy(header, message.data(), sizeof(*header));
    return {message.begin() + sizeof(*header), message.begin() + size};
  }
  void CarrierGives(const CarrierHeader& header, const std::vector<uint8_t>& payload) {
    std::vector<uint8_t> message(sizeof(header));
    std::memcpy(message.data(), &header, sizeof(header));
    message.insert(message.end(), payload.begin(), payload.end());
    ASSERT_EQ(send(port_->carrier_fd(), message.data(), message.size(), MSG_DONTWAIT),
              static_cast<ssize_t>(message.size()));
  }

  std::unique_ptr<Port> port_;
};

TEST_F(PortCarrierTest, FramesLoseTheirHeadersOnTheWayOut) {
  for (const bool chained : {false, true}) {
    const std::vector<uint8_t> payload(1000, chained ? 2 : 1);
    rte_mbuf* frame = Frame(kMap, payload, chained);
    ASSERT_EQ(port_->TxBurst(&frame, 1), 1);
    CarrierHeader header;
    EXPECT_EQ(CarrierTakes(&header), payload);
    EXPECT_EQ(header.local_address(), kOwn);
    EXPECT_EQ(header.remote_endpoint(), kMap);
  }
  EXPECT_EQ(port_->Counters().tx_packets, 2u);
}

TEST_F(PortCarrierTest, DatagramsGetHeadersOnTheWayIn) {
  const std::vector<uint8_t> payload(1200, 7);
  CarrierGives(CarrierHeader::Of(kOwn, kMap), payload);
  rte_mbuf* frames[8];
  ASSERT_EQ(port_->RxBurst(frames, 8), 1);
  const wire::Bytes bytes{rte_pktmbuf_mtod(frames[0], const uint8_t*),
                          rte_pktmbuf_data_len(frames[0])};
  wire::ParsedFrame parsed;
  ASSERT_EQ(wire::ParseFrame(bytes, &parsed), wire::FrameKind::kUdp);
  EXPECT_EQ(parsed.from, kMap);
  EXPECT_EQ(parsed.to, (wire::Endpoint{kOwn, kTestPort}));
  EXPECT_EQ(parsed.datagram_size, payload.size());
  EXPECT_EQ(bytes[parsed.datagram_offset], 7);
  rte_pktmbuf_free(frames[0]);
  EXPECT_EQ(port_->RxBurst(frames, 8), 0);
}

// The carrier stands still. The port refuses, and goes on where it was when the carrier does.
TEST_F(PortCarrierTest, ACarrierThatStandsStillMakesItRefuse) {
  uint32_t taken = 0;
  for (;; ++taken) {
    ASSERT_LT(taken, 10000u);
    rte_mbuf* frame = Frame(kMap, std::vector<uint8_t>(1400, static_cast<uint8_t>(taken)), false);
    if (port_->TxBurst(&frame, 1) == 1) continue;
    EXPECT_EQ(port_->refusal().frames, 0);
    rte_pktmbuf_free(frame);
    break;
  }
  EXPECT_GT(taken, 8u);
  CarrierHeader header;
  for (uint32_t i = 0; i < taken; ++i)
    ASSERT_EQ(CarrierTakes(&header), std::vector<uint8_t>(1400, static_cast<uint8_t>(i)));
  rte_mbuf* frame = Frame(kMap, std::vector<uint8_t>(1400, 9), false);
  EXPECT_EQ(port_->TxBurst(&frame, 1), 1);
}

TEST_F(PortCarrierTest, WhatIsTooLongIsRefusedByName) {
  std::vector<rte_mbuf*> frames = {Frame(kMap, std::vector<uint8_t>(100, 1), false),
                                   Frame(kMap, std::vector<uint8_t>(1200, 1), true)};
  rte_mbuf* const tail = rte_pktmbuf_alloc(pool(0));
  ASSERT_NE(rte_pktmbuf_append(tail, 1200), nullptr);
  rte_pktmbuf_chain(frames[1], tail);
  EXPECT_EQ(port_->TxBurst(frames.data(), 2), 1);
  EXPECT_EQ(port_->TxBurst(frames.data() + 1, 1), 0);
  EXPECT_EQ(port_->refusal().frames, 1);
  EXPECT_EQ(port_->refusal().reason, wire::Drop::kTooLarge);
  rte_pktmbuf_free(frames[1]);
}

// What is no message of a carrier's ends there, and what comes behind it does not.
TEST_F(PortCarrierTest, MessagesThatAreNoneAreCounted) {
  ASSERT_EQ(send(port_->carrier_fd(), "short", 5, MSG_DONTWAIT), 5);
  CarrierGives(CarrierHeader::Of(*wire::IpAddress::Parse("2001:db8::1"), kMap),
               std::vector<uint8_t>(100, 1));
  CarrierGives(CarrierHeader::Of(kOwn, kMap), std::vector<uint8_t>(3000, 1));
  CarrierGives(CarrierHeader::Of(kOwn, kMap), std::vector<uint8_t>(100, 1));
  rte_mbuf* frames[8];
  ASSERT_EQ(port_->RxBurst(frames, 8), 1);
  rte_pktmbuf_free(frames[0]);
  EXPECT_EQ(port_->Counters().rx_missed, 3u);
}

TEST_F(PortCarrierTest, AnInterfaceThatIsNotThereIsAnError) {
  EXPECT_EQ(OpenError(KernelDevice{.interface = "none0", .driver = KernelDriver::kTcp}),
            "interface none0: no such interface");
}

}  // namespace
}  // namespace warp::lcore
