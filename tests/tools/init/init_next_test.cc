#include "tools/init/init_next.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/fake_machine.h"

namespace warp::tools {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kFile[] = "/etc/warp/warpd.yaml";

TEST(InitNextTest, AServiceIsRestartedWhereThereIsOne) {
  FakeMachine machine;
  EXPECT_THAT(NextSteps(machine, {}, kFile, "KEY="),
              HasSubstr("  warpd --config " + std::string(kFile)));
  machine.modes["/lib/systemd/system/warpd.service"] = 0100644;
  EXPECT_THAT(NextSteps(machine, {}, kFile, "KEY="), HasSubstr("  systemctl restart warpd\n"));
  // It reads no other file.
  EXPECT_THAT(NextSteps(machine, {}, "here.yaml", "KEY="), HasSubstr("warpd --config here.yaml\n"));
}

TEST(InitNextTest, TheOtherSiteGetsTheKeyAndTheMaps) {
  const InitConfig config = {.maps = {{"m.example.net:1", "M="}, {"[::1]:2", "N="}}};
  EXPECT_THAT(
      NextSteps(FakeMachine(), config, "a b", "KEY="),
      HasSubstr("  warp init --peer NAME=KEY= --map m.example.net:1=M= --map '[::1]:2=N='\n"));
  EXPECT_THAT(NextSteps(FakeMachine(), config, "a b", "KEY="), HasSubstr("warp check 'a b'\n"));
  EXPECT_THAT(StepsToAPeer("KEY="), HasSubstr("  warp init --peer NAME=KEY=\n"));
  EXPECT_THAT(StepsToAPeer("KEY="), Not(HasSubstr("warp check")));
}

}  // namespace
}  // namespace warp::tools
