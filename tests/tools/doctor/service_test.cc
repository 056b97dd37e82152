// What the service of a package could not read, as it is not root.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/doctor/doctor_case.h"

namespace warp::tools {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kFile[] = "/etc/warp/warpd.yaml";
constexpr uid_t kWarp = 998;

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() {
    machine.files["/etc/passwd"] =
        "root:x:0:0:root:/root:/bin/bash\n_warp:x:998:997:WARP node:/var/lib/warp:/sbin/nologin\n";
    machine.modes["/etc/warp"] = 040755;
    machine.modes[kFile] = 0100644;
    machine.owners["/k"] = {kWarp, 0};
  }
  std::vector<std::string> Closed(const std::string& file = kFile) const {
    return ReadFacts(machine, CaseConfig(), file).closed_to_service;
  }

  FakeMachine machine = HealthyMachine();
};

TEST_F(ServiceTest, AKeyThatItsStartDoesNotGiveToIt) {
  EXPECT_THAT(Closed(), IsEmpty());
  machine.owners["/k"] = {0, 0};
  EXPECT_THAT(Closed(), ElementsAre("/k"));
  const Findings findings = Check(CaseConfig(), ReadFacts(machine, CaseConfig(), kFile));
  EXPECT_THAT(Said(findings),
              ElementsAre("failure key: /k is closed to the user _warp, as whom the service runs"));
  EXPECT_THAT(findings[0].commands, ElementsAre("chown _warp: /k"));
  // Others are read by whoever runs them.
  EXPECT_THAT(Closed("/etc/warp/other.yaml"), IsEmpty());
  EXPECT_THAT(Closed(""), IsEmpty());
}

TEST_F(ServiceTest, AConfigurationOfAStrictUmask) {
  machine.modes[kFile] = 0100640;
  EXPECT_THAT(Closed(), ElementsAre(kFile));
  machine.owners[kFile] = {0, 997};
  EXPECT_THAT(Closed(), IsEmpty());
  machine.modes["/etc/warp"] = 040700;
  const Findings findings = Check(CaseConfig(), ReadFacts(machine, CaseConfig(), kFile));
  EXPECT_THAT(Said(findings), ElementsAre("failure configuration: /etc/warp is closed to the user "
                                          "_warp, as whom the service runs"));
  EXPECT_THAT(findings[0].commands, ElementsAre("chmod a+rX /etc/warp"));
}

TEST_F(ServiceTest, WithoutSuchAUserThereIsNoSuchService) {
  machine.owners["/k"] = {0, 0};
  for (const char* accounts : {"", "_warper:x:998:997::/:/\n", "_warp:x\n", "_warp:x:y:z\n"}) {
    machine.files["/etc/passwd"] = std::string(accounts);
    EXPECT_THAT(Closed(), IsEmpty()) << accounts;
  }
}

}  // namespace
}  // namespace warp::tools
