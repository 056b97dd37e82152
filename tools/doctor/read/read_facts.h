// All that `warp doctor` looks at.
#ifndef WARP_TOOLS_DOCTOR_READ_READ_FACTS_H_
#define WARP_TOOLS_DOCTOR_READ_READ_FACTS_H_

#include "tools/doctor/facts/facts.h"
#include "tools/machine/machine.h"

namespace warp::tools {

// Changes nothing, and takes some seconds at most where the network or a program does not answer.
// `file`: where the configuration stands; empty: nowhere.
Facts ReadFacts(const Machine& machine, const config::NodeConfig& config,
                const std::string& file = "");

}  // namespace warp::tools

#endif  // WARP_TOOLS_DOCTOR_READ_READ_FACTS_H_
