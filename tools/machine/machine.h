// What the commands that help to set a node up ask of this machine. They see it through this alone, so that tests can
// give them any machine.
//
// Every question is answered within a few seconds, whatever the network and the programs that are asked do. Answers may
// be anything: whoever reads them checks them. Errors are NotFound (there is no such file or program), PermissionDenied
// (this user may not) or another one, with a phrase that does not name what was asked. One thread.
#ifndef WARP_TOOLS_MACHINE_MACHINE_H_
#define WARP_TOOLS_MACHINE_MACHINE_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/os/pci_bus.h"
#include "dataplane/wire/endpoint.h"

namespace warp::tools {

// Of a UDP datagram to somebody who does not know this machine.
struct Knock {
  std::string interface;  // by which it is to leave
  wire::Endpoint to;
};

// Of a service record.
struct ServicePlace {
  std::string host;
  uint16_t port = 0;
};

struct FileAccess {
  mode_t mode = 0;
  uid_t user = 0;
  gid_t group = 0;
};

class Machine {
 public:
  virtual ~Machine() = default;

  // --- Files. ---
  // A regular file of at most 4 MiB, those of /proc and /sys included.
  virtual absl::StatusOr<std::string> ReadFile(const std::string& path) const = 0;
  // The names in a directory, sorted.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) const = 0;
  virtual absl::StatusOr<std::string> LinkTarget(const std::string& path) const = 0;
  // The type and the permissions (st_mode).
  virtual absl::StatusOr<mode_t> Mode(const std::string& path) const = 0;
  // As Mode(), with the owners.
  virtual absl::StatusOr<FileAccess> Access(const std::string& path) const = 0;
  // OK: a secret key can be read from that file.
  virtual absl::Status CheckKeyFile(const std::string& path) const = 0;

  // --- Programs and the kernel. ---
  // What the program writes to its standard output. Its failure is an error with what it says on the other one.
  virtual absl::StatusOr<std::string> Run(const std::vector<std::string>& words) const = 0;
  virtual os::PciFacts Pci(const std::string& address) const = 0;
  // Whether the kernel's clock follows another one; nullopt: it does not say.
  virtual std::optional<bool> ClockSynchronised() const = 0;
  virtual uid_t User() const = 0;

  // --- The network, and daemons. ---
  virtual absl::StatusOr<std::vector<wire::IpAddress>> Resolve(const std::string& host) const = 0;
  // What the service records of this name say (RFC 2782), in the order of their priorities. Errors are those of
  // DnsClient::Answer: NotFound where there are none.
  virtual absl::StatusOr<std::vector<ServicePlace>> ResolveServices(
      const std::string& name) const = 0;
  // Sends an empty datagram for each, all at once, and waits a second for what the network says about them. OK: nothing
  // against it, which is all that a stranger gets from a node or a map. NotFound: nobody listens there.
  virtual std::vector<absl::Status> KnockAt(const std::vector<Knock>& knocks) const = 0;
  // The status document of the daemon at this control socket.
  virtual absl::StatusOr<std::string> AskStatus(const std::string& socket) const = 0;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_MACHINE_MACHINE_H_
