// Hooks as an operator writes them: real programs, run by the process that warpd forks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/hook/hook_rights.h"
#include "control/hook/hooks.h"
#include "tests/control/hook/hook_fixture.h"

namespace warp::hook {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(HookTest, GetsTheEventOnStdinAndAsVariables) {
  const std::string script =
      Script("hook", "cat >$OUT.in; env >$OUT.env; echo \"$1 $2\" >$OUT.args; touch $OUT.done");
  hooks_->Set({script + " one two"}, seconds(60));
  Run(5);
  ASSERT_TRUE(Until([&] { return Exists("hook.done"); }));
  EXPECT_EQ(Read("hook.in"),
            R"({"version":1,"number":5,"time":"1970-01-01T00:00:00.000Z","event":"path_down",)"
            R"("severity":"warning","peer":"hq","port":"lte","endpoint":"198.51.100.7:13116",)"
            R"("reason":"no answer","text":"peer hq: path lte -> 198.51.100.7:13116 lost )"
            "(no answer)\"}\n");
  EXPECT_EQ(Read("hook.args"), "one two\n");
  const std::vector<std::string> variables = absl::StrSplit(Read("hook.env"), '\n');
  EXPECT_THAT(variables, Contains("WARP_EVENT=path_down"));
  EXPECT_THAT(variables, Contains("WARP_ENDPOINT=198.51.100.7:13116"));
  EXPECT_THAT(variables, Contains("WARP_NUMBER=5"));
  EXPECT_THAT(variables, Contains(StartsWith("PATH=")));
}

// Neither the user, nor a capability, nor a way to one, nor a descriptor of warpd's.
TEST_F(HookTest, HasNoRights) {
  const std::string script = Script(
      "hook", "cat /proc/self/status >$OUT.status; ls -l /proc/self/fd >$OUT.fds; touch $OUT.done");
  hooks_->Set({script}, seconds(60));
  Run(1);
  ASSERT_TRUE(Until([&] { return Exists("hook.done"); }));
  const std::string status = Read("hook.status");
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_THAT(status, HasSubstr(absl::StrCat(set, ":\t0000000000000000")));
  }
  if (geteuid() == 0) {
    EXPECT_THAT(status, HasSubstr("CapBnd:\t0000000000000000"));
  }
  EXPECT_THAT(status, HasSubstr("SigBlk:\t0000000000000000"));
  const passwd* const own = getpwnam(kHookUser);
  const uid_t of_root = own == nullptr ? 65534 : own->pw_uid;
  const std::string user = absl::StrCat(geteuid() == 0 ? of_root : geteuid());
  EXPECT_THAT(status, HasSubstr(absl::StrCat("Uid:\t", user, "\t", user, "\t", user)));
  const std::string descriptors = Read("hook.fds");
  EXPECT_EQ(descriptors.find("socket:"), std::string::npos) << descriptors;
  // What it says goes through a pipe of its own, and not where warpd's log goes.
  struct stat log {};
  ASSERT_EQ(fstat(STDERR_FILENO, &log), 0);
  EXPECT_EQ(descriptors.find(absl::StrCat("[", log.st_ino, "]")), std::string::npos) << descriptors;
}

TEST_F(HookTest, HasWhatOthersLeaveOfTheCpus) {
  hooks_->Set({Script("hook", "nice >$OUT.nice; touch $OUT.done")}, seconds(60));
  Run(1);
  ASSERT_TRUE(Until([&] { return Exists("hook.done"); }));
  EXPECT_EQ(Read("hook.nice"), "10\n");
}

TEST_F(HookTest, CommandsRunOneAfterTheOtherForEachEvent) {
  const std::string a = Script("a", "echo a$WARP_NUMBER >>$OUT.log");
  const std::string b = Script("b", "echo b$WARP_NUMBER >>" + directory_.At("a.log"));
  hooks_->Set({a, b}, seconds(60));
  Run(1);
  Run(2);
  ASSERT_TRUE(Until([&] { return Read("a.log").size() >= 12; }));
  EXPECT_EQ(Read("a.log"), "a1\nb1\na2\nb2\n");
}

// Neither one that hangs, with what it has started, nor one that cannot be run holds the next up.
TEST_F(HookTest, OneThatHangsIsKilledWithWhatItHasStarted) {
  const std::string hangs = Script(
      "hangs", absl::StrCat("sleep ", marker_, " & trap '' TERM; touch $OUT.up; sleep ", marker_));
  const std::string next = Script("next", "touch $OUT.done");
  hooks_->Set({hangs, directory_.At("missing"), next}, milliseconds(1000));
  Run(1);
  ASSERT_TRUE(Until([&] { return Exists("next.done"); }));
  EXPECT_TRUE(Exists("hangs.up"));
  EXPECT_EQ(Running(), 0);
}

// Control never waits: what the queue does not take is counted, and told to the next command that runs.
TEST_F(HookTest, AFloodIsDroppedAndTold) {
  const std::string script = Script(
      "hook",
      "echo $WARP_EVENT $WARP_MISSED >>$OUT.log; while ! [ -e $OUT.go ]; do sleep 0.01; done");
  hooks_->Set({script}, seconds(600));
  Run(0);
  ASSERT_TRUE(Until([&] { return !Read("hook.log").empty(); }));  // nothing more is taken now
  constexpr uint64_t kEvents = 20'000;
  for (uint64_t i = 1; i <= kEvents; ++i) Run(i);
  EXPECT_GT(hooks_->missed(), 0u);
  EXPECT_LT(hooks_->missed(), kEvents);
  const uint64_t missed = hooks_->missed();
  std::ofstream(directory_.At("hook.go")) << "";
  // As soon as there is room again, it is told before the next event.
  uint64_t number = kEvents;
  ASSERT_TRUE(Until([&] {
    const uint64_t before = hooks_->missed();
    Run(++number);
    return hooks_->missed() == before;
  }));
  ASSERT_TRUE(Until([&] { return Read("hook.log").find("events_missed") != std::string::npos; }));
  EXPECT_THAT(Read("hook.log"), HasSubstr(absl::StrCat("events_missed ", hooks_->missed(), "\n")));
  EXPECT_GE(hooks_->missed(), missed);
  EXPECT_TRUE(warnings_.empty());
}

// What waits when warpd ends is still run, but not for ever.
TEST_F(HookTest, TheEndOfWarpdIsTheEndOfHooks) {
  const std::string quick = Script("quick", "echo $WARP_NUMBER >>$OUT.log");
  hooks_->Set({quick}, seconds(600));
  Run(1);
  Run(2);
  hooks_.reset();
  ASSERT_TRUE(Until([&] { return Read("quick.log") == "1\n2\n"; })) << Read("quick.log");
}

TEST_F(HookTest, OneThatHangsDoesNotOutliveWarpdForLong) {
  const std::string hangs = Script("hangs", absl::StrCat("sleep ", marker_));
  hooks_->Set({hangs}, seconds(600));
  Run(1);
  ASSERT_TRUE(Until([&] { return Running() > 0; }));
  hooks_.reset();
  EXPECT_TRUE(Until([&] { return Running() == 0; }));
}

TEST(Hooks, WithoutAProcessNothingIsRunNorCounted) {
  Hooks hooks({}, [](const std::string&) { FAIL(); });
  EXPECT_FALSE(hooks.possible());
  hooks.Set({"/bin/true"}, seconds(1));
  hooks.Run({});
  EXPECT_EQ(hooks.missed(), 0u);
}

TEST(Hooks, SaysOnceThatTheProcessIsGone) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  close(ends[1]);
  int warnings = 0;
  Hooks hooks(os::UniqueFd{ends[0]}, [&](const std::string&) { ++warnings; });
  EXPECT_FALSE(hooks.possible()) << "nobody has to try it first";
  hooks.Set({"/bin/true"}, seconds(1));
  for (int i = 0; i < 3; ++i) hooks.Run({});
  EXPECT_EQ(warnings, 1);
  EXPECT_FALSE(hooks.possible());
}

TEST(Hooks, CommandsMayComeLaterWhereTheProcessWaits) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  const os::UniqueFd process(ends[1]);
  Hooks hooks(os::UniqueFd{ends[0]}, [](const std::string&) { FAIL(); });
  EXPECT_TRUE(hooks.possible());
  hooks.Run({});
  EXPECT_TRUE(hooks.possible());
  hooks.Set({"/bin/true"}, seconds(1));
  hooks.Run({});
  char message[4096];
  EXPECT_GT(recv(process.get(), message, sizeof(message), MSG_DONTWAIT), 0);
}

}  // namespace
}  // namespace warp::hook
