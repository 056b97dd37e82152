#include "control/carrier/udp_watch.h"

#include <gtest/gtest.h>

namespace warp::control {
namespace {

using std::chrono::seconds;

class UdpWatchTest : public ::testing::Test {
 protected:
  void Answers(int for_seconds) { Run(for_seconds, true); }
  void Silence(int for_seconds) { Run(for_seconds, false); }
  void Run(int for_seconds, bool answers) {
    for (int i = 0; i < for_seconds; ++i) {
      watch_.Note(now_, answers);
      now_ += seconds(1);
    }
    watch_.Note(now_, answers);
  }

  UdpWatch watch_;
  wire::Instant now_{seconds(100)};
};

TEST_F(UdpWatchTest, WantsAConnectionAfterFiveSecondsOfSilence) {
  Silence(4);
  EXPECT_FALSE(watch_.wants_connection());
  Silence(1);
  EXPECT_TRUE(watch_.wants_connection());
}

TEST_F(UdpWatchTest, AnAnswerThatIsLateChangesNothing) {
  for (int i = 0; i < 20; ++i) {
    Answers(8);
    Silence(4);
    EXPECT_FALSE(watch_.wants_connection());
  }
}

TEST_F(UdpWatchTest, UdpHasToWorkForAWhile) {
  Silence(6);
  Answers(29);
  EXPECT_TRUE(watch_.wants_connection());
  Answers(1);
  EXPECT_FALSE(watch_.wants_connection());
}

// A network that lets UDP pass for ten seconds in each minute does not make it come and go.
TEST_F(UdpWatchTest, UdpThatComesAndGoesDoesNotCount) {
  Silence(6);
  for (int i = 0; i < 10; ++i) {
    Answers(20);
    Silence(10);
    EXPECT_TRUE(watch_.wants_connection());
  }
}

TEST_F(UdpWatchTest, AnInterfaceThatIsDownSaysNothing) {
  Silence(6);
  watch_.Forget();
  EXPECT_FALSE(watch_.wants_connection());
  Silence(4);
  EXPECT_FALSE(watch_.wants_connection());
}

}  // namespace
}  // namespace warp::control
