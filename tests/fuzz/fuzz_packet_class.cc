// Asks for the class of any packet. The input is:
//   command u8 (TAP: bit 0), packet
// However broken it is, its class is one of those that there are, and the same when asked again; the fragments of a
// packet have one class.
#include <optional>
#include <vector>

#include "control/gate/tun/packet/classifier.h"
#include "control/gate/tun/packet/interactive_flows.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp::control;
using warp::wire::Bytes;
using warp::wire::Instant;

namespace {

std::vector<PacketMatch> Classes() {
  return {{.dscp = {46, 0}, .ports = {{5060, 5061}, {10000, 20000}}},
          {.protocols = {1, 50}},
          {.networks = {{warp::wire::IpAddress::V4({10, 9, 0, 0}), 17},
                        {*warp::wire::IpAddress::Parse("fd00::"), 65}}},
          {.protocols = {17}, .ports = {{1, 65535}}},
          {.interactive = true}};
}

struct Subject {
  const Classifier classifier{Classes()};
  InteractiveFlows interactive;
};

std::optional<size_t> ClassOf(Subject& subject, Bytes packet, Layer layer) {
  const std::optional<InnerPacket> inner = ReadInnerPacket(packet, layer);
  if (!inner.has_value()) return std::nullopt;
  const Instant now(std::chrono::hours(1));
  return subject.classifier.ClassOf(packet, *inner,
                                    subject.interactive.IsInteractive(now, packet, *inner));
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const Layer layer = (data[0] & 1) != 0 ? Layer::kEthernet : Layer::kIp;
  std::vector<uint8_t> packet(data + 1, data + size);
  Subject subject;
  const std::optional<size_t> first = ClassOf(subject, packet, layer);
  WARP_FUZZ_CHECK(!first.has_value() || *first < Classes().size());
  WARP_FUZZ_CHECK(ClassOf(subject, packet, layer) == first);

  const std::optional<InnerPacket> inner = ReadInnerPacket(packet, layer);
  if (!inner.has_value()) return 0;
  WARP_FUZZ_CHECK(inner->version != 0 || !first.has_value());
  WARP_FUZZ_CHECK(!inner->has_ports() || (FlowOf(packet, *inner) != 0) == (inner->version != 0));
  if (inner->version != 4) return 0;
  uint8_t* const fragment = &packet[inner->ip + kIpv4Fragment];
  std::optional<size_t> of_fragments;
  for (const uint8_t offset : {0, 1, 9}) {  // the first one has more behind it
    fragment[0] = offset == 9 ? 0 : 0x20;
    fragment[1] = offset;
    const std::optional<size_t> found = ClassOf(subject, packet, layer);
    if (offset == 0) of_fragments = found;
    WARP_FUZZ_CHECK(found == of_fragments);
  }
  return 0;
}
