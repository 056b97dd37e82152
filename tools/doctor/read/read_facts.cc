#include "tools/doctor/read/read_facts.h"

#include "tools/doctor/read/read_interfaces.h"
#include "tools/doctor/read/read_machine.h"
#include "tools/doctor/read/read_network.h"
#include "tools/doctor/read/read_sockets.h"

namespace warp::tools {

Facts ReadFacts(const Machine& machine, const config::NodeConfig& config, const std::string& file) {
  Facts facts;
  ReadMachine(machine, facts);
  ReadFiles(machine, config, facts);
  ReadService(machine, file, config, facts);
  ReadInterfaces(machine, config, facts);
  ReadNetwork(machine, config, facts);
  ReadFirewall(machine, facts);
  ReadSockets(machine, config, facts);
  const absl::StatusOr<std::string> status = machine.AskStatus(config.node.control_socket);
  if (status.ok()) {
    facts.status = ParseJson(*status);
    if (!facts.status.is_object()) facts.status = Json();
  } else if (absl::IsPermissionDenied(status.status())) {
    facts.status_closed = true;
    facts.unseen.emplace_back("a warpd that runs: its control socket is closed to you");
  }
  return facts;
}

}  // namespace warp::tools
