// Ports that are VLANs of one device. It is one end of a lab wire, and the test has the other.
#include "dataplane/lcore/port/vlan/vlan_port.h"

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "dataplane/lcore/port/vlan/vlan_tag.h"
#include "tests/dataplane/lcore/port/port_fixture.h"

namespace warp::lcore {
namespace {

constexpr const char* kDevice = "net_warp_lab0,wire=vlan";

class VlanPortTest : public PortTest {
 protected:
  // The far end is port 1, whose frames are as they are on the link.
  void SetUp() override { far_ = OpenDevargs("net_warp_lab1,wire=vlan", 1); }

  // Opens the port of a VLAN under this id. All of them have the pool of the device.
  std::unique_ptr<Port> OpenVlan(uint16_t vlan, PortId id, const std::string& device = kDevice) {
    PortSpec spec{.device = VirtualDevice{device}};
    spec.vlan.id = vlan;
    spec.device_vlans = {{.id = 0}, {.id = 10}, {.id = 20}};
    std::shared_ptr<VlanTrunk> trunk = trunk_.lock();
    auto port = OpenPort(spec, id, pool(0), &trunk);
    trunk_ = trunk;
    EXPECT_TRUE(port.ok()) << port.status();
    return port.ok() ? *std::move(port) : nullptr;
  }
  // Sends frames to `to` from the far end, numbered from `first`, with this tag; -1: none.
  void SendTagged(Port& to, int tag, uint32_t first, uint32_t count = 1) {
    for (uint32_t i = 0; i < count; ++i) {
      rte_mbuf* frame = Frame(*far_, to, first + i);
      if (tag >= 0) PutTagOn(frame, static_cast<uint16_t>(tag));
      ASSERT_EQ(far_->TxBurst(&frame, 1), 1);
    }
  }
  // What one call of RxBurst brings: the numbers of the frames.
  static std::vector<uint32_t> Ask(Port& port) {
    std::array<rte_mbuf*, 32> burst;
    const uint16_t count = port.RxBurst(burst.data(), burst.size());
    std::vector<uint32_t> numbers;
    for (uint16_t i = 0; i < count; ++i) numbers.push_back(NumberOf(burst[i], 100));
    rte_pktmbuf_free_bulk(burst.data(), count);
    return numbers;
  }
  // The tag of the next frame that arrives at the far end; -1: it has none, -2: there is no frame. The frame without
  // its tag must have this number.
  int TagAtFarEnd(uint32_t number) {
    rte_mbuf* frame = nullptr;
    if (far_->RxBurst(&frame, 1) == 0) return -2;
    const auto* const bytes = rte_pktmbuf_mtod(frame, const uint8_t*);
    int tag = -1;
    if (bytes[12] == 0x81 && bytes[13] == 0x00) {
      tag = bytes[14] << 8 | bytes[15];
      TakeTagOff(frame);
    }
    EXPECT_EQ(NumberOf(frame, 100), number);
    rte_pktmbuf_free(frame);
    return tag;
  }

  std::unique_ptr<Port> far_;
  std::weak_ptr<VlanTrunk> trunk_;
};

TEST_F(VlanPortTest, WhatLeavesHasTheTagOfItsPort) {
  auto untagged = OpenVlan(0, 0), ten = OpenVlan(10, 1), twenty = OpenVlan(20, 2);
  EXPECT_EQ(ten->mac(), twenty->mac());
  ASSERT_EQ(Send(*ten, *far_, 1, 1), 1u);
  ASSERT_EQ(Send(*twenty, *far_, 2, 1), 1u);
  ASSERT_EQ(Send(*untagged, *far_, 3, 1), 1u);
  EXPECT_EQ(TagAtFarEnd(1), 10);
  EXPECT_EQ(TagAtFarEnd(2), 20);
  EXPECT_EQ(TagAtFarEnd(3), -1);
  EXPECT_EQ(ten->Counters().tx_packets, 1u);
  EXPECT_EQ(ten->Counters().tx_bytes, 142u);
}

TEST_F(VlanPortTest, WhatArrivesGoesToThePortOfItsTag) {
  auto untagged = OpenVlan(0, 0), ten = OpenVlan(10, 1), twenty = OpenVlan(20, 2);
  SendTagged(*ten, 20, 1);
  SendTagged(*ten, 10, 2);
  SendTagged(*ten, -1, 3);
  SendTagged(*ten, 0xe000, 4);       // a priority, and no VLAN
  SendTagged(*ten, 0xe000 | 20, 5);  // with a priority
  // The first that is asked finds them all, so that a turn leaves none behind.
  EXPECT_EQ(Ask(*untagged), (std::vector<uint32_t>{3, 4}));
  EXPECT_EQ(Ask(*ten), std::vector<uint32_t>{2});
  EXPECT_EQ(Ask(*twenty), (std::vector<uint32_t>{1, 5}));
  EXPECT_EQ(twenty->Counters().rx_packets, 2u);
  EXPECT_EQ(twenty->Counters().rx_bytes, 284u);
  EXPECT_FALSE(untagged->losses().any());
}

TEST_F(VlanPortTest, WhatBelongsToNoPortIsCounted) {
  auto ten = OpenVlan(10, 1);
  SendTagged(*ten, 30, 1, 2);
  SendTagged(*ten, -1, 3);  // VLAN 0 is one of the device, but its port is not open
  SendTagged(*ten, 10, 4);
  EXPECT_EQ(Ask(*ten), std::vector<uint32_t>{4});
  EXPECT_EQ(ten->TakeLosses().unknown_vlan, 3u);
  EXPECT_EQ(ten->TakeLosses().unknown_vlan, 0u);
}

// A driver whose adapter takes tags off tells of them beside the frame.
TEST_F(VlanPortTest, ATagThatTheDriverHasTakenOffCounts) {
  auto ten = OpenVlan(10, 1);
  rte_mbuf* frame = Frame(*ten, *far_, 1);
  frame->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  frame->vlan_tci = 0xe000 | 10;
  EXPECT_EQ(TakeTagOff(pool(0), &frame), 10);
  EXPECT_EQ(NumberOf(frame, 100), 1u);
  rte_pktmbuf_free(frame);
}

TEST_F(VlanPortTest, AFrameThatOthersSeeIsCopied) {
  auto ten = OpenVlan(10, 1);
  rte_mbuf* const shared = Frame(*ten, *far_, 1);
  PutTagOn(shared, 10);
  rte_mbuf_refcnt_update(shared, 1);
  rte_mbuf* frame = shared;
  EXPECT_EQ(TakeTagOff(pool(0), &frame), 10);
  EXPECT_NE(frame, shared);
  EXPECT_EQ(NumberOf(frame, 100), 1u);
  EXPECT_EQ(rte_pktmbuf_mtod(shared, uint8_t*)[12], 0x81);
  EXPECT_EQ(rte_mbuf_refcnt_read(shared), 1);
  rte_pktmbuf_free(frame);
  rte_pktmbuf_free(shared);
}

TEST_F(VlanPortTest, AFrameTooShortForATagHasNone) {
  auto ten = OpenVlan(10, 1);
  rte_mbuf* frame = Frame(*ten, *far_, 1);
  PutTagOn(frame, 10);
  frame->data_len = 15;
  frame->pkt_len = 15;
  EXPECT_EQ(TakeTagOff(pool(0), &frame), 0);
  EXPECT_EQ(frame->pkt_len, 15u);
  rte_pktmbuf_free(frame);
}

// The caller may send it by another port, or as a payload again.
TEST_F(VlanPortTest, WhatTheDeviceRefusesIsAsItWas) {
  far_.reset();
  far_ = OpenDevargs("net_warp_lab1,wire=slow", 1);
  auto ten = OpenVlan(10, 1, "net_warp_lab0,wire=slow,rate=0");
  static_cast<LabPort&>(trunk_.lock()->device()).Grant(1);
  std::array<rte_mbuf*, 3> frames;
  for (uint32_t i = 0; i < frames.size(); ++i) frames[i] = Frame(*ten, *far_, i);
  EXPECT_EQ(ten->TxBurst(frames.data(), frames.size()), 1);
  EXPECT_EQ(TagAtFarEnd(0), 10);
  EXPECT_EQ(NumberOf(frames[1], 100), 1u);
  EXPECT_EQ(NumberOf(frames[2], 100), 2u);
  EXPECT_EQ(ten->Counters().tx_packets, 1u);
  rte_pktmbuf_free_bulk(frames.data() + 1, 2);
}

// --- Ports come and go. ---

TEST_F(VlanPortTest, AnotherPortPollsWhenTheFirstIsNotAskedAnyMore) {
  auto ten = OpenVlan(10, 1), twenty = OpenVlan(20, 2);
  EXPECT_TRUE(Ask(*ten).empty());
  EXPECT_TRUE(Ask(*twenty).empty());
  ten.reset();
  SendTagged(*twenty, 20, 1);
  std::vector<uint32_t> numbers = Ask(*twenty);
  if (numbers.empty()) numbers = Ask(*twenty);
  EXPECT_EQ(numbers, std::vector<uint32_t>{1});
  // The first one is back, and polls again: in one turn, and before the other one is asked.
  ten = OpenVlan(10, 1);
  SendTagged(*twenty, 20, 2);
  EXPECT_TRUE(Ask(*ten).empty());
  EXPECT_EQ(Ask(*twenty), std::vector<uint32_t>{2});
}

TEST_F(VlanPortTest, WhatWaitsForAPortThatClosesGoesWithIt) {
  auto ten = OpenVlan(10, 1), twenty = OpenVlan(20, 2);
  SendTagged(*ten, 20, 1, 5);
  EXPECT_TRUE(Ask(*ten).empty());
  twenty.reset();
  EXPECT_EQ(Held(), 0u);
  SendTagged(*ten, 20, 6);
  EXPECT_TRUE(Ask(*ten).empty());
  EXPECT_EQ(ten->TakeLosses().unknown_vlan, 1u);
  twenty = OpenVlan(20, 2);
  SendTagged(*ten, 20, 7);
  EXPECT_TRUE(Ask(*ten).empty());
  EXPECT_EQ(Ask(*twenty), std::vector<uint32_t>{7});
}

// The worker has a port in its hands no more, or not yet.
TEST_F(VlanPortTest, APortThatNobodyAsksHoldsUpNoOther) {
  auto ten = OpenVlan(10, 1), twenty = OpenVlan(20, 2);
  for (uint32_t turn = 0; turn < 10; ++turn) {
    SendTagged(*ten, 20, 0, 10);
    SendTagged(*ten, 10, turn);
    EXPECT_EQ(Ask(*ten), std::vector<uint32_t>{turn});
  }
  EXPECT_EQ(twenty->Counters().rx_missed, 100 - FrameQueue::kSize);
  EXPECT_EQ(Ask(*twenty).size(), 32u);
}

TEST_F(VlanPortTest, TheLastPortClosesTheDevice) {
  auto ten = OpenVlan(10, 1), twenty = OpenVlan(20, 2);
  ten.reset();
  EXPECT_NE(trunk_.lock(), nullptr);
  twenty.reset();
  EXPECT_EQ(trunk_.lock(), nullptr);
  EXPECT_EQ(Held(), 0u);
  ten = OpenVlan(10, 1);  // opened anew
  ASSERT_EQ(Send(*ten, *far_, 1, 1), 1u);
  EXPECT_EQ(TagAtFarEnd(1), 10);
}

TEST_F(VlanPortTest, ADeviceThatIsGoneTakesNoPort) {
  auto ten = OpenVlan(10, 1);
  static_cast<LabPort&>(trunk_.lock()->device()).PullOut();
  EXPECT_EQ(ten->Link(), LinkState::kGone);
  PortSpec spec = ten->spec();
  spec.vlan.id = 20;
  std::shared_ptr<VlanTrunk> trunk = trunk_.lock();
  EXPECT_EQ(OpenPort(spec, 2, pool(0), &trunk).status().message(),
            "net_warp_lab0,wire=vlan was taken away");
  spec.vlan.id = 11;
  EXPECT_EQ(OpenPort(spec, 2, pool(0), &trunk).status().message(),
            "net_warp_lab0,wire=vlan was opened without VLAN 11");
}

}  // namespace
}  // namespace warp::lcore
