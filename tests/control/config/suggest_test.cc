#include "control/config/text/suggest.h"

#include <gtest/gtest.h>

namespace warp::config {
namespace {

TEST(EditDistanceTest, CountsSlips) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("abc", ""), 3u);
  EXPECT_EQ(EditDistance("port", "port"), 0u);
  EXPECT_EQ(EditDistance("port", "prot"), 1u);   // a swap
  EXPECT_EQ(EditDistance("port", "ports"), 1u);  // an insertion
  EXPECT_EQ(EditDistance("port", "pot"), 1u);    // a deletion
  EXPECT_EQ(EditDistance("port", "part"), 1u);   // a substitution
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
}

TEST(NearestTest, TakesTheFirstOfTheNearestThatIsNearEnough) {
  EXPECT_EQ(Nearest("listen_prot", {"listen", "listen_port", "max_ports"}), "listen_port");
  EXPECT_EQ(Nearest("cpu0", {"mtu", "cpu"}), "cpu");
  EXPECT_EQ(Nearest("bb", {"ab", "ba"}), "ab");
  EXPECT_EQ(Nearest("zzz", {"abc", "mtu"}), "");
  EXPECT_EQ(Nearest("x", {}), "");
  EXPECT_EQ(Nearest(std::string(100'000, 'a'), {std::string(100'000, 'a')}), "");
}

TEST(DidYouMeanTest, IsWordedForTheEndOfASentence) {
  EXPECT_EQ(DidYouMean("bussy", {"busy", "adaptive"}), ", did you mean \"busy\"?");
  EXPECT_EQ(DidYouMean("never", {"busy", "adaptive"}), "");
}

}  // namespace
}  // namespace warp::config
