// Which class a packet of the kernel's is of, so that what matters can go by a tunnel of its own. The first class that
// matches has it. What is asked is what every packet tells by itself, and whether it is interactive
// (interactive_flows.h): otherwise the class of a packet does not depend on what came before.
//
// Fragments: only the first one has ports. A class with ports therefore matches no fragment at all, so that all
// fragments of a packet have one class. The same holds of packets whose ports cannot be read: those of ESP, and of
// headers that are cut off. The protocol is that behind IPv6's extensions; a frame that holds no IP has no class.
//
// Pure; any thread. Costs no more than a look at each class's conditions.
#ifndef WARP_CONTROL_GATE_TUN_PACKET_CLASSIFIER_H_
#define WARP_CONTROL_GATE_TUN_PACKET_CLASSIFIER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "control/gate/tun/packet/inner_packet.h"
#include "control/gate/tun/packet/tun_prefix.h"
#include "dataplane/wire/bytes.h"

namespace warp::control {

// Each condition that is set must hold. Of a list, one of its values must.
struct PacketMatch {
  struct Ports {
    uint16_t first = 0, last = 0;  // included
  };
  std::vector<uint8_t> dscp;        // 0 to 63
  std::vector<uint8_t> protocols;   // that of ICMP means ICMPv6 as well
  std::vector<Ports> ports;         // of TCP or UDP, at either end
  std::vector<TunPrefix> networks;  // at either end
  bool interactive = false;
};

class Classifier {
 public:
  explicit Classifier(std::vector<PacketMatch> classes) : classes_(std::move(classes)) {}

  // The place of the class among those given. Nullopt: none matches.
  std::optional<size_t> ClassOf(wire::Bytes packet, const InnerPacket& inner,
                                bool interactive) const;

 private:
  const std::vector<PacketMatch> classes_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_PACKET_CLASSIFIER_H_
