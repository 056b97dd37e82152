#include "tools/init/init_questions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace warp::tools {
namespace {

using testing::HasSubstr;

constexpr char kKey[] = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

// What a person types, line by line.
class Conversation {
 public:
  absl::Status Hold(const std::string& typed) {
    std::istringstream in(typed);
    std::ostringstream out;
    const absl::Status status = AskForInit(in, out, config);
    said = out.str();
    return status;
  }

  InitConfig config{.ports = {{"eth0", "eth0"}}};
  std::string said;
};

TEST(InitQuestionsTest, TakesTheAnswers) {
  Conversation person;
  ASSERT_EQ(person.Hold(std::string(kKey) + "\nb\n\nmap.example.net\n" + kKey + "\n\n"),
            absl::OkStatus());
  ASSERT_EQ(person.config.peers.size(), 1u);
  EXPECT_EQ(person.config.peers[0].name, "b");
  EXPECT_EQ(person.config.peers[0].endpoint, "");
  ASSERT_EQ(person.config.maps.size(), 1u);
  EXPECT_EQ(person.config.maps[0].address, "map.example.net:13116");
  EXPECT_EQ(person.config.ports.size(), 1u);
  EXPECT_THAT(person.said, HasSubstr("(Enter: eth0)"));
}

TEST(InitQuestionsTest, WithoutAKeyAsksNothingMore) {
  Conversation person;
  EXPECT_EQ(person.Hold("\n"), absl::OkStatus());
  EXPECT_TRUE(person.config.peers.empty());
}

TEST(InitQuestionsTest, ExplainsAndAsksAgain) {
  Conversation person;
  ASSERT_EQ(
      person.Hold(std::string("key\n") + kKey + "\na b\nb\n:\n192.0.2.1\n\n=x\nfibre=eth1 usb0\n"),
      absl::OkStatus());
  EXPECT_THAT(person.said, HasSubstr("\"key\": no public key"));
  EXPECT_THAT(person.said, HasSubstr("\"a b\": a name"));
  EXPECT_EQ(person.config.peers[0].endpoint, "192.0.2.1:13116");
  ASSERT_EQ(person.config.ports.size(), 2u);
  EXPECT_EQ(person.config.ports[0].name, "fibre");
  EXPECT_EQ(person.config.ports[1].interface, "usb0");
}

TEST(InitQuestionsTest, AsksOnlyForWhatWasNotSaid) {
  Conversation person;
  person.config.peers = {{"b", kKey, ""}};
  person.config.maps = {{"map:1", kKey}};
  EXPECT_EQ(person.Hold("\n"), absl::OkStatus());
  EXPECT_THAT(person.said, Not(HasSubstr("key")));
}

TEST(InitQuestionsTest, TheEndOfInputEndsIt) {
  for (const std::string& typed : {std::string(), std::string(kKey), std::string(kKey) + "\nb\n"}) {
    Conversation person;
    EXPECT_TRUE(absl::IsCancelled(person.Hold(typed)));
  }
  Conversation without;
  without.config.ports.clear();
  EXPECT_TRUE(absl::IsCancelled(without.Hold(std::string(kKey) + "\nb\n\n\n\n")));
  EXPECT_THAT(without.said, HasSubstr("at least one is needed"));
}

}  // namespace
}  // namespace warp::tools
