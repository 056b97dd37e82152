// How the answers of the kernel and of programs are read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/doctor/doctor_case.h"
#include "tools/doctor/read/read_machine.h"
#include "tools/doctor/read/read_sockets.h"

namespace warp::tools {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

TEST(ReadTest, SetsOfCpus) {
  EXPECT_THAT(ParseCpus("0-2,5\n"), Optional(ElementsAre(0, 1, 2, 5)));
  EXPECT_THAT(ParseCpus("\n"), Optional(IsEmpty()));
  for (const char* wrong : {"x", "1-", "-1", "3-2", "1,,2", "0-4294967296", "0-100000", "1-2-3"}) {
    EXPECT_EQ(ParseCpus(wrong), std::nullopt) << wrong;
  }
}

TEST(ReadTest, UdpSockets) {
  const std::vector<UdpSocketFacts> sockets = ParseUdpSockets(
      "  sl  local_address\n"
      "  1: 0100007F:2328 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000 0 4711 2 0 "
      "0\n"
      "  2: 00000000000000000000000001000000:333C 0:0 07 0:0 00:0 0 0 0 9 2\n"
      "  3: 0100007F 0:0 07 0:0 00:0 0 0 0 9 2\n"
      "  4: 0100007F:12345 0:0 07 0:0 00:0 0 0 0 9 2\n"
      "  5: ZZZZZZZZ:0001 0:0 07 0:0 00:0 0 0 0 9 2\n"
      "  6: 0100007F:2328 short\n");
  ASSERT_EQ(sockets.size(), 2u);
  EXPECT_EQ(sockets[0].local.ToString(), "127.0.0.1:9000");
  EXPECT_EQ(sockets[0].user, 1000u);
  EXPECT_EQ(sockets[0].inode, 4711u);
  EXPECT_EQ(sockets[1].local.ToString(), "[::1]:13116");
}

// A program that hangs is waited for once: no second port and no second destination asks it again.
TEST(ReadTest, WhatDoesNotAnswerIsAskedOnce) {
  FakeMachine machine = HealthyMachine();
  for (auto& [words, answer] : machine.programs) {
    if (words.starts_with("ethtool") || words.starts_with("ip -j route")) {
      answer = absl::DeadlineExceededError("it did not end");
    }
  }
  const Facts facts = ReadFacts(machine, CaseConfig());
  EXPECT_THAT(facts.unseen, testing::Contains("routes: ip does not answer"));
  EXPECT_EQ(std::count_if(machine.ran.begin(), machine.ran.end(),
                          [](const std::string& words) { return words.starts_with("ethtool"); }),
            1);
  EXPECT_EQ(
      std::count_if(machine.ran.begin(), machine.ran.end(),
                    [](const std::string& words) { return words.starts_with("ip -j route"); }),
      1);
  EXPECT_EQ(facts.routes.size(), 1u);
}

TEST(ReadTest, NoMoreIsAskedThanAPersonWaitsFor) {
  std::string peers = "node: {private_key_file: /k}\nports: [{name: a, interface: wan0}]\npeers:\n";
  for (int i = 0; i < 40; ++i) {
    absl::StrAppend(&peers, " - {name: p", i,
                    ", public_key: ", wire::SecretKey::Generate().Public().ToBase64(),
                    ", endpoints: ['p", i, ".example.net:13116'");
    for (int j = 0; j < 8; ++j) absl::StrAppend(&peers, ", '192.0.", i, ".", j, ":13116'");
    absl::StrAppend(&peers, "]}\n");
  }
  const auto config = config::ParseNodeConfig(peers, "test");
  ASSERT_TRUE(config.ok()) << config.status();
  FakeMachine machine = HealthyMachine();
  const Facts many = ReadFacts(machine, *config);
  EXPECT_EQ(many.routes.size(), 256u);
  EXPECT_EQ(many.names.size(), 16u);
  EXPECT_THAT(many.unseen, testing::Contains(HasSubstr("routes beyond the first 256")));
  // A name server that is silent is asked once.
  machine.names["p0.example.net"] = absl::DeadlineExceededError("no name server answers");
  EXPECT_EQ(ReadFacts(machine, *config).names.size(), 1u);
}

TEST(ReadTest, LinkLocalAddressesHaveOneWay) {
  const auto config = config::ParseNodeConfig(
      absl::StrCat("node: {private_key_file: /k}\nports:\n - {name: a, interface: wan0}\n",
                   " - {name: b, interface: wan1}\npeers: [{name: b, public_key: ", kPeerKey,
                   ", endpoints: ['[fe80::b%wan1]:13116']}]\n"),
      "test");
  ASSERT_TRUE(config.ok()) << config.status();
  FakeMachine machine = HealthyMachine();
  machine.programs["ip -j address show"] =
      std::string(R"([{"ifname":"wan0","flags":["UP","LOWER_UP"],"addr_info":[{"local":"fe80::1"}]},
                      {"ifname":"wan1","flags":["UP","LOWER_UP"],"addr_info":[{"local":"fe80::1"},{"local":"fd00::1"}]}])");
  const Facts facts = ReadFacts(machine, *config);
  ASSERT_EQ(facts.routes.size(), 1u);
  EXPECT_EQ(facts.routes[0].interface, "wan1");
}

}  // namespace
}  // namespace warp::tools
