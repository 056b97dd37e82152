// Each thing that can be wrong with a machine, one at a time, and several in their order.
#include "tools/doctor/check/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/doctor/doctor_case.h"

namespace warp::tools {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class ChecksTest : public testing::Test {
 protected:
  // The only finding, as it reads. Its commands are kept.
  std::string Only(const CaseText& text = {}) {
    const Findings findings = Examined(machine, CaseConfig(text));
    if (findings.size() != 1) return testing::PrintToString(Said(findings));
    commands = findings[0].commands;
    why = findings[0].why;
    return Said(findings)[0];
  }
  // One change of wan1's entry.
  void Change(const std::string& from, const std::string& to) {
    std::string& list = *machine.programs["ip -j address show"];
    const size_t at = list.rfind(from);
    ASSERT_NE(at, std::string::npos);
    list.replace(at, from.size(), to);
  }

  FakeMachine machine = HealthyMachine();
  std::vector<std::string> commands;
  std::string why;
};

TEST_F(ChecksTest, NothingIsWrongWithAHealthyMachine) {
  const Facts facts = ReadFacts(machine, CaseConfig());
  EXPECT_THAT(Said(Check(CaseConfig(), facts)), IsEmpty());
  EXPECT_THAT(facts.unseen, IsEmpty());
  EXPECT_EQ(facts.routes.size(), 4u);
}

// --- Files. ---

TEST_F(ChecksTest, Keys) {
  machine.keys["/k"] = absl::InvalidArgumentError("/k is open to group or others");
  machine.modes["/k"] = 0100644;
  EXPECT_EQ(Only(), "failure key: /k is open to group or others");
  EXPECT_THAT(commands, ElementsAre("chmod 600 /k"));
  machine.keys["/k"] = absl::InvalidArgumentError("/k: No such file or directory");
  machine.modes.erase("/k");
  EXPECT_EQ(Only(), "failure key: /k: No such file or directory");
  EXPECT_THAT(commands, ElementsAre("(umask 077; warp keygen > /k)"));
  // Another user's key is no mistake of his.
  machine.keys["/k"] = absl::InvalidArgumentError("/k: Permission denied");
  machine.modes["/k"] = 0100600;
  machine.user = 1000;
  EXPECT_EQ(Only(), "note key: /k: Permission denied");
}

TEST_F(ChecksTest, ControlSocket) {
  EXPECT_EQ(Only({.node = ", control_socket: /srv/a/b/s"}),
            "failure control_socket: node.control_socket: there is no directory /srv/a/b");
  EXPECT_THAT(commands, ElementsAre("mkdir -p /srv/a/b"));
  machine.modes["/run/warp/warpd.sock"] = 0100644;
  EXPECT_EQ(Only(),
            "failure control_socket: node.control_socket: /run/warp/warpd.sock is no socket");
}

TEST_F(ChecksTest, Hooks) {
  const CaseText text{.node = ", on_event: ['/usr/local/bin/hook --now']"};
  EXPECT_EQ(Only(text), "failure hook: node.on_event: /usr/local/bin/hook is no program");
  machine.modes["/usr/local/bin/hook"] = 0040755;
  EXPECT_EQ(Only(text), "failure hook: node.on_event: /usr/local/bin/hook is no program");
  machine.modes["/usr/local/bin/hook"] = 0100750;
  EXPECT_EQ(Only(text),
            "failure hook: node.on_event: /usr/local/bin/hook may not be read and run by others");
  EXPECT_THAT(commands, ElementsAre("chmod o+rx /usr/local/bin/hook"));
  machine.modes["/usr/local/bin/hook"] = 0100755;
  EXPECT_TRUE(Said(Examined(machine, CaseConfig(text))).empty());
}

// --- The machine. ---

TEST_F(ChecksTest, Rights) {
  machine.files["/proc/self/status"] = "CapEff:\t0000000000002000\n";  // CAP_NET_RAW alone
  EXPECT_EQ(Only({.port = ", driver: af_packet"}), "failure rights: you do not have CAP_NET_ADMIN");
  EXPECT_THAT(why, StartsWith("port fibre needs it"));
  machine.user = 1000;
  EXPECT_THAT(Said(Examined(machine, CaseConfig({.port = ", driver: af_packet"}))),
              Contains("note rights: you do not have CAP_NET_ADMIN"));
  machine = HealthyMachine();
  machine.modes.erase("/dev/net/tun");
  EXPECT_EQ(Only({.gate = "tun: {interface: warp0}"}), "failure rights: there is no /dev/net/tun");
  EXPECT_THAT(commands, ElementsAre("modprobe tun"));
}

TEST_F(ChecksTest, Hugepages) {
  const std::string pages = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
  EXPECT_EQ(Only({.node = ", hugepages: true"}), "failure hugepages: no hugepages are free");
  EXPECT_THAT(commands,
              ElementsAre("echo 256 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"));
  machine.files[pages + "nr_hugepages"] = "100";
  machine.files[pages + "free_hugepages"] = "50";
  EXPECT_EQ(Only({.node = ", hugepages: true, memory: 1000MiB"}),
            "failure hugepages: 100 MiB of hugepages are free, and node.memory is 1000 MiB");
  // 50 of them are somebody else's.
  EXPECT_THAT(commands,
              ElementsAre("echo 550 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"));
  EXPECT_THAT(Said(Examined(machine)), IsEmpty());
  machine.files[pages + "free_hugepages"] = "100";
  EXPECT_EQ(Only(), "note hugepages: 200 MiB of hugepages are set aside, and nobody uses them");
}

TEST_F(ChecksTest, Cpus) {
  EXPECT_EQ(Only({.port = ", cpu: 2"}), "warning cpu: port fibre: CPU 2 is not isolated");
  EXPECT_THAT(commands, ElementsAre(HasSubstr("isolcpus=2")));
  EXPECT_THAT(
      Said(Examined(machine, CaseConfig({.node = ", polling: interrupt", .port = ", cpu: 2"}))),
      IsEmpty());
  EXPECT_THAT(Said(Examined(machine, CaseConfig({.node = ", control_cpu: 3"}))), IsEmpty());
  machine.files["/sys/devices/system/cpu/isolated"] = "1-2\n";
  EXPECT_THAT(Said(Examined(machine, CaseConfig({.port = ", cpu: 2"}))), IsEmpty());
  machine.files["/sys/devices/system/cpu/online"] = "0-1\n";
  EXPECT_EQ(Only({.port = ", cpu: 2"}), "failure cpu: port fibre: CPU 2 is not online");
}

TEST_F(ChecksTest, Clock) {
  machine.clock = false;
  EXPECT_EQ(Only(), "note clock: the clock follows no other clock");
  EXPECT_EQ(Only({.port = ", cap: {bytes: 50GB}"}),
            "warning clock: the clock follows no other clock");
  machine.clock = std::nullopt;
  EXPECT_THAT(Said(Examined(machine)), IsEmpty());
}

TEST_F(ChecksTest, Limits) {
  machine.files["/proc/self/limits"] = "Max open files   20   40   files\n";
  EXPECT_EQ(Only(), "failure limits: a process may have 40 descriptors");
  EXPECT_THAT(commands, ElementsAre("ulimit -Hn 65"));
}

// --- Ports. ---

TEST_F(ChecksTest, Interfaces) {
  Change(R"("UP","LOWER_UP")", R"("NO-CARRIER","UP")");
  EXPECT_EQ(Only(), "failure interface: port lte: wan1 has no carrier");
  Change(R"("NO-CARRIER","UP")", "");
  EXPECT_EQ(Only(), "failure interface: port lte: wan1 is down");
  EXPECT_THAT(commands, ElementsAre("ip link set wan1 up"));
  machine = HealthyMachine();
  Change(R"("local":"10.1.1.2")", R"("local":"fe80::1")");
  EXPECT_EQ(Only(), "failure interface: port lte: wan1 has no address");
  Change(R"("ifname":"wan1")", R"("ifname":"wan7")");
  EXPECT_EQ(Only(), "failure interface: port lte: there is no interface wan1");
}

TEST_F(ChecksTest, AGateThatCannotMakeItsInterface) {
  EXPECT_THAT(Said(Examined(machine, CaseConfig({.gate = "tun: {interface: other}"}))), IsEmpty());
  Change(R"("ifname":"wan1")", R"("ifname":"other"},{"ifname":"wan1")");
  machine.files["/sys/class/net/other/tun_flags"] = "0x1001\n";
  EXPECT_THAT(Said(Examined(machine, CaseConfig({.gate = "tun: {interface: other}"}))),
              Each(Not(HasSubstr("is no TUN"))));
  machine.files.erase("/sys/class/net/other/tun_flags");
  EXPECT_THAT(
      Said(Examined(machine, CaseConfig({.gate = "tun: {interface: other}"}))),
      Contains("failure gate: tunnel video: the interface other is there, and is no TUN or TAP"));
}

config::NodeConfig WithCard() {
  return *config::ParseNodeConfig(
      "node: {private_key_file: /k}\nports: [{name: ten, pci: '0000:3b:00.0'}]\n", "case");
}

TEST_F(ChecksTest, Cards) {
  machine.files["/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"] = "1";
  machine.files["/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages"] = "1";
  EXPECT_THAT(Said(Examined(machine, WithCard())),
              ElementsAre(StartsWith("failure device: pci 0000:3b:00.0")));
  os::PciFacts card{.address = "0000:3b:00.0",
                    .present = true,
                    .class_code = 0x020000,
                    .id = "8086:10d3",
                    .driver = "e1000e",
                    .iommu = true,
                    .vfio_type1 = true};
  machine.cards["0000:3b:00.0"] = card;
  const Findings bound = Examined(machine, WithCard());
  ASSERT_EQ(bound.size(), 1u);
  EXPECT_THAT(bound[0].what, HasSubstr("is bound to e1000e"));
  EXPECT_THAT(bound[0].commands,
              ElementsAre("modprobe vfio-pci", "dpdk-devbind.py --bind=vfio-pci 0000:3b:00.0"));
  machine.cards["0000:3b:00.0"].driver = "vfio-pci";
  EXPECT_THAT(Said(Examined(machine, WithCard())), IsEmpty());
}

TEST_F(ChecksTest, Mtus) {
  EXPECT_EQ(Only({.port = ", mtu: 9000"}),
            "warning mtu: port fibre: mtu is 9000, and wan0 has 1500");
  EXPECT_THAT(commands, ElementsAre("ip link set wan0 mtu 9000"));
  EXPECT_EQ(Only({.gate = "tun: {interface: warp0, mtu: 1500}"}),
            "note mtu: tunnel video: the gate's mtu is 1500, and the narrowest port carries 1436");
  Change(R"("mtu":1500)", R"("mtu":576)");
  EXPECT_EQ(Only(), "warning mtu: port lte: wan1 has an MTU of only 576");
}

TEST_F(ChecksTest, Offloads) {
  machine.programs["ethtool -k wan1"] =
      std::string("generic-receive-offload: off\ntx-udp-segmentation: on\n");
  EXPECT_EQ(Only(), "note offload: port lte: GRO is off on wan1");
  machine.programs["ethtool -k wan1"] =
      std::string("generic-receive-offload: on\ntx-udp-segmentation: off [fixed]\n");
  EXPECT_EQ(Only(), "note offload: port lte: wan1 does not cut joined frames");
  EXPECT_THAT(commands, IsEmpty());
  machine.programs["ethtool -k wan1"] = std::string("tx-udp-segmentation: off\n");
  EXPECT_EQ(Only(), "note offload: port lte: wan1 does not cut joined frames");
  EXPECT_THAT(commands, ElementsAre("ethtool -K wan1 tx-udp-segmentation on"));
  machine = HealthyMachine();
  machine.files["/proc/sys/kernel/osrelease"] = "6.1.0-28-amd64\n";
  EXPECT_THAT(Said(Examined(machine)), IsEmpty());  // auto takes UDP sockets
  EXPECT_EQ(Only({.port = ", driver: af_packet"}),
            "warning offload: port fibre: Linux 6.1.0-28-amd64 does not join the frames of packet "
            "sockets");
}

// --- The network. ---

TEST_F(ChecksTest, Routes) {
  for (auto& [words, answer] : machine.programs) {
    if (words.find("fibmatch") != std::string::npos &&
        words.find("oif wan1") != std::string::npos) {
      answer = absl::UnknownError("RTNETLINK answers: Network is unreachable");
    }
  }
  EXPECT_EQ(Only(),
            "failure route: port lte: no route through wan1 to map map.example.net:13116 "
            "(198.51.100.1:13116), peer b (198.51.100.7:13116)");
  EXPECT_EQ(commands[0], "ip route add default via GATEWAY dev wan1 metric 200");
  // A rule by source makes it reachable after all.
  for (const char* to : {"198.51.100.1", "198.51.100.7"}) {
    machine.programs[absl::StrCat("ip -j route get fibmatch ", to, " from 10.1.1.2 oif wan1 ",
                                  "ipproto 17 sport 13116 dport 13116")] = std::string("[{}]");
  }
  EXPECT_THAT(Said(Examined(machine)), IsEmpty());
}

TEST_F(ChecksTest, AnIpThatDoesNotUnderstandIsNoMissingRoute) {
  for (auto& [words, answer] : machine.programs) {
    if (words.find("route get fibmatch") != std::string::npos) {
      answer = absl::UnknownError("Error: argument \"17\" is wrong: Invalid \"ipproto\" value");
    }
  }
  EXPECT_THAT(Said(Examined(machine)), IsEmpty());
  const Facts facts = ReadFacts(machine, CaseConfig());
  EXPECT_THAT(facts.unseen, Contains(HasSubstr("routes: Error: argument")));
}

TEST_F(ChecksTest, ReversePathFilters) {
  machine.files["/proc/sys/net/ipv4/conf/wan1/rp_filter"] = "1\n";
  machine.files["/proc/sys/net/ipv4/conf/wan0/rp_filter"] = "1\n";
  EXPECT_THAT(Said(Examined(machine)), IsEmpty());  // packet sockets are before it
  machine.files["/proc/sys/kernel/osrelease"] = "5.10.0\n";
  EXPECT_EQ(Only(), "failure reverse_path: port lte: the reverse path filter of wan1 is strict");
  EXPECT_THAT(commands, ElementsAre("sysctl -w net.ipv4.conf.wan1.rp_filter=2"));
  EXPECT_THAT(why,
              HasSubstr("peer b (198.51.100.7:13116), because it would itself send there by wan0"));
  machine.files["/proc/sys/net/ipv4/conf/all/rp_filter"] = "2\n";
  EXPECT_THAT(Said(Examined(machine)), IsEmpty());
}

TEST_F(ChecksTest, Names) {
  machine.names["map.example.net"] = absl::NotFoundError("Name or service not known");
  EXPECT_EQ(Only(),
            "failure name: map map.example.net:13116: the name map.example.net is not found");
  machine.names["map.example.net"] = absl::DeadlineExceededError("no name server answers");
  EXPECT_THAT(Only(), StartsWith("failure name"));
  EXPECT_THAT(why, StartsWith("no name server answers."));
}

TEST_F(ChecksTest, WhatComesBack) {
  machine.knocks["wan0 198.51.100.7:13116"] = absl::NotFoundError("Connection refused");
  machine.knocks["wan1 198.51.100.7:13116"] = absl::NotFoundError("Connection refused");
  EXPECT_EQ(Only(), "failure reach: peer b (198.51.100.7:13116) has nobody who listens");
  EXPECT_THAT(why, HasSubstr("port fibre, port lte"));
  machine.knocks = {
      {"wan1 198.51.100.1:13116", absl::PermissionDeniedError("Operation not permitted")}};
  EXPECT_THAT(Only(),
              StartsWith("failure reach: port lte: a datagram to map map.example.net:13116"));
  EXPECT_THAT(commands, ElementsAre("nft list ruleset"));
}

TEST_F(ChecksTest, Firewall) {
  const std::string rules =
      R"({"nftables":[{"chain":{"family":"inet","table":"f","name":"in","type":"filter",)"
      R"("hook":"input","policy":"drop"}}]})";
  machine.programs["nft -j list ruleset"] = rules;
  EXPECT_THAT(Said(Examined(machine)), IsEmpty());  // packet sockets are before it
  const Findings findings = Examined(machine, CaseConfig({.port = ", driver: udp"}));
  EXPECT_THAT(Said(findings), ElementsAre("failure firewall: port fibre: nftables drops UDP port "
                                          "13116 that comes in by wan0"));
  EXPECT_THAT(findings[0].commands,
              ElementsAre("nft insert rule inet f in udp dport 13116 accept"));
}

// --- Who is there. ---

TEST_F(ChecksTest, GatesThatAreTaken) {
  machine.files["/proc/net/udp"] =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "  80: 0100007F:2328 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000 0 4711 "
      "2\n";
  EXPECT_EQ(Only(),
            "failure gate: tunnel video: UDP 127.0.0.1:9000 is taken by a program of user 1000");
  machine.links["/proc/77/fd/4"] = "socket:[4711]";
  machine.files["/proc/77/comm"] = "dns\033masq\n";
  EXPECT_EQ(Only(),
            "failure gate: tunnel video: UDP 127.0.0.1:9000 is taken by dns?masq (process 77)");
  // The warpd of this configuration may have it.
  machine.files["/proc/77/comm"] = "warpd\n";
  EXPECT_THAT(Only(), HasSubstr("taken by warpd"));
  machine.daemons["/run/warp/warpd.sock"] = "{}";
  EXPECT_THAT(Said(Examined(machine)), IsEmpty());
}

TEST_F(ChecksTest, WhatARunningDaemonSays) {
  machine.daemons["/run/warp/warpd.sock"] =
      R"({"ports":[{"name":"fibre","state":"up","reason":"","driver":"udp"},
                   {"name":"lte","state":"down","reason":"interface wan1 has no link"}],
          "maps":[{"address":"m:1","state":"silent","reason":"it does not answer"}],
          "peers":[{"name":"b","state":"connecting","reason":"no path"},
                   {"name":"c","state":"connected","paths":[{"state":"lost"}]},
                   {"name":"d","state":"connected","paths":[{"state":"lost"},{"state":"active"}]}]})";
  EXPECT_THAT(Said(Examined(machine)),
              ElementsAre("failure daemon: warpd: port lte is down: interface wan1 has no link",
                          "failure daemon: warpd: map m:1 is silent: it does not answer",
                          "failure daemon: warpd: peer b is connecting: no path",
                          "failure daemon: warpd: peer c is connected, without an active path"));
}

// --- Several at once. ---

TEST_F(ChecksTest, TheMostImportantComesFirst) {
  machine.clock = false;
  machine.programs["ethtool -k wan0"] = std::string("generic-receive-offload: off\n");
  Change(R"("UP","LOWER_UP")", R"("UP")");
  machine.names["map.example.net"] = absl::NotFoundError("Name or service not known");
  machine.keys["/k"] = absl::InvalidArgumentError("/k: it is no key");
  EXPECT_THAT(
      Said(Examined(machine, CaseConfig({.port = ", cpu: 1"}))),
      ElementsAre("failure key: /k: it is no key",
                  "failure interface: port lte: wan1 has no carrier",
                  StartsWith("failure name: map"), "warning cpu: port fibre: CPU 1 is not isolated",
                  "note clock: the clock follows no other clock",
                  "note offload: port fibre: GRO is off on wan0"));
}

// --- What cannot be seen, and garbage. ---

TEST_F(ChecksTest, WhatCannotBeSeenIsNoFinding) {
  machine = FakeMachine();
  machine.user = 1000;
  machine.clock = std::nullopt;
  machine.keys["/k"] = absl::OkStatus();
  machine.modes["/run"] = 040755;
  machine.names["map.example.net"] = std::vector<wire::IpAddress>();
  machine.programs["nft -j list ruleset"] = absl::PermissionDeniedError("Operation not permitted");
  const Facts facts = ReadFacts(machine, CaseConfig());
  EXPECT_THAT(Said(Check(CaseConfig(), facts)), IsEmpty());
  EXPECT_THAT(facts.unseen,
              AllOf(Contains(HasSubstr("version of the kernel")), Contains(HasSubstr("rights")),
                    Contains(HasSubstr("interfaces, addresses and routes: ip: ")),
                    Contains("the firewall: nft: Operation not permitted"),
                    Contains("which UDP ports are taken")));
}

TEST_F(ChecksTest, GarbageIsNoFinding) {
  const std::vector<std::string> garbage = {"",
                                            "\xff\xfe\x00",
                                            "-",
                                            "[[[[",
                                            "{\"nftables\":7}",
                                            "[null,7,[],{\"ifname\":{}}]",
                                            std::string(100'000, '['),
                                            std::string(100'000, '9'),
                                            "0-99999999999999999999,-",
                                            "0-65537"};
  for (const std::string& text : garbage) {
    FakeMachine sick = HealthyMachine();
    for (auto& [path, contents] : sick.files) contents = text;
    for (auto& [words, answer] : sick.programs) answer = text;
    sick.daemons["/run/warp/warpd.sock"] = text;
    const Facts facts = ReadFacts(sick, CaseConfig());
    // A list of nothing is a list: then there are no interfaces. Anything else says nothing.
    EXPECT_THAT(Said(Check(CaseConfig(), facts)),
                Each(testing::AnyOf(HasSubstr("there is no interface"), HasSubstr("descriptors"))))
        << text.substr(0, 40);
  }
}

}  // namespace
}  // namespace warp::tools
