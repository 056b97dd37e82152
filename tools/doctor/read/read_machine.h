// What a configuration has to do with of the machine itself: kernel, rights, CPUs, memory, clock, files.
#ifndef WARP_TOOLS_DOCTOR_READ_READ_MACHINE_H_
#define WARP_TOOLS_DOCTOR_READ_READ_MACHINE_H_

#include <optional>
#include <set>

#include "absl/strings/string_view.h"
#include "tools/doctor/facts/facts.h"
#include "tools/machine/machine.h"

namespace warp::tools {

// "0-3,5" as the kernel writes sets of CPUs; empty text is the empty set. nullopt: it is something else.
std::optional<std::set<int>> ParseCpus(absl::string_view text);

void ReadMachine(const Machine& machine, Facts& facts);
// `file`: the configuration.
void ReadService(const Machine& machine, const std::string& file, const config::NodeConfig& config,
                 Facts& facts);
void ReadFiles(const Machine& machine, const config::NodeConfig& config, Facts& facts);

}  // namespace warp::tools

#endif  // WARP_TOOLS_DOCTOR_READ_READ_MACHINE_H_
