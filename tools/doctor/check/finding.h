// What `warp doctor` finds.
#ifndef WARP_TOOLS_DOCTOR_CHECK_FINDING_H_
#define WARP_TOOLS_DOCTOR_CHECK_FINDING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/wire/words.h"

namespace warp::tools {

// The most important first.
enum class Severity : uint8_t {
  kFailure,  // something that is configured cannot work
  kWarning,  // it works less well, or less safely, than it is meant to
  kNote,     // it could be better; nothing is wrong
};
inline constexpr wire::Words<Severity, 3> kSeverityWords = {
    {{"failure", Severity::kFailure}, {"warning", Severity::kWarning}, {"note", Severity::kNote}}};

// What a finding is about, in the order in which things have to be right: what keeps warpd from starting comes first,
// then what keeps a port from opening, then what keeps datagrams from arriving, then what costs time.
enum class Topic : uint8_t {
  kConfiguration,
  kKey,
  kControlSocket,
  kGate,
  kRights,
  kHugepages,
  kDevice,
  kInterface,
  kRoute,
  kFirewall,
  kReversePath,
  kName,
  kReach,
  kDaemon,
  kHook,
  kLimits,
  kCpu,
  kClock,
  kMtu,
  kOffload,
};
inline constexpr wire::Words<Topic, 20> kTopicWords = {{
    {"configuration", Topic::kConfiguration},
    {"key", Topic::kKey},
    {"control_socket", Topic::kControlSocket},
    {"gate", Topic::kGate},
    {"rights", Topic::kRights},
    {"hugepages", Topic::kHugepages},
    {"device", Topic::kDevice},
    {"interface", Topic::kInterface},
    {"route", Topic::kRoute},
    {"firewall", Topic::kFirewall},
    {"reverse_path", Topic::kReversePath},
    {"name", Topic::kName},
    {"reach", Topic::kReach},
    {"daemon", Topic::kDaemon},
    {"hook", Topic::kHook},
    {"limits", Topic::kLimits},
    {"cpu", Topic::kCpu},
    {"clock", Topic::kClock},
    {"mtu", Topic::kMtu},
    {"offload", Topic::kOffload},
}};

struct Finding {
  Severity severity = Severity::kNote;
  Topic topic = Topic::kConfiguration;
  std::string what;  // "port lte: wwan0 has no carrier"
  std::string why;   // what it does to this configuration, as a sentence
  // To type, one line each. A word in capitals stands for what only the reader knows. Empty: it takes more than a
  // command, and `why` says what.
  std::vector<std::string> commands;
};

using Findings = std::vector<Finding>;

}  // namespace warp::tools

#endif  // WARP_TOOLS_DOCTOR_CHECK_FINDING_H_
