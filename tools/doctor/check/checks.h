// The checks of `warp doctor`: what follows from a configuration and the facts of its machine. Pure; each adds what it
// finds, in no order.
#ifndef WARP_TOOLS_DOCTOR_CHECK_CHECKS_H_
#define WARP_TOOLS_DOCTOR_CHECK_CHECKS_H_

#include "control/config/node_config.h"
#include "tools/doctor/check/finding.h"
#include "tools/doctor/facts/facts.h"

namespace warp::tools {

// --- machine_checks.cc ---
void CheckKeys(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckService(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckControlSocket(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckRights(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckHugepages(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckCpus(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckClock(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckLimits(const config::NodeConfig& config, const Facts& facts, Findings& findings);

// --- port_checks.cc ---
void CheckInterfaces(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckCards(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckMtus(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckOffloads(const config::NodeConfig& config, const Facts& facts, Findings& findings);

// --- network_checks.cc ---
void CheckRoutes(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckReversePaths(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckDiscovery(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckServices(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckOwnAddresses(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckNames(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckReach(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckFirewall(const config::NodeConfig& config, const Facts& facts, Findings& findings);

// --- daemon_checks.cc ---
void CheckGates(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckHooks(const config::NodeConfig& config, const Facts& facts, Findings& findings);
void CheckDaemon(const config::NodeConfig& config, const Facts& facts, Findings& findings);

// --- checks.cc ---
// What drives the port of a kernel interface, or will. What a running warpd says counts, because it may have other
// rights than whoever asks.
wire::KernelDriver DriverOf(const config::PortConfig& port, const Facts& facts);

// All of them, the most important first.
Findings Check(const config::NodeConfig& config, const Facts& facts);

}  // namespace warp::tools

#endif  // WARP_TOOLS_DOCTOR_CHECK_CHECKS_H_
