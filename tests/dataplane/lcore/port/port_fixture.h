// Opens ports for a test and sends frames through them. Each frame carries a number that identifies it.
#ifndef WARP_TESTS_DATAPLANE_LCORE_PORT_PORT_FIXTURE_H_
#define WARP_TESTS_DATAPLANE_LCORE_PORT_PORT_FIXTURE_H_

#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/lcore/plane/open_port.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::lcore {

inline constexpr uint16_t kTestPort = 13116;

// True if this process has a network namespace of its own, where it may make interfaces. Set by main.
inline bool private_network = false;

class PortTest : public testing::Test {
 protected:
  // Makes buffers for frames of this MTU. Must be called before the first Open.
  void SetMaxMtu(uint16_t mtu) { options_.max_mtu = mtu; }

  // Opens port `id` with a pool of its own.
  absl::StatusOr<std::unique_ptr<Port>> TryOpen(const PortDevice& device, PortId id = 0,
                                                uint16_t mtu = 1500) {
    return TryOpen({.device = device, .mtu = mtu}, id);
  }
  // The same by all that there is to say of it, but for name and UDP port.
  absl::StatusOr<std::unique_ptr<Port>> TryOpen(PortSpec spec, PortId id,
                                                std::shared_ptr<VlanTrunk>* trunk = nullptr) {
    while (pools_.size() <= id) {
      auto pool = CreateRxPool(PlanPools(options_), static_cast<PortId>(pools_.size()));
      if (!pool.ok()) return pool.status();
      pools_.push_back(*std::move(pool));
    }
    spec.name = absl::StrCat("port", id);
    spec.listen_port = kTestPort;
    return OpenPort(spec, id, pools_[id].get(), trunk);
  }
  std::unique_ptr<Port> Open(const PortDevice& device, PortId id = 0, uint16_t mtu = 1500) {
    auto port = TryOpen(device, id, mtu);
    EXPECT_TRUE(port.ok()) << port.status();
    return port.ok() ? *std::move(port) : nullptr;
  }
  std::unique_ptr<Port> OpenDevargs(const std::string& device, PortId id = 0) {
    return Open(VirtualDevice{device}, id);
  }
  std::string OpenError(const PortDevice& device, uint16_t mtu = 1500) {
    auto port = TryOpen(device, 0, mtu);
    return port.ok() ? "" : std::string(port.status().message());
  }

  rte_mempool* pool(PortId id) { return pools_[id].get(); }
  // Counts the buffers of all pools that are not free.
  unsigned Held() const {
    unsigned held = 0;
    for (const PoolPtr& pool : pools_) held += rte_mempool_in_use_count(pool.get());
    return held;
  }

  // Makes a frame from one port to another. `size` bytes follow its headers, and the first of them hold `number`.
  rte_mbuf* Frame(Port& from, Port& to, uint32_t number, uint16_t size = 100,
                  uint16_t udp_port = kTestPort, bool v6 = false) {
    auto address = [&](int host) {
      return wire::IpAddress::Parse(absl::StrCat(v6 ? "fd09::" : "10.9.0.", host + 1)).value();
    };
    const wire::FrameTemplate frame = wire::MakeFrameTemplate(
        from.mac(), to.mac(), {address(from.id()), udp_port}, {address(to.id()), udp_port});
    rte_mbuf* packet = rte_pktmbuf_alloc(from.rx_pool());
    if (packet == nullptr) return nullptr;
    auto* out = reinterpret_cast<uint8_t*>(
        rte_pktmbuf_append(packet, static_cast<uint16_t>(frame.size + size)));
    uint8_t* datagram = out + frame.size;
    std::memset(datagram, 0x5a, size);
    std::memcpy(datagram, &number, sizeof(number));
    wire::WriteFrameHeader(frame, size, v6 ? wire::DatagramSum({datagram, size}) : 0, out);
    return packet;
  }

  // Sends frames numbered from `first` and returns how many the port took. The others are freed.
  uint32_t Send(Port& from, Port& to, uint32_t first, uint32_t count, uint16_t size = 100,
                uint16_t udp_port = kTestPort, bool v6 = false) {
    for (uint32_t i = 0; i < count; ++i) {
      rte_mbuf* packet = Frame(from, to, first + i, size, udp_port, v6);
      if (packet == nullptr || from.TxBurst(&packet, 1) == 0) {
        rte_pktmbuf_free(packet);
        return i;
      }
    }
    return count;
  }

  // Receives until `count` frames are there or nothing has come for a while, and returns their numbers. UINT32_MAX
  // stands for a frame whose length differs from that of Frame(…, size), whose contents changed, or that comes as a
  // chain (unless chains_may_arrive_).
  std::vector<uint32_t> Receive(Port& port, size_t count, uint16_t size = 100) {
    std::vector<uint32_t> numbers;
    for (int silent_ms = 0; numbers.size() < count && silent_ms < 500;) {
      std::array<rte_mbuf*, 32> burst;
      const uint16_t got = port.RxBurst(burst.data(), burst.size());
      if (got == 0) {
        usleep(1000);
        ++silent_ms;
        continue;
      }
      silent_ms = 0;
      for (uint16_t i = 0; i < got; ++i) {
        if (chains_may_arrive_) {
          EXPECT_EQ(rte_pktmbuf_linearize(burst[i]), 0);
        }
        numbers.push_back(NumberOf(burst[i], size));
      }
      rte_pktmbuf_free_bulk(burst.data(), got);
    }
    return numbers;
  }

  static uint32_t NumberOf(rte_mbuf* packet, uint16_t size) {
    const auto* data = rte_pktmbuf_mtod(packet, const uint8_t*);
    wire::ParsedFrame parsed;
    if (packet->nb_segs != 1 ||
        wire::ParseFrame({data, rte_pktmbuf_data_len(packet)}, &parsed) != wire::FrameKind::kUdp ||
        parsed.datagram_size != size) {
      return UINT32_MAX;
    }
    const uint8_t* datagram = data + parsed.datagram_offset;
    uint32_t number;
    std::memcpy(&number, datagram, sizeof(number));
    const bool whole = std::all_of(datagram + sizeof(number), datagram + size,
                                   [](uint8_t b) { return b == 0x5a; });
    return whole ? number : UINT32_MAX;
  }

  // Whether the port under test may hand over a chain unjoined. A worker would join it.
  bool chains_may_arrive_ = false;

  static std::vector<uint32_t> Numbers(uint32_t first, uint32_t count) {
    std::vector<uint32_t> numbers(count);
    for (uint32_t i = 0; i < count; ++i) numbers[i] = first + i;
    return numbers;
  }

 private:
  DataplaneOptions options_ = {.max_ports = 2, .worker_cpus = {-1}};
  std::vector<PoolPtr> pools_;
};

}  // namespace warp::lcore

#endif  // WARP_TESTS_DATAPLANE_LCORE_PORT_PORT_FIXTURE_H_
