// Connections instead of UDP: looks at each interface once a second, and where the maps do not answer by UDP but one of
// them takes TLS connections, gives the interface a second port whose datagrams travel in one (Carrier). The port comes
// and goes like one that is plugged in: it has paths, probes and counters of its own. It reaches the map alone, and
// carries payloads only while no other port does. Control thread only.
#ifndef WARP_CONTROL_CARRIER_CARRIERS_H_
#define WARP_CONTROL_CARRIER_CARRIERS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/carrier/carrier.h"
#include "control/carrier/udp_watch.h"
#include "control/config/node_config.h"
#include "control/link/links.h"
#include "control/loop/loop.h"
#include "control/protocol/node/node.h"

namespace warp::control {

class Carriers {
 public:
  // All outlive this.
  Carriers(Loop& loop, const config::NodeConfig& config, protocol::Node& protocol, Links& links);
  ~Carriers();

  // The device of a port was opened, or is about to be closed; ports of the configuration do not matter.
  void NoteOpened(const config::PortConfig& port);
  void NoteClosing(const config::PortConfig& port);

  // Of a port in a connection; null: it has none.
  const Carrier::Status* Find(const std::string& port) const;
  // What connections have carried for this port of the configuration, beside what its own device has counted: never
  // less than before.
  uint64_t BytesOf(const std::string& port) const;

 private:
  // Of an interface; by the name of its own port.
  struct Watched {
    UdpWatch udp;
    bool seen = false;  // in this look
  };
  struct Carried {
    config::PortConfig base;
    std::unique_ptr<Carrier> carrier;  // while the port is open
    std::unique_ptr<Watch> watch;      // of its news
    std::vector<Carrier::Target> targets;
    Carrier::Status status;
    bool warned = false;   // that there can be no carrier now
    uint64_t counted = 0;  // of status.bytes, in volume_
  };

  void Look();
  bool Wants(const PortTable::Port& port, Watched& watched);
  bool Answers(wire::PortId port) const;
  std::vector<Carrier::Target> TargetsFor(const PortTable::Port& port) const;
  void Serve(const std::string& name, Carried& carried);
  void Follow(const std::string& name);
  void TakeStatus(Carried& carried);
  const PortTable::Port* FindNamed(const std::string& name) const;

  Loop& loop_;
  const config::NodeConfig& config_;
  protocol::Node& protocol_;
  Links& links_;
  std::map<std::string, Watched> watched_;
  std::map<std::string, Carried> carried_;  // by the name of the port in the connection
  std::map<std::string, uint64_t> volume_;  // by the name of the interface's own port
  std::vector<protocol::MapStatus> maps_;   // in this look
  Timer look_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_CARRIER_CARRIERS_H_
