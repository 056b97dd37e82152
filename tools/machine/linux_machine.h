// This machine as it is.
#ifndef WARP_TOOLS_MACHINE_LINUX_MACHINE_H_
#define WARP_TOOLS_MACHINE_LINUX_MACHINE_H_

#include <string>
#include <vector>

#include "tools/machine/machine.h"

namespace warp::tools {

class LinuxMachine : public Machine {
 public:
  absl::StatusOr<std::string> ReadFile(const std::string& path) const override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) const override;
  absl::StatusOr<std::string> LinkTarget(const std::string& path) const override;
  absl::StatusOr<mode_t> Mode(const std::string& path) const override;
  absl::StatusOr<FileAccess> Access(const std::string& path) const override;
  absl::Status CheckKeyFile(const std::string& path) const override;

  absl::StatusOr<std::string> Run(const std::vector<std::string>& words) const override;
  os::PciFacts Pci(const std::string& address) const override;
  std::optional<bool> ClockSynchronised() const override;
  uid_t User() const override;

  absl::StatusOr<std::vector<wire::IpAddress>> Resolve(const std::string& host) const override;
  absl::StatusOr<std::vector<ServicePlace>> ResolveServices(const std::string& name) const override;
  std::vector<absl::Status> KnockAt(const std::vector<Knock>& knocks) const override;
  absl::StatusOr<std::string> AskStatus(const std::string& socket) const override;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_MACHINE_LINUX_MACHINE_H_
