// Which interfaces get a port by the patterns of a configuration, as they come and go.
//
// An interface that an entry names has its port by that entry. For each other one, the first entry whose pattern
// matches counts. Never does a port come of the loopback interface, nor of one that this node makes itself: a gate, or
// the companion of a port. Ports that are there keep their place; whatever comes when node.max_ports are there waits
// until one of them goes. Pure; one thread.
#ifndef WARP_CONTROL_CONFIG_PATTERN_PORT_PATTERNS_H_
#define WARP_CONTROL_CONFIG_PATTERN_PORT_PATTERNS_H_

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "control/config/node_config.h"
#include "dataplane/os/kernel_ports.h"

namespace warp::config {

class PortPatterns {
 public:
  struct Entry {
    const PortConfig* pattern = nullptr;
    std::vector<std::string> interfaces;  // that have a port, in the order in which they came
    // That match and have none, in the kernel's order, and why that is so for the first of them.
    std::vector<std::string> left_out;
    std::string reason;  // "all 8 ports (node.max_ports) are in use"
  };

  // `config` outlives this.
  explicit PortPatterns(const NodeConfig& config);

  bool empty() const { return entries_.empty(); }
  // These are all interfaces now.
  void Update(const std::vector<os::Interface>& interfaces);

  // One for each pattern, in the order of the file.
  const std::vector<Entry>& entries() const { return entries_; }
  bool Has(const std::string& interface) const;

 private:
  void Consider(const std::string& interface);
  // Why no port can come of it; empty: one can.
  std::string Obstacle(const std::string& interface) const;

  const size_t max_ports_;
  size_t room_ = 0;                 // for ports of patterns
  std::set<std::string> reserved_;  // interfaces
  std::set<std::string> names_;     // of other ports
  std::vector<Entry> entries_;
};

// What people are told of the interfaces without a port: "wwan8 and 3 more have no port: ...". Empty: there are none.
std::string LeftOutText(const PortPatterns::Entry& entry);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_PATTERN_PORT_PATTERNS_H_
