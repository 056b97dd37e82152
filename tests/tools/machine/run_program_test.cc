#include "tools/machine/run_program.h"

#include <gtest/gtest.h>

namespace warp::tools {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kLong(60);

TEST(RunProgramTest, ReturnsWhatItSays) {
  EXPECT_EQ(*RunProgram({"printf", "%s", "a;b $(c)"}, kLong), "a;b $(c)");
  EXPECT_EQ(*RunProgram({"cat"}, kLong), "");
  // More than a pipe holds.
  EXPECT_EQ(RunProgram({"head", "-c", "1000000", "/dev/zero"}, kLong)->size(), 1'000'000u);
}

TEST(RunProgramTest, ReturnsWhatItComplainsOf) {
  const auto failed =
      RunProgram({"sh", "-c", "echo 'no \033[1mway' >&2; echo more >&2; exit 3"}, kLong);
  EXPECT_TRUE(absl::IsUnknown(failed.status()));
  EXPECT_EQ(failed.status().message(), "no ?[1mway");
  EXPECT_TRUE(absl::IsPermissionDenied(
      RunProgram({"sh", "-c", "echo 'Operation not permitted' >&2; exit 1"}, kLong).status()));
  EXPECT_EQ(RunProgram({"false"}, kLong).status().message(), "it failed");
  EXPECT_EQ(RunProgram({"sh", "-c", "kill -9 $$"}, kLong).status().message(), "it failed");
  EXPECT_TRUE(absl::IsNotFound(RunProgram({"no-such-program"}, kLong).status()));
  EXPECT_TRUE(absl::IsNotFound(RunProgram({}, kLong).status()));
}

TEST(RunProgramTest, EndsWhatDoesNotEnd) {
  for (const char* script :
       {"sleep 1000", "sleep 1000 & sleep 1000", "exec >&- 2>&-; sleep 1000"}) {
    EXPECT_TRUE(
        absl::IsDeadlineExceeded(RunProgram({"sh", "-c", script}, milliseconds(50)).status()))
        << script;
  }
  EXPECT_TRUE(absl::IsResourceExhausted(RunProgram({"cat", "/dev/zero"}, kLong).status()));
}

}  // namespace
}  // namespace warp::tools
