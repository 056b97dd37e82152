// A tool for the port scenarios. It opens one port in the current network namespace and sends numbered frames through
// it, or counts those that arrive. Its arguments are KEY=VALUE, as below. It prints "ready", then one line of results.
//
//   port_probe receive driver=af_packet device=b0 count=10000 first_ms=30000 idle_ms=2000
//   port_probe send    driver=af_packet device=a0 to_mac=… from=10.0.0.1 to=10.0.0.2 count=10000 rate=20000 size=1200

#include <poll.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "dataplane/lcore/memory/eal.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/lcore/plane/open_port.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::lcore {
namespace {

using SteadyClock = std::chrono::steady_clock;

class Arguments {
 public:
  Arguments(int argc, char** argv) {
    for (int i = 2; i < argc; ++i) {
      const std::string argument = argv[i];
      const size_t equals = argument.find('=');
      values_[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
  }
  std::string Text(const std::string& key, const std::string& otherwise = "") const {
    auto found = values_.find(key);
    return found == values_.end() ? otherwise : found->second;
  }
  uint64_t Number(const std::string& key, uint64_t otherwise) const {
    auto found = values_.find(key);
    return found == values_.end() ? otherwise : std::strtoull(found->second.c_str(), nullptr, 10);
  }

 private:
  std::map<std::string, std::string> values_;
};

[[noreturn]] void Fail(const std::string& sentence) {
  std::fprintf(stderr, "port_probe: %s\n", sentence.c_str());
  std::exit(1);
}

wire::MacAddress ParseMac(const std::string& text) {
  wire::MacAddress mac;
  unsigned b[6];
  if (std::sscanf(text.c_str(), "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) !=
      6) {
    Fail("to_mac: not a MAC address");
  }
  for (size_t i = 0; i < 6; ++i) mac.bytes[i] = static_cast<uint8_t>(b[i]);
  return mac;
}

wire::Endpoint ParseEndpoint(const std::string& ip, uint16_t port) {
  auto address = wire::IpAddress::Parse(ip);
  if (!address.ok()) Fail(ip + ": not an address");
  return {*address, port};
}

PortDevice DeviceOf(const std::string& driver, const std::string& device) {
  if (driver == "af_packet") return KernelDevice{device, KernelDriver::kAfPacket};
  if (driver == "af_xdp") return KernelDevice{device, KernelDriver::kAfXdp};
  if (driver == "pci") return PciDevice{device};
  return VirtualDevice{device};
}

void Send(Port& port, rte_mempool* pool, const Arguments& arguments) {
  const auto udp_port = static_cast<uint16_t>(arguments.Number("udp_port", wire::kDefaultPort));
  const wire::FrameTemplate frame =
      wire::MakeFrameTemplate(port.mac(), ParseMac(arguments.Text("to_mac")),
                              ParseEndpoint(arguments.Text("from"), udp_port),
                              ParseEndpoint(arguments.Text("to"), udp_port));
  const uint64_t count = arguments.Number("count", 1000);
  const uint64_t rate = arguments.Number("rate", 10000);  // frames a second; 0: as fast as possible
  const auto size = static_cast<uint16_t>(arguments.Number("size", 1200));

  uint64_t sent = 0, refused = 0, slowest_ns = 0;
  const auto start = SteadyClock::now();
  while (sent < count) {
    const double elapsed = std::chrono::duration<double>(SteadyClock::now() - start).count();
    const uint64_t due =
        rate == 0 ? count
                  : std::min(count, static_cast<uint64_t>(elapsed * static_cast<double>(rate)) + 1);
    if (due <= sent) {
      poll(nullptr, 0, 1);
      continue;
    }
    std::array<rte_mbuf*, 32> burst;
    const auto want = static_cast<uint16_t>(std::min<uint64_t>(burst.size(), due - sent));
    if (rte_pktmbuf_alloc_bulk(pool, burst.data(), want) != 0) Fail("no buffers");
    for (uint16_t i = 0; i < want; ++i) {
      auto* out = reinterpret_cast<uint8_t*>(
          rte_pktmbuf_append(burst[i], static_cast<uint16_t>(frame.size + size)));
      if (out == nullptr) Fail("size: larger than a buffer");
      std::memset(out + frame.size, 0x5a, size);
      const uint64_t number = sent + i;
      std::memcpy(out + frame.size, &number, sizeof(number));
      const uint32_t sum = wire::DatagramSum({out + frame.size, size});
      wire::WriteFrameHeader(frame, size, sum, out);
    }
    const auto before = SteadyClock::now();
    const uint16_t taken = port.TxBurst(burst.data(), want);
    const auto took = std::chrono::nanoseconds(SteadyClock::now() - before).count();
    slowest_ns = std::max<uint64_t>(slowest_ns, static_cast<uint64_t>(took));
    rte_pktmbuf_free_bulk(burst.data() + taken, static_cast<unsigned>(want - taken));
    // With retry=0 a refused frame counts as lost here; otherwise it is sent again.
    refused += static_cast<uint64_t>(want - taken);
    sent += arguments.Number("retry", 1) != 0 ? taken : want;
  }
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
  std::printf("sent=%lu refused=%lu kpps=%.1f slowest_burst_us=%lu\n", sent, refused,
              static_cast<double>(sent) / seconds / 1000, slowest_ns / 1000);
}

void Receive(Port& port, const Arguments& arguments) {
  const uint64_t count = arguments.Number("count", 1000);
  // The sender may not have started yet, so the first frame may take long.
  const auto before = std::chrono::milliseconds(arguments.Number("first_ms", 30000));
  const auto idle = std::chrono::milliseconds(arguments.Number("idle_ms", 2000));
  std::vector<bool> seen(count);
  uint64_t last_number = 0, received = 0, duplicates = 0, foreign = 0, bad = 0, errors = 0;
  SteadyClock::time_point first{}, last = SteadyClock::now();
  while (received < count && SteadyClock::now() - last < (received == 0 ? before : idle)) {
    std::array<rte_mbuf*, 32> burst;
    const uint16_t got = port.RxBurst(burst.data(), burst.size());
    if (got == 0) {
      pollfd waiting{port.poll_fd(), POLLIN, 0};
      poll(&waiting, 1, port.poll_fd() < 0 ? 1 : 100);
      if ((waiting.revents & POLLERR) != 0) {
        ++errors;
        port.ClearPollError();
      }
      continue;
    }
    last = SteadyClock::now();
    if (received == 0) first = last;
    for (uint16_t i = 0; i < got; ++i) {
      const auto* data = rte_pktmbuf_mtod(burst[i], const uint8_t*);
      wire::ParsedFrame parsed;
      const bool ours = wire::ParseFrame({data, rte_pktmbuf_data_len(burst[i])}, &parsed) ==
                            wire::FrameKind::kUdp &&
                        parsed.to.port == port.spec().listen_port && parsed.to_mac == port.mac();
      if (!ours) {
        ++foreign;
        continue;
      }
      uint64_t number = count;
      if (parsed.datagram_size >= sizeof(number)) {
        std::memcpy(&number, data + parsed.datagram_offset, sizeof(number));
      }
      for (uint16_t at = sizeof(number); at < parsed.datagram_size; ++at) {
        if (data[parsed.datagram_offset + at] != 0x5a) number = count;
      }
      if (number >= count) {
        ++bad;
      } else if (seen[number]) {
        ++duplicates;
      } else {
        seen[number] = true;
        last_number = std::max(last_number, number);
        ++received;
      }
    }
    rte_pktmbuf_free_bulk(burst.data(), got);
  }
  const double seconds = std::chrono::duration<double>(last - first).count();
  const PortCounters counters = port.Counters();
  std::printf(
      "received=%lu lost=%lu duplicates=%lu foreign=%lu bad=%lu missed=%lu poll_errors=%lu "
      "last=%lu kpps=%.1f\n",
      received, count - received, duplicates, foreign, bad, counters.rx_missed, errors, last_number,
      seconds > 0 ? static_cast<double>(received) / seconds / 1000 : 0.0);
}

int Main(int argc, char** argv) {
  if (argc < 2) Fail("usage: port_probe send|receive KEY=VALUE…");
  const std::string mode = argv[1];
  const Arguments arguments(argc, argv);
  PortSpec spec;
  spec.name = "probe";
  spec.mtu = static_cast<uint16_t>(arguments.Number("mtu", 1500));
  spec.listen_port = static_cast<uint16_t>(arguments.Number("udp_port", wire::kDefaultPort));
  spec.device = DeviceOf(arguments.Text("driver", "af_packet"), arguments.Text("device"));

  DataplaneOptions options;
  options.max_ports = 1;
  options.worker_cpus = {-1};
  if (arguments.Number("pci", 0) != 0) options.pci_devices = {arguments.Text("device")};
  options.max_mtu = static_cast<uint16_t>(arguments.Number("max_mtu", spec.mtu));
  const PoolPlan plan = PlanPools(options);
  if (auto status = InitEal({.worker_cpus = options.worker_cpus,
                             .hugepages = arguments.Number("hugepages", 0) != 0,
                             .pci_devices = options.pci_devices,
                             .memory_mib = plan.memory_mib});
      !status.ok()) {
    Fail(std::string(status.message()));
  }
  auto pool = CreateRxPool(plan, 0);
  if (!pool.ok()) Fail(std::string(pool.status().message()));
  // The port is opened as often as asked, which shows that closing it leaves nothing behind.
  for (uint64_t i = arguments.Number("opens", 1); i > 0; --i) {
    auto port = OpenPort(spec, 0, pool->get());
    if (!port.ok()) Fail(std::string(port.status().message()));
    if (i > 1) continue;
    std::printf("ready\n");
    std::fflush(stdout);
    if (mode == "send") {
      Send(**port, pool->get(), arguments);
    } else {
      Receive(**port, arguments);
    }
    std::fflush(stdout);
  }
  std::printf("leaked=%u\n", rte_mempool_in_use_count(pool->get()));
  return 0;
}

}  // namespace
}  // namespace warp::lcore

int main(int argc, char** argv) { return warp::lcore::Main(argc, argv); }
