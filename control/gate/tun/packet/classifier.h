// Which class a packet of the kernel's is of, so that what matters can go by a tunnel of its own. The first class that
// matches has it. What is asked is what every packet tells by itself: the classes of a flow do not depend on what came
// before, except for interactive packets (below).
//
// Fragments: only the first one has ports. A class with ports therefore matches no fragment at all, so that all
// fragments of a packet have one class. The same holds of packets whose ports cannot be read: those of ESP, and of
// headers that are cut off. The protocol is that behind IPv6's extensions; a frame that holds no IP has no class.
//
// Interactive packets open a connection or keep it going, and whoever waits for them waits for everything behind them:
// segments of TCP without data (SYN, ACK), and DNS. They may overtake all that waits, but nothing of their own flow. So
// a segment counts as interactive only where its flow has sent none of the other kind in this direction for kQuiet, so
// that nothing of those is on its way any more. Segments that end a flow are of the other kind.
//
// Pure; any one thread. Costs no more than a look at each class's conditions.
#ifndef WARP_CONTROL_GATE_TUN_PACKET_CLASSIFIER_H_
#define WARP_CONTROL_GATE_TUN_PACKET_CLASSIFIER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "control/gate/tun/packet/inner_packet.h"
#include "control/gate/tun/packet/tun_prefix.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/time.h"

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
  // For so long a flow has sent nothing but interactive segments before the next one counts as such: longer than
  // anything of it can be on its way.
  static constexpr wire::Duration kQuiet = std::chrono::seconds(1);

  explicit Classifier(std::vector<PacketMatch> classes);

  // The place of the class among those given. Nullopt: none matches. `now` never falls.
  std::optional<size_t> ClassOf(wire::Instant now, wire::Bytes packet, const InnerPacket& inner);

 private:
  // Flows are told apart by so many slots. Two of one slot are one flow: then fewer packets count as interactive.
  static constexpr size_t kSlots = 8192;

  bool IsInteractive(wire::Instant now, wire::Bytes packet, const InnerPacket& inner);

  const std::vector<PacketMatch> classes_;
  // When a flow has sent a segment of the other kind last. Null: no class asks.
  std::unique_ptr<wire::Instant[]> busy_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_PACKET_CLASSIFIER_H_
