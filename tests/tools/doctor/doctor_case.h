// A configuration and a machine on which nothing is wrong, for tests that make one thing wrong.
#ifndef WARP_TESTS_TOOLS_DOCTOR_DOCTOR_CASE_H_
#define WARP_TESTS_TOOLS_DOCTOR_DOCTOR_CASE_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "control/config/node_config.h"
#include "tests/tools/fake_machine.h"
#include "tools/doctor/check/checks.h"
#include "tools/doctor/read/read_facts.h"

namespace warp::tools {

inline constexpr char kPeerKey[] = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

// Two uplinks with a route each to a map and a peer.
inline FakeMachine HealthyMachine() {
  FakeMachine machine;
  machine.files = {{"/proc/sys/kernel/osrelease", "6.12.0-1-amd64\n"},
                   {"/proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n"},
                   {"/proc/self/limits",
                    "Max open files            1024                 1048576              files\n"},
                   {"/proc/sys/net/core/rmem_max", "212992\n"},
                   {"/sys/devices/system/cpu/online", "0-3\n"},
                   {"/sys/devices/system/cpu/isolated", "\n"},
                   {"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n"},
                   {"/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n"},
                   {"/proc/net/udp", "  sl  local_address\n"},
                   {"/proc/net/udp6", "  sl  local_address\n"}};
  machine.modes = {{"/dev/net/tun", 020666}, {"/run", 040755}, {"/k", 0100600}};
  machine.keys["/k"] = absl::OkStatus();
  std::string list;
  for (const std::string i : {"0", "1"}) {
    absl::StrAppend(&list, list.empty() ? "[" : ",", R"({"ifindex":)", i, R"(,"ifname":"wan)", i,
                    R"(","flags":["UP","LOWER_UP"],"mtu":1500,"link_type":"ether","addr_info":)",
                    R"([{"family":"inet","local":"10.1.)", i, R"(.2","prefixlen":24}]})");
    machine.programs["ethtool -k wan" + i] =
        std::string("Features for wan:\ngeneric-receive-offload: on\ntx-udp-segmentation: on\n");
    for (const char* conf : {"all", "wan0", "wan1"}) {
      machine.files[absl::StrCat("/proc/sys/net/ipv4/conf/", conf, "/rp_filter")] = "0\n";
    }
    for (const char* to : {"198.51.100.1", "198.51.100.7"}) {
      machine.programs[absl::StrCat("ip -j route get fibmatch ", to, " oif wan", i,
                                    " ipproto 17 sport 13116 dport 13116")] =
          absl::StrCat(R"([{"dst":"default","gateway":"10.1.)", i, R"(.1","dev":"wan)", i,
                       R"("}])");
      machine.programs[absl::StrCat("ip -j route get ", to, " from 10.1.", i,
                                    ".2 ipproto 17 sport 13116 dport 13116")] =
          absl::StrCat(R"([{"dst":")", to, R"(","dev":"wan0"}])");
    }
  }
  machine.programs["ip -j address show"] = list + "]";
  machine.programs["nft -j list ruleset"] = std::string(R"({"nftables":[{"metainfo":{}}]})");
  machine.names["map.example.net"] =
      std::vector<wire::IpAddress>{wire::IpAddress::V4({198, 51, 100, 1})};
  return machine;
}

// `node` and `port` are more keys of the node and of wan0; `gate` is that of the tunnel.
struct CaseText {
  std::string node;
  std::string port;
  std::string gate = "loopback: {listen: \"127.0.0.1:9000\"}";
};

inline config::NodeConfig CaseConfig(const CaseText& text = {}) {
  return *config::ParseNodeConfig(
      absl::StrCat("node: {private_key_file: /k", text.node,
                   "}\nmap:\n - {address: ", "'map.example.net:13116', public_key: ", kPeerKey,
                   "}\nports:\n - {name: fibre, interface: wan0", text.port,
                   "}\n - {name: lte, interface: wan1}\npeers:\n - {name: b, public_key: ",
                   kPeerKey, ", endpoints: ['198.51.100.7:13116']}\n",
                   "tunnels:\n - {name: video, id: 1, peer: b, gate: {", text.gate, "}}\n"),
      "case");
}

// What the doctor says, a line each: "failure interface: port lte: wan1 is down".
inline std::vector<std::string> Said(const Findings& findings) {
  std::vector<std::string> lines;
  for (const Finding& finding : findings) {
    lines.push_back(absl::StrCat(wire::WordOf(kSeverityWords, finding.severity), " ",
                                 wire::WordOf(kTopicWords, finding.topic), ": ", finding.what));
  }
  return lines;
}

inline Findings Examined(const FakeMachine& machine,
                         const config::NodeConfig& config = CaseConfig()) {
  return Check(config, ReadFacts(machine, config));
}

}  // namespace warp::tools

#endif  // WARP_TESTS_TOOLS_DOCTOR_DOCTOR_CASE_H_
