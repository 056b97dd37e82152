// What the doctor says of LAN discovery, of maps that are known by their domain, and of those at our own addresses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/tools/doctor/doctor_case.h"

namespace warp::tools {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// --- LAN discovery. ---

const CaseText kLan{.node = ", discover: lan"};

FakeMachine WithMulticast() {
  FakeMachine machine = HealthyMachine();
  absl::StrReplaceAll({{R"("UP",)", R"("UP","MULTICAST",)"}},
                      &*machine.programs["ip -j address show"]);
  return machine;
}

// A firewall that lets WARP in and what belongs to a connection, and nothing else but what `more` says.
std::string Firewall(const std::string& more = "") {
  const auto rule = [](const std::string& left, const std::string& right) {
    return absl::StrCat(R"(,{"rule":{"family":"inet","table":"f","chain":"in","expr":[{"match":{)",
                        R"("op":"==","left":{)", left, R"(},"right":)", right,
                        R"(}},{"accept":null}]}})");
  };
  return absl::StrCat(
      R"({"nftables":[{"chain":{"family":"inet","table":"f","name":"in","type":"filter",)",
      R"("hook":"input","policy":"drop"}})",
      rule(R"("ct":{"key":"state"})", R"(["established","related"])"),
      rule(R"("payload":{"protocol":"udp","field":"dport"})", "13116"),
      more.empty() ? "" : rule(R"("payload":{"protocol":"udp","field":"dport"})", more), "]}");
}

TEST(DoctorDiscovery, AFirewallThatKeepsAnnouncementsOut) {
  FakeMachine machine = WithMulticast();
  machine.programs["nft -j list ruleset"] = Firewall();
  const Findings findings = Examined(machine, CaseConfig(kLan));
  EXPECT_THAT(Said(findings),
              ElementsAre("warning firewall: port fibre: nftables drops UDP port 13115 that comes "
                          "in by wan0",
                          "warning firewall: port lte: nftables drops UDP port 13115 that comes in "
                          "by wan1"));
  EXPECT_THAT(findings[0].commands,
              ElementsAre("nft insert rule inet f in udp dport 13115 accept"));
  EXPECT_THAT(Said(Examined(machine)), IsEmpty());  // nobody is to be discovered
  machine.programs["nft -j list ruleset"] = Firewall("13115");
  EXPECT_THAT(Said(Examined(machine, CaseConfig(kLan))), IsEmpty());
}

TEST(DoctorDiscovery, AnInterfaceWithoutMulticast) {
  const Findings findings = Examined(HealthyMachine(), CaseConfig(kLan));
  EXPECT_THAT(Said(findings),
              ElementsAre("warning interface: port fibre: wan0 takes no part in multicast",
                          "warning interface: port lte: wan1 takes no part in multicast"));
  EXPECT_THAT(findings[0].commands, ElementsAre("ip link set dev wan0 multicast on"));
}

TEST(DoctorDiscovery, NobodyIsHeard) {
  const auto said = [](int sent, int heard) {
    FakeMachine machine = WithMulticast();
    machine.daemons["/run/warp/warpd.sock"] =
        absl::StrCat(R"({"node":{"discovery":{"sent":)", sent, R"(,"heard":)", heard, "}}}");
    return Said(Examined(machine, CaseConfig(kLan)));
  };
  EXPECT_THAT(said(500, 0), Contains("note daemon: warpd: LAN discovery has heard no peer"));
  EXPECT_THAT(said(500, 1), Not(Contains(HasSubstr("LAN discovery"))));
  EXPECT_THAT(said(3, 0), Not(Contains(HasSubstr("LAN discovery"))));
}

// --- Maps by their domain. ---

constexpr char kRecords[] = "_warp-map._udp.example.net";

config::NodeConfig ByDomain() {
  return *config::ParseNodeConfig(
      absl::StrCat(
          "node: {private_key_file: /k}\nmap:\n - {address: example.net, public_key: ", kPeerKey,
          "}\nports:\n - {name: fibre, interface: wan0}\n - {name: lte, interface: wan1}\n"
          "peers:\n - {name: b, public_key: ",
          kPeerKey, ", endpoints: ['198.51.100.7:13116']}\n"),
      "case");
}

TEST(DoctorServices, TheServersThatTheRecordsNameAreTried) {
  FakeMachine machine = HealthyMachine();
  machine.services[kRecords] =
      std::vector<ServicePlace>{{"map.example.net", 13116}, {"gone.example.net", 7}};
  machine.knocks["wan0 198.51.100.1:13116"] = absl::NotFoundError("Connection refused");
  const Facts facts = ReadFacts(machine, ByDomain());
  EXPECT_THAT(facts.unseen, IsEmpty());
  EXPECT_THAT(Said(Check(ByDomain(), facts)),
              ElementsAre("failure name: map example.net: the name gone.example.net is not found",
                          "failure reach: map example.net (198.51.100.1:13116) has nobody who "
                          "listens",
                          "note name: map example.net is map.example.net:13116, "
                          "gone.example.net:7"));
}

TEST(DoctorServices, WithoutRecordsItIsTheDomain) {
  FakeMachine machine = HealthyMachine();
  machine.names["example.net"] = machine.names["map.example.net"];
  EXPECT_THAT(Said(Examined(machine, ByDomain())),
              ElementsAre("note name: map example.net is the domain itself"));
  machine.services[kRecords] = absl::DeadlineExceededError("no name server answers");
  EXPECT_THAT(Said(Examined(machine, ByDomain())),
              ElementsAre("warning name: map example.net: the service records of "
                          "_warp-map._udp.example.net are not found"));
  machine.services[kRecords] = absl::FailedPreconditionError("the domain says that it has no map");
  const Findings none = Examined(machine, ByDomain());
  EXPECT_THAT(Said(none), ElementsAre("failure name: map example.net: the service records of "
                                      "_warp-map._udp.example.net lead nowhere"));
  EXPECT_EQ(none[0].why, "the domain says that it has no map.");
}

// --- Our own addresses. ---

TEST(DoctorReach, AMapAtAnAddressOfOurOwn) {
  FakeMachine machine = HealthyMachine();
  machine.names["map.example.net"] =
      std::vector<wire::IpAddress>{wire::IpAddress::V4({10, 1, 1, 2})};
  EXPECT_THAT(Said(Examined(machine)),
              Contains(StartsWith("failure reach: map map.example.net:13116 (10.1.1.2:13116) is at "
                                  "an address of this machine")));
}

}  // namespace
}  // namespace warp::tools
