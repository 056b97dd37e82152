#include "tools/watch/model/minute.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/tools/watch/sample_document.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

class MinuteTest : public ::testing::Test {
 protected:
  void Add(double now_s) {
    document_["node"]["uptime_s"] = uptime_s_ + now_s;
    const absl::StatusOr<Sample> sample = ReadSample(document_.dump());
    ASSERT_TRUE(sample.ok());
    minute_.Add(now_s, *sample);
  }
  Json& Path(int i) { return document_["peers"][0]["paths"][i]; }
  const Point& LastOfPath(size_t i) const { return minute_.paths().at(i)->back(); }

  Json document_ = NodeDocument();
  double uptime_s_ = 1000;
  Minute minute_;
};

TEST_F(MinuteTest, RatesComeOfTwoSamples) {
  Add(10);
  EXPECT_TRUE(std::isnan(LastOfPath(0).out));  // one alone says nothing
  EXPECT_FLOAT_EQ(LastOfPath(0).rtt, 20.25);
  Path(0)["tx_bytes"] = 1000 + 250;
  Path(0)["rx_bytes"] = 500 + 1000;
  document_["ports"][0]["tx_bytes"] = 1000 + 500;
  Add(12);
  EXPECT_FLOAT_EQ(LastOfPath(0).out, 1000);  // 250 bytes in two seconds
  EXPECT_FLOAT_EQ(LastOfPath(0).in, 4000);
  EXPECT_FLOAT_EQ(LastOfPath(1).out, 0);
  EXPECT_FLOAT_EQ(minute_.links()[0]->back().out, 2000);
  EXPECT_FLOAT_EQ(minute_.node().back().out, 2000);
  EXPECT_FLOAT_EQ(minute_.tunnels()[0]->back().in, 2e6);
}

TEST_F(MinuteTest, SecondsWithoutASampleHaveNoValue) {
  Add(10.9);
  Add(13.1);
  const Series& series = *minute_.paths()[0];
  EXPECT_FLOAT_EQ(series[kSeconds - 1].rtt, 20.25);
  EXPECT_TRUE(std::isnan(series[kSeconds - 2].rtt));
  EXPECT_TRUE(std::isnan(series[kSeconds - 3].rtt));
  EXPECT_FLOAT_EQ(series[kSeconds - 4].rtt, 20.25);
  minute_.AddNothing(14);
  EXPECT_TRUE(std::isnan(series.back().rtt));
  EXPECT_FLOAT_EQ(series[kSeconds - 2].rtt, 20.25);
  minute_.AddNothing(1e9);  // all of it is long ago
  EXPECT_TRUE(std::isnan(series[0].rtt));
}

TEST_F(MinuteTest, CountersThatBeginAnewHaveNoRate) {
  Add(10);
  Add(11);
  EXPECT_FLOAT_EQ(LastOfPath(0).out, 0);
  Path(0)["tx_bytes"] = 5;  // fewer than before
  Path(1)["id"] = 77;       // found again, with more than before
  Path(1)["tx_bytes"] = 9000;
  Add(12);
  EXPECT_TRUE(std::isnan(LastOfPath(0).out));
  EXPECT_TRUE(std::isnan(LastOfPath(1).out));
  Path(0)["tx_bytes"] = 130;
  Add(13);
  EXPECT_FLOAT_EQ(LastOfPath(0).out, 1000);
  EXPECT_FLOAT_EQ(LastOfPath(1).out, 0);
}

TEST_F(MinuteTest, ADaemonThatStartedAnewHasNoRate) {
  Add(10);
  uptime_s_ = -5;
  Path(0)["tx_bytes"] = 2000;  // more than before, but of another life
  Add(11);
  EXPECT_TRUE(std::isnan(LastOfPath(0).out));
}

TEST_F(MinuteTest, ALinkHasWhatAllOfItsPathsHave) {
  document_["peers"][0]["paths"].push_back(PathDocument("lte", "203.0.113.9:13116", 3));
  Path(1)["loss"] = 0.5;
  Path(1)["rtt_ms"] = 80;
  Path(2)["loss"] = 0.25;  // the link itself loses so much at most
  Path(2)["rtt_ms"] = 60;
  Add(10);
  EXPECT_FLOAT_EQ(minute_.links()[1]->back().loss, 0.25);
  EXPECT_FLOAT_EQ(minute_.links()[1]->back().rtt, 60);
}

TEST_F(MinuteTest, ALostPathHasLossAndNoDelay) {
  Path(0)["state"] = "lost";
  Path(0)["loss"] = 1;
  Add(10);
  EXPECT_TRUE(std::isnan(LastOfPath(0).rtt));
  EXPECT_FLOAT_EQ(LastOfPath(0).loss, 1);
}

TEST_F(MinuteTest, APathThatIsAwayKeepsItsPlot) {
  Add(10);
  const Json paths = document_["peers"][0]["paths"];
  document_["peers"][0]["paths"] = {paths[1]};
  Add(11);
  ASSERT_EQ(minute_.paths().size(), 1u);
  document_["peers"][0]["paths"] = paths;
  Add(12);
  ASSERT_EQ(minute_.paths().size(), 2u);
  EXPECT_FLOAT_EQ((*minute_.paths()[0])[kSeconds - 3].rtt, 20.25);
  EXPECT_TRUE(std::isnan((*minute_.paths()[0])[kSeconds - 2].rtt));
  EXPECT_TRUE(std::isnan(LastOfPath(0).out));  // what it carried meanwhile is not of this second
}

TEST_F(MinuteTest, TwoOfOneNameAreOne) {
  document_["peers"][0]["paths"].push_back(Path(0));
  Path(2)["tx_bytes"] = 777;
  Add(10);
  Add(11);
  EXPECT_EQ(minute_.paths()[0], minute_.paths()[2]);
  EXPECT_FLOAT_EQ(LastOfPath(0).out, 0);
}

TEST_F(MinuteTest, TimeThatStandsStillOrGoesBackHarmsNothing) {
  Add(10);
  Add(10);
  EXPECT_TRUE(std::isnan(LastOfPath(0).out));
  Add(9);
  EXPECT_FLOAT_EQ(LastOfPath(0).rtt, 20.25);
}

}  // namespace
}  // namespace warp::tools
