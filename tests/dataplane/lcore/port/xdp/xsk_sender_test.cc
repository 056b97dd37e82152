// Sending by the rings of an AF_XDP socket. The test is the kernel: it takes descriptors from the TX ring, and tells
// what was sent in the completion ring. A Unix socket stands for the AF_XDP socket. It answers EAGAIN as long as its
// queue is full, as the kernel does while the queue of an interface is stopped, and counts the calls otherwise.
#include "dataplane/lcore/port/xdp/xsk_sender.h"

#include <gtest/gtest.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "dataplane/lcore/memory/pool.h"

namespace warp::lcore {
namespace {

class XskSenderTest : public testing::Test {
 protected:
  static constexpr uint32_t kTx = 64, kCompleted = 128;

  ~XskSenderTest() override {
    close(sockets_[0]);
    close(sockets_[1]);
  }

  // Fills the queue of the socket, so that further calls say EAGAIN.
  void StopQueue() {
    while (send(sockets_[0], nullptr, 0, MSG_DONTWAIT) == 0) {
    }
    EXPECT_EQ(errno, EAGAIN);
  }
  // Returns how often the kernel was called.
  size_t Calls() {
    size_t calls = 0;
    char byte;
    while (recv(sockets_[1], &byte, 1, MSG_DONTWAIT) >= 0) ++calls;
    return calls;
  }
  uint16_t Send(uint16_t count, uint16_t size = 100) {
    std::vector<rte_mbuf*> frames(count);
    EXPECT_EQ(rte_pktmbuf_alloc_bulk(pool_.get(), frames.data(), count), 0);
    // Each has a mark of its own, by which Transmit knows it.
    size_t mark = sent_;
    for (rte_mbuf* frame : frames) {
      std::memset(rte_pktmbuf_append(frame, size), static_cast<int>(++mark), size);
    }
    const uint16_t taken = sender_.Send(frames.data(), count);
    rte_pktmbuf_free_bulk(frames.data() + taken, count - taken);
    sent_ += taken;
    return taken;
  }
  // Sends so many frames of the TX ring. Their addresses may be told at once, or later.
  void Transmit(uint32_t count) {
    for (; count > 0; --count, ++tx_consumer_) {
      ASSERT_NE(tx_consumer_, tx_producer_);
      const xdp_desc& descriptor = tx_[tx_consumer_ % kTx];
      EXPECT_EQ(descriptor.len, 100u);
      EXPECT_EQ(rte_pktmbuf_mtod(Umem(pool_.get()).BufferAt(descriptor.addr), uint8_t*)[99],
                static_cast<uint8_t>(marks_ + 1));
      ++marks_;
      under_way_.push_back(descriptor.addr);
    }
  }
  void Complete() {
    for (const uint64_t address : under_way_) {
      ASSERT_LT(completed_producer_ - completed_consumer_, kCompleted);
      completed_[completed_producer_ % kCompleted] = address;
      std::atomic_ref(completed_producer_).fetch_add(1, std::memory_order_release);
    }
    under_way_.clear();
  }
  unsigned Held() const { return rte_mempool_in_use_count(pool_.get()); }

  const PoolPtr pool_ = *CreateRxPool(PlanPools({.max_ports = 1, .worker_cpus = {-1}}), 0);
  const std::array<int, 2> sockets_ = Sockets();
  std::vector<xdp_desc> tx_ = std::vector<xdp_desc>(kTx);
  std::vector<uint64_t> completed_ = std::vector<uint64_t>(kCompleted);
  // Indices begin anywhere, and pass their largest value.
  uint32_t tx_producer_ = UINT32_MAX - 3, tx_consumer_ = tx_producer_;
  uint32_t completed_producer_ = UINT32_MAX - 70, completed_consumer_ = completed_producer_;
  std::vector<uint64_t> under_way_;
  size_t sent_ = 0, marks_ = 0;

 private:
  static std::array<int, 2> Sockets() {
    std::array<int, 2> sockets{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets.data()), 0);
    return sockets;
  }
  XskSendRings Rings() {
    return {.tx = {.producer = &tx_producer_,
                   .consumer = &tx_consumer_,
                   .descriptors = reinterpret_cast<uint8_t*>(tx_.data()),
                   .size = kTx},
            .completed = {.producer = &completed_producer_,
                          .consumer = &completed_consumer_,
                          .descriptors = reinterpret_cast<uint8_t*>(completed_.data()),
                          .size = kCompleted}};
  }

 protected:
  XskSender sender_{sockets_[0], Rings(), pool_.get()};
};

TEST_F(XskSenderTest, SendsAndFreesWhatTheKernelHasSent) {
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(Send(1), 1);
    Transmit(1);
    Complete();
  }
  EXPECT_EQ(Held(), 1u) << "the last one is freed when the next is sent";
  EXPECT_EQ(sender_.packets(), 20u);
  EXPECT_EQ(sender_.bytes(), 2000u);
}

// With a call for each attempt, and attempts without end, the worker would never come back from here.
TEST_F(XskSenderTest, AQueueThatIsStoppedHoldsUpNobody) {
  StopQueue();
  EXPECT_EQ(Send(20), 20);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Send(20), 0);
    sender_.Flush();
  }
  EXPECT_EQ(Held(), 20u);
  // A part of it leaves.
  Transmit(19);
  EXPECT_EQ(Send(20), 0);
  Transmit(1);
  EXPECT_EQ(Send(20), 20);
  Transmit(20);
  Complete();
  EXPECT_EQ(Send(1), 1);
  EXPECT_EQ(Held(), 1u);
  EXPECT_EQ(sender_.packets(), 41u);
}

TEST_F(XskSenderTest, CallsFollowFromFrames) {
  for (const auto& [frames, calls] : {std::pair(1, 1), {31, 1}, {32, 2}, {64, 3}}) {
    EXPECT_EQ(Send(static_cast<uint16_t>(frames)), frames);
    EXPECT_EQ(Calls(), static_cast<size_t>(calls)) << frames;
    Transmit(static_cast<uint32_t>(frames));
    Complete();
  }
  sender_.Flush();
  EXPECT_EQ(Calls(), 0u) << "nothing waits";
}

// What is on its way has left the TX ring, and its buffer is not free before the kernel says so.
TEST_F(XskSenderTest, NoMoreIsUnderWayThanTheCompletionRingHolds) {
  ASSERT_EQ(Send(64), 64);
  Transmit(64);
  ASSERT_EQ(Send(60), 60);
  Transmit(60);
  EXPECT_EQ(Send(64), 4);
  Transmit(4);
  EXPECT_EQ(Send(1), 0);
  EXPECT_EQ(Held(), kCompleted);
  Complete();
  EXPECT_EQ(Send(1), 1);
  EXPECT_EQ(Held(), 1u);
}

// What waits in the TX ring comes back, and what is on its way is left to the adapter.
TEST_F(XskSenderTest, WaitsAtItsEndUntilAllHasLeft) {
  ASSERT_EQ(Send(30), 30);
  Transmit(30);
  std::thread interface([this] {
    usleep(5000);
    Complete();
  });
  EXPECT_TRUE(sender_.Drain(std::chrono::minutes(1)).empty());
  interface.join();
  EXPECT_EQ(Held(), 0u);
  // An adapter that hangs is not waited for.
  ASSERT_EQ(Send(30), 30);
  Transmit(25);
  std::vector<rte_mbuf*> left = sender_.Drain(std::chrono::milliseconds(2));
  EXPECT_EQ(left.size(), 5u);
  rte_pktmbuf_free_bulk(left.data(), static_cast<unsigned>(left.size()));
  EXPECT_EQ(Held(), 25u);
}

// Linux before 6.17 does not tell at once what it took from the TX ring before the interface's queue stopped.
TEST_F(XskSenderTest, WhatTheKernelHidesIsFreedOnce) {
  StopQueue();
  ASSERT_EQ(Send(30), 30);
  Transmit(20);
  Complete();
  Transmit(5);  // which have not come back
  tx_consumer_ -= 25;
  EXPECT_EQ(Send(1), 0);
  EXPECT_EQ(Held(), 10u);
  std::vector<rte_mbuf*> left = sender_.Drain(std::chrono::milliseconds(2));
  EXPECT_EQ(left.size(), 10u) << "those that it may have taken are told by nothing";
  rte_pktmbuf_free_bulk(left.data(), static_cast<unsigned>(left.size()));
  EXPECT_EQ(Held(), 0u);
}

// A frame that stays on its way for long loses its place to a later one, which must not be freed in its stead.
TEST_F(XskSenderTest, AFrameThatComesBackLateIsFreedOnce) {
  ASSERT_EQ(Send(1), 1);
  Transmit(1);
  const uint64_t late = under_way_.back();
  under_way_.clear();
  ASSERT_EQ(Send(kTx - 1), kTx - 1);
  Transmit(kTx - 1);
  Complete();
  StopQueue();
  ASSERT_EQ(Send(1), 1);  // in the same place
  under_way_.push_back(late);
  Complete();
  std::vector<rte_mbuf*> left = sender_.Drain(std::chrono::milliseconds(2));
  ASSERT_EQ(left.size(), 1u);
  rte_pktmbuf_free(left[0]);
  EXPECT_EQ(Held(), 0u);
}

}  // namespace
}  // namespace warp::lcore
