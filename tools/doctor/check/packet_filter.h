// What the rules of nftables do with datagrams of a UDP port. Pure.
//
// Rules are judged as far as they name interfaces, protocols, ports and states of connections. What a rule asks beyond
// that may be so or not; a datagram counts as dropped only where nothing of it could save it.
#ifndef WARP_TOOLS_DOCTOR_CHECK_PACKET_FILTER_H_
#define WARP_TOOLS_DOCTOR_CHECK_PACKET_FILTER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "tools/machine/json.h"

namespace warp::tools {

enum class Direction : uint8_t { kIn, kOut };

// A datagram of WARP's: from or to this node's port.
struct FilteredDatagram {
  Direction direction = Direction::kIn;
  std::string interface;
  uint16_t own_port = 0;
  bool answers = true;  // both ends send to each other, so that it belongs to a connection soon
};

struct FilterDrop {
  std::string chain;    // "inet filter input", as nft calls it
  bool policy = false;  // by the chain's policy: no rule accepts it
};

class PacketFilter {
 public:
  // `ruleset`: as `nft -j list ruleset` prints it. Anything else has no rules.
  explicit PacketFilter(const Json& ruleset);
  PacketFilter(const PacketFilter&) = delete;
  PacketFilter& operator=(const PacketFilter&) = delete;

  // The first chain that is certain to drop it; nullopt: none is.
  std::optional<FilterDrop> DropOf(const FilteredDatagram& datagram) const;

 private:
  enum class Fate : uint8_t { kGoesOn, kMayPass, kDropped };
  using ChainId = std::tuple<std::string, std::string, std::string>;  // family, table, name
  struct Chain {
    std::string hook;                // empty: others jump to it
    bool drops = false;              // what no rule of it decides
    std::vector<const Json*> rules;  // their expressions
  };

  // How far one datagram may still be followed from chain to chain, and through how many rules.
  struct Bounds {
    int jumps;
    int rules;
  };

  Fate FateIn(const ChainId& id, const FilteredDatagram& datagram, Bounds& left) const;
  Fate FateBy(const ChainId& id, const Json& rule, const FilteredDatagram& datagram,
              Bounds& left) const;

  const Json ruleset_;
  std::map<ChainId, Chain> chains_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_DOCTOR_CHECK_PACKET_FILTER_H_
