// Checks of who is there already: programs at the addresses of gates, and a warpd that runs.
#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/doctor/check/checks.h"
#include "tools/terminal/plain.h"
#include "tools/terminal/shell_word.h"

namespace warp::tools {
namespace {

// A wildcard address takes a port for every address of its family, and that of IPv6 for both.
bool Overlap(const wire::IpAddress& wanted, const wire::IpAddress& taken) {
  if (wanted == taken) return true;
  if (taken.is_unspecified() && (!taken.is_v4() || wanted.is_v4())) return true;
  return wanted.is_unspecified() && (!wanted.is_v4() || taken.is_v4());
}

// Somebody else than the warpd of this configuration. A program that this user may not see is that one, as far as that
// one may run.
bool IsStranger(const std::string& program, const Facts& facts) {
  const bool runs = !facts.status.is_null() || facts.status_closed;
  return !(runs && (program == "warpd" || program.empty()));
}

std::string Whose(const UdpSocketFacts& socket) {
  if (socket.program.empty()) return absl::StrCat("a program of user ", socket.user);
  return absl::StrCat(socket.program, " (process ", socket.process, ")");
}

void CheckEndpoint(const std::string& whose, const wire::Endpoint& wanted, const Facts& facts,
                   Findings& findings) {
  for (const UdpSocketFacts& socket : *facts.udp_sockets) {
    if (socket.local.port != wanted.port || !Overlap(wanted.address, socket.local.address))
      continue;
    if (!IsStranger(socket.program, facts)) continue;
    findings.push_back(
        {Severity::kFailure,
         Topic::kGate,
         absl::StrCat(whose, ": UDP ", wanted.ToString(), " is taken by ", Whose(socket)),
         "warpd does not start while another program has the address.",
         {absl::StrCat("ss -ulpn sport = :", wanted.port)}});
    return;
  }
}

std::string ReasonOf(const Json& object) {
  const std::string reason = TextOf(object, "reason");
  return reason.empty() ? "" : absl::StrCat(": ", reason);
}

}  // namespace

void CheckGates(const config::NodeConfig& config, const Facts& facts, Findings& findings) {
  if (facts.udp_sockets) {
    CheckEndpoint("node.listen_port", {wire::IpAddress::V4({}), config.node.listen_port}, facts,
                  findings);
  }
  for (const config::TunnelConfig& tunnel : config.tunnels) {
    const std::string whose = absl::StrCat("tunnel ", tunnel.name);
    const config::UdpGateConfig* const gate = tunnel.gate.socket();
    for (uint16_t i = 0; facts.udp_sockets && gate != nullptr && i < gate->listen.ports; ++i) {
      wire::Endpoint wanted = gate->listen.first;
      wanted.port = static_cast<uint16_t>(wanted.port + i);
      CheckEndpoint(whose, wanted, facts, findings);
    }
    if (!tunnel.gate.unix_socket) continue;
    for (const UnixSocketFacts& socket : facts.unix_sockets) {
      if (socket.path != tunnel.gate.unix_socket->path || !IsStranger(socket.program, facts))
        continue;
      findings.push_back({Severity::kFailure,
                          Topic::kGate,
                          absl::StrCat(whose, ": ", Plain(socket.path), " is taken by ",
                                       socket.program.empty() ? "another program" : socket.program),
                          "warpd does not start while another program answers there.",
                          {absl::StrCat("ss -xlp src ", ShellWord(socket.path))}});
    }
  }
}

// What only a daemon with sessions knows.
// A command of on_event runs as a user that owns nothing, so that its mode for others counts.
void CheckHooks(const config::NodeConfig& /*config*/, const Facts& facts, Findings& findings) {
  for (const HookFacts& hook : facts.hooks) {
    const std::string whose = absl::StrCat("node.on_event: ", Plain(hook.program));
    const std::string why = "warpd says in its log that the command fails, each time.";
    if (!hook.mode || !S_ISREG(*hook.mode)) {
      findings.push_back({Severity::kFailure,
                          Topic::kHook,
                          absl::StrCat(whose, " is no program"),
                          why,
                          {absl::StrCat("ls -l ", ShellWord(hook.program))}});
    } else if ((*hook.mode & (S_IXOTH | S_IROTH)) != (S_IXOTH | S_IROTH)) {
      findings.push_back(
          {Severity::kFailure,
           Topic::kHook,
           absl::StrCat(whose, " may not be read and run by others"),
           absl::StrCat("Commands run without any rights, as a user that owns nothing; ", why),
           {absl::StrCat("chmod o+rx ", ShellWord(hook.program))}});
    }
  }
}

void CheckDaemon(const config::NodeConfig&, const Facts& facts, Findings& findings) {
  for (const Json& port : ListOf(facts.status, "ports")) {
    const std::string state = TextOf(port, "state"), reason = ReasonOf(port);
    if (state.empty() || (state == "up" && reason.empty())) continue;
    findings.push_back({Severity::kFailure,
                        Topic::kDaemon,
                        absl::StrCat("warpd: port ", TextOf(port, "name"), " is ", state, reason),
                        "Its paths are not used meanwhile.",
                        {"warp status"}});
  }
  for (const Json& map : ListOf(facts.status, "maps")) {
    const std::string state = TextOf(map, "state");
    if (state.empty() || state == "registered") continue;
    findings.push_back(
        {Severity::kFailure,
         Topic::kDaemon,
         absl::StrCat("warpd: map ", TextOf(map, "address"), " is ", state, ReasonOf(map)),
         "Peers cannot learn from this map where this node is. Does it run, is its "
         "public key right, does UDP reach it?",
         {"warp status"}});
  }
  for (const Json& peer : ListOf(facts.status, "peers")) {
    const std::string state = TextOf(peer, "state");
    const Json& paths = ListOf(peer, "paths");
    const bool active = std::any_of(paths.begin(), paths.end(), [](const Json& path) {
      return TextOf(path, "state") == "active";
    });
    if (state.empty() || (state == "connected" && active)) continue;
    findings.push_back(
        {Severity::kFailure,
         Topic::kDaemon,
         absl::StrCat("warpd: peer ", TextOf(peer, "name"), " is ",
                      state == "connected" ? "connected, without an active path" : state,
                      ReasonOf(peer)),
         "Its tunnels carry nothing. Does its warpd run, do the two keys match, does UDP pass?",
         {"warp status"}});
  }
}

}  // namespace warp::tools
