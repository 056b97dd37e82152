#include <net/if.h>

#include <iostream>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "control/config/kind.h"
#include "control/config/map_config.h"
#include "control/config/node_config.h"
#include "control/config/pattern/port_patterns.h"
#include "dataplane/os/kernel_ports.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/port_device.h"
#include "tools/command/commands.h"
#include "tools/terminal/complain.h"

namespace warp::tools {
namespace {

// Each line says where and what; the word in front tells it from a mistake.
void Advise(absl::string_view advice) {
  for (absl::string_view line : absl::StrSplit(advice, '\n', absl::SkipEmpty())) {
    std::cerr << "warning: " << line << std::endl;
  }
}

// What `driver: auto` comes to for this user on this machine, as far as the interface is there.
void TellDriver(const config::PortConfig& port) {
  const wire::KernelDevice* const device = port.kernel_device();
  if (device == nullptr || device->driver != wire::KernelDriver::kAuto) return;
  if (if_nametoindex(device->interface.c_str()) == 0) return;
  const wire::DriverChoice choice = wire::ChooseDriver(
      device->interface, os::ReadDriverFacts(device->interface), port.vlan.value_or(0));
  std::cout << "port " << port.name
            << ": driver: " << wire::WordOf(wire::kKernelDriverWords, choice.driver) << " ("
            << choice.reason << ")" << std::endl;
}

void TellMachine(const config::NodeConfig& node) {
  for (const config::PortConfig& port : node.ports) TellDriver(port);
  config::PortPatterns patterns(node);
  if (!patterns.empty()) patterns.Update(os::ReadInterfaces());
  for (const config::PortPatterns::Entry& entry : patterns.entries()) {
    std::cout << "ports " << entry.pattern->name << ": "
              << (entry.interfaces.empty() ? "no interface now"
                                           : absl::StrJoin(entry.interfaces, " "));
    if (!entry.left_out.empty()) std::cout << "; " << config::LeftOutText(entry);
    std::cout << std::endl;
    for (const std::string& interface : entry.interfaces)
      TellDriver(entry.pattern->PortFor(interface));
  }
}

}  // namespace

int RunCheck(const CheckOptions& options) {
  if (absl::Status ready = wire::InitCrypto(); !ready.ok()) return Complain(ready.message());
  const config::KeyFiles key_files =
      options.no_keys ? config::KeyFiles::kIgnore : config::KeyFiles::kRead;
  const bool map = options.map || config::KindOfFile(options.file) == config::Kind::kMap;
  absl::Status status;
  if (map) {
    status = config::LoadMapConfig(options.file, key_files).status();
  } else if (const auto node = config::LoadNodeConfig(options.file, key_files); node.ok()) {
    Advise(node->advice);
    if (!options.no_keys) TellMachine(*node);
  } else {
    status = node.status();
  }
  if (!status.ok()) {
    std::cerr << status.message() << std::endl;
    return 1;
  }
  std::cout << options.file << ": ok" << std::endl;
  return 0;
}

int RunExampleConfig(const ExampleConfigOptions& options) {
  if (options.reference) {
    std::cout << (options.map ? config::MapConfigReference() : config::NodeConfigReference());
  } else {
    std::cout << (options.map ? config::ExampleMapConfig() : config::ExampleNodeConfig());
  }
  std::cout.flush();
  return std::cout ? 0 : Complain("cannot write the example");
}

}  // namespace warp::tools
