// A ring port hands over the buffers of its neighbour, copies by reference included. So frames come in several
// segments, or in buffers that others read too. They must be opened, and the neighbour's bytes must not change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dataplane/wire/message.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using testing::ElementsAre;
using wire::Drop;

class Linearise : public testing::Test {
 protected:
  Linearise() {
    static int serial = 0;
    const std::string name = absl::StrCat("linearise", serial++);
    ring_ = rte_ring_create(name.c_str(), 64, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    device_ = rte_eth_from_rings(name.c_str(), &ring_, 1, &ring_, 1, SOCKET_ID_ANY);
    EXPECT_GE(device_, 0);
    net_ = std::make_unique<Network>(Node::Options{.ports = 1},
                                     Node::Options{.ports = 1, .device = "net_ring_" + name});
  }
  ~Linearise() override {
    net_.reset();
    rte_eth_dev_close(static_cast<uint16_t>(device_));
    rte_ring_free(ring_);
  }

  // Returns a buffer of node a that holds these bytes.
  rte_mbuf* Buffer(std::span<const uint8_t> bytes) {
    rte_mbuf* packet =
        rte_pktmbuf_alloc(const_cast<rte_mempool*>(net_->a().plane().payload_pool()));
    std::ranges::copy(bytes, reinterpret_cast<uint8_t*>(
                                 rte_pktmbuf_append(packet, static_cast<uint16_t>(bytes.size()))));
    return packet;
  }
  // Returns a chain of two segments, the header and the payload.
  rte_mbuf* Chain(std::span<const uint8_t> header, rte_mbuf* payload) {
    rte_mbuf* head = Buffer(header);
    head->next = payload;
    head->nb_segs = 2;
    head->pkt_len += payload->data_len;
    return head;
  }
  void Receive(rte_mbuf* frame) {
    ASSERT_EQ(rte_ring_enqueue(ring_, frame), 0);
    net_->b().Turn();
  }
  FrameBytes Capture(const std::string& payload) {
    net_->a().Send(payload);
    net_->Collect();
    EXPECT_EQ(net_->in_flight().size(), 1u);
    FrameBytes frame = std::move(net_->in_flight().front());
    net_->in_flight().clear();
    return frame;
  }

  rte_ring* ring_;
  int device_;
  std::unique_ptr<Network> net_;
};

TEST_F(Linearise, CopiesOfOneSharedPayload) {
  const FrameBytes frame = Capture("shared");
  const std::span<const uint8_t> header(frame.data(), wire::kFrameHeaderSizeV4);
  const std::span<const uint8_t> datagram = std::span(frame).subspan(header.size());
  rte_mbuf* payload = Buffer(datagram);
  rte_mbuf_refcnt_set(payload, 3);
  Receive(Chain(header, payload));
  Receive(Chain(header, payload));
  EXPECT_THAT(net_->b().Received(), ElementsAre("shared"));
  EXPECT_EQ(net_->b().Drops(Drop::kDuplicate), 1u);
  EXPECT_EQ(rte_mbuf_refcnt_read(payload), 1);
  EXPECT_TRUE(std::ranges::equal(std::span(rte_pktmbuf_mtod(payload, uint8_t*), payload->data_len),
                                 datagram));
  rte_pktmbuf_free(payload);
  EXPECT_EQ(net_->a().BuffersInUse() + net_->b().BuffersInUse(), 0u);
}

TEST_F(Linearise, LargerThanABuffer) {
  const FrameBytes half(1500, 1);
  Receive(Chain(half, Buffer(half)));
  EXPECT_EQ(net_->b().Drops(Drop::kTooLarge), 1u);
  EXPECT_EQ(net_->a().BuffersInUse() + net_->b().BuffersInUse(), 0u);
}

TEST_F(Linearise, WithoutABuffer) {
  const FrameBytes frame = Capture("no room");
  rte_mempool* pool = net_->b().plane().slot(0).rx_pool.get();
  std::vector<rte_mbuf*> all;
  for (rte_mbuf* packet; (packet = rte_pktmbuf_alloc(pool)) != nullptr;) all.push_back(packet);
  Receive(Chain(std::span(frame).first(20), Buffer(std::span(frame).subspan(20))));
  EXPECT_EQ(net_->b().Drops(Drop::kNoBuffer), 1u);
  for (rte_mbuf* packet : all) rte_pktmbuf_free(packet);
  EXPECT_EQ(net_->a().BuffersInUse() + net_->b().BuffersInUse(), 0u);
}

}  // namespace
}  // namespace warp::lcore
