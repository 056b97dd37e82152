#include "tools/top/screen.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "tests/tools/watch/sample_document.h"
#include "tools/top/plot.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

class ScreenTest : public ::testing::Test {
 protected:
  // A minute in which the first path sends more and more.
  Frame Watch(Json json = NodeDocument()) {
    Minute minute;
    absl::StatusOr<Sample> sample = ReadSample(json.dump());
    for (int i = 0; i <= 60; ++i) {
      sample = ReadSample(json.dump());
      EXPECT_TRUE(sample.ok());
      minute.Add(i, *sample);
      json["node"]["uptime_s"] = 100 + i;
      if (json["peers"].empty()) continue;
      Json& path = json["peers"][0]["paths"][0];
      path["tx_bytes"] = path["tx_bytes"].get<double>() + i * 25000.0;
    }
    Frame frame{.known = true, .time = "12:03:11", .sample = *sample, .judgement = Judge(*sample)};
    for (const Series* series : minute.paths()) frame.paths.push_back(*series);
    for (const Series* series : minute.tunnels()) frame.tunnels.push_back(*series);
    frame.node = minute.node();
    return frame;
  }

  std::string Text(const Frame& frame, size_t columns = 80, size_t rows = 24) {
    Canvas canvas(columns, rows);
    Draw(frame, &state_, &canvas);
    return canvas.ToString();
  }
  std::vector<std::string> Lines(const Frame& frame, size_t columns = 80, size_t rows = 24) {
    return absl::StrSplit(Text(frame, columns, rows), '\n');
  }
  void Type(const Frame& frame, const std::vector<Key>& keys) {
    for (const Key key : keys) Press(key, RowsOf(frame, state_.tab), &state_);
  }

  ScreenState state_;
};

TEST_F(ScreenTest, EightyByTwentyFour) {
  const std::vector<std::string> lines = Lines(Watch());
  ASSERT_EQ(lines.size(), 25u);  // the last one is empty
  EXPECT_EQ(lines[0].substr(0, 42), "WARP 0.1.0  up 2m39s  J8sk3d4vKEY         ");
  EXPECT_TRUE(absl::EndsWith(lines[0], "12:03:11"));
  EXPECT_EQ(lines[1], "● It works.");
  EXPECT_EQ(lines[2], "  2 of 2 links carry payloads to hq.");
  EXPECT_EQ(lines[3].substr(0, 27), " [Paths]  Tunnels   Drops  ");
  EXPECT_EQ(lines[4],
            " LINK      PEER      ENDPOINT        STATE        OUT     IN  DELAY  LOSS FIRST");
  EXPECT_EQ(lines[5],
            " fibre     hq        198.51.100.7:1… active    11.8 M      0   20.2  0.0%   75%");
  EXPECT_TRUE(absl::StartsWith(lines[6], " lte "));
  EXPECT_TRUE(absl::StartsWith(lines[13], "── fibre to hq at 198.51.100.7:13116 ──")) << lines[13];
  EXPECT_EQ(lines[14], "rate 11.8 Mbit/s");  // of 20, so that the top row stays empty
  EXPECT_EQ(lines[15].substr(0, 24), "▲11.8 M ▼0          ");
  EXPECT_TRUE(absl::StartsWith(lines[16], "of 20.0 M          ")) << lines[16];
  EXPECT_EQ(lines[17], "delay 20.2 ms");
  EXPECT_TRUE(absl::StartsWith(lines[19], "of 50 ms           ")) << lines[19];
  EXPECT_EQ(lines[20], "loss 0.0%");
  EXPECT_TRUE(absl::EndsWith(lines[22], "▁▁▁▁▁▁▁▁")) << lines[22];  // known, and nothing
  EXPECT_TRUE(absl::StrContains(lines[23], "q quit"));
}

TEST_F(ScreenTest, ThePlotRisesWithTheRate) {
  const std::vector<std::string> lines = Lines(Watch());
  // The middle row begins where the rate is more than a third of the scale, and the bottom one is full from there on.
  const std::u32string middle = Letters(lines[15]), bottom = Letters(lines[16]);
  ASSERT_EQ(bottom.size(), 79u);
  ASSERT_EQ(middle.size(), 79u);
  EXPECT_EQ(bottom[78], U'█');
  EXPECT_EQ(bottom[20], U'▁');
  EXPECT_EQ(middle[50], U' ');
  EXPECT_EQ(middle[78], U'▆');
}

TEST_F(ScreenTest, ArrowsChooseWhatIsPlotted) {
  const Frame frame = Watch();
  Type(frame, {Key::kDown});
  EXPECT_TRUE(absl::StrContains(Lines(frame)[13], "lte to hq"));
  Type(frame, {Key::kDown, Key::kDown, Key::kPageDown});  // there is no more
  EXPECT_EQ(state_.chosen, 1u);
  Type(frame, {Key::kUp, Key::kUp, Key::kPageUp});
  EXPECT_EQ(state_.chosen, 0u);
}

TEST_F(ScreenTest, TabsTurnRoundAndShowTunnelsAndDrops) {
  const Frame frame = Watch();
  Type(frame, {Key::kNextTab});
  std::string text = Text(frame);
  EXPECT_TRUE(absl::StrContains(text, "[Tunnels]"));
  EXPECT_TRUE(absl::StrContains(text, " office     hq        stripe    warp0"));
  EXPECT_TRUE(absl::StrContains(text, "out 1.0 Mbit/s"));
  Type(frame, {Key::kNextTab});
  text = Text(frame);
  EXPECT_TRUE(absl::StrContains(text, "malformed"));
  EXPECT_TRUE(absl::StrContains(text, "deadline"));
  Type(frame, {Key::kNextTab});
  EXPECT_EQ(state_.tab, Tab::kPaths);
  Type(frame, {Key::kPreviousTab});
  EXPECT_EQ(state_.tab, Tab::kDrops);
}

TEST_F(ScreenTest, SortsByWhatIsAskedFor) {
  Json json = NodeDocument();
  json["peers"][0]["paths"][0]["rtt_ms"] = 90;
  json["peers"][0]["paths"][1]["loss"] = 0.5;
  json["peers"][0]["paths"][0]["port"] = "zeta";
  const Frame frame = Watch(json);
  const auto first = [&] { return Lines(frame)[5].substr(1, 4); };
  EXPECT_EQ(first(), "zeta");
  Type(frame, {Key::kSort});  // by rate
  EXPECT_EQ(first(), "zeta");
  Type(frame, {Key::kSort});  // by delay
  EXPECT_EQ(first(), "lte ");
  Type(frame, {Key::kReverse});
  EXPECT_EQ(first(), "zeta");
  Type(frame, {Key::kReverse, Key::kSort});  // by loss
  EXPECT_EQ(first(), "lte ");
  Type(frame, {Key::kSort});  // by name
  EXPECT_EQ(first(), "lte ");
  EXPECT_TRUE(absl::StrContains(Text(frame), "sorted by name"));
  Type(frame, {Key::kSort});
  EXPECT_EQ(state_.sort, Sort::kConfigured);
}

TEST_F(ScreenTest, WhatIsBadStandsAbove) {
  Json json = NodeDocument();
  json["ports"][1]["state"] = "down";
  json["ports"][1]["reason"] = "no link";
  json["peers"][0]["paths"][1]["state"] = "lost";
  json["peers"][0]["paths"][1]["since_s"] = 307;
  const std::vector<std::string> lines = Lines(Watch(json));
  EXPECT_EQ(lines[1], "● It works, but link lte is down.");
  EXPECT_TRUE(absl::StartsWith(lines[2], "  Link lte is down for 5m07s: no link. Look at cable"))
      << lines[2];
  EXPECT_TRUE(absl::EndsWith(lines[2], "…"));
}

TEST_F(ScreenTest, AllSizesAreDrawnAndKeepToTheirCells) {
  const Frame frame = Watch();
  for (const bool help : {false, true}) {
    state_.help = help;
    for (size_t columns = 1; columns < 200; columns += 7) {
      for (size_t rows = 1; rows < 70; rows += 3) {
        EXPECT_EQ(Lines(frame, columns, rows).size(), rows + 1) << columns << "x" << rows;
      }
    }
  }
  EXPECT_TRUE(absl::StrContains(Text(frame, 30, 5), "too small"));
  state_.help = false;
  EXPECT_TRUE(absl::StrContains(Text(frame, 180, 50), "198.51.100.7:13116 "));
}

TEST_F(ScreenTest, ALongTableScrolls) {
  Json json = NodeDocument();
  for (int i = 0; i < 50; ++i) {
    json["peers"][0]["paths"].push_back(PathDocument("p" + std::to_string(i), "192.0.2.1:1", i));
  }
  const Frame frame = Watch(json);
  Type(frame, {Key::kLast});
  EXPECT_TRUE(absl::StrContains(Text(frame), " p49 "));
  EXPECT_FALSE(absl::StrContains(Text(frame), " fibre "));
  Type(frame, {Key::kFirst});
  EXPECT_TRUE(absl::StrContains(Text(frame), " fibre "));
}

TEST_F(ScreenTest, WhatWasChosenMayBeGone) {
  Json json = NodeDocument();
  state_.chosen = 7;
  state_.scrolled = 5;
  json["peers"] = Json::array();
  EXPECT_TRUE(absl::StrContains(Text(Watch(json)), "nothing"));
  EXPECT_EQ(state_.chosen, 0u);
}

TEST_F(ScreenTest, PauseHelpAndQuit) {
  const Frame frame = Watch();
  Type(frame, {Key::kPause});
  EXPECT_TRUE(absl::StrContains(Text(frame), "paused at 12:03:11"));
  Type(frame, {Key::kPause, Key::kHelp});
  EXPECT_TRUE(absl::StrContains(Text(frame), "sort as configured, by rate, delay, loss, name"));
  Type(frame, {Key::kQuit});  // out of the help
  EXPECT_FALSE(state_.quit);
  Type(frame, {Key::kQuit});
  EXPECT_TRUE(state_.quit);
}

TEST_F(ScreenTest, ADaemonThatIsAwayIsSaid) {
  const std::string text = Text({.time = "12:00:00", .judgement = JudgeNothing("it is busy")});
  EXPECT_TRUE(absl::StrContains(text, "● The daemon does not answer.\n  it is busy.\n")) << text;
}

TEST_F(ScreenTest, NamesAreShownAndNotObeyed) {
  Json json = NodeDocument();
  json["peers"][0]["name"] = "\x1b]0;evil\x07";
  json["peers"][0]["paths"][0]["endpoint"] = "日本🛰éß";
  const std::string text = Text(Watch(json));
  EXPECT_FALSE(absl::StrContains(text, "\x1b"));
  EXPECT_TRUE(absl::StrContains(text, "???éß")) << text;  // wide letters would move all others
}

TEST(PlotTest, AColumnShowsItsHighestValue) {
  Canvas canvas(10, 2);
  std::vector<float> values(60, 0.0F);
  values[31] = 8;
  values[59] = kUnknown;
  DrawPlot({.columns = 10, .rows = 2}, values, 8, Look::kCurve, &canvas);
  EXPECT_EQ(canvas.ToString(), "     █\n▁▁▁▁▁█▁▁▁▁\n");
}

TEST(PlotTest, NothingKnownIsEmptyAndFewStandAtTheRight) {
  Canvas canvas(4, 1);
  DrawPlot({.columns = 4, .rows = 1}, {kUnknown, 1}, 0, Look::kCurve, &canvas);
  EXPECT_EQ(canvas.ToString(), "   ▁\n");
}

TEST(PlotTest, ScalesAndRates) {
  EXPECT_FLOAT_EQ(RoundUp(0), 0);
  EXPECT_FLOAT_EQ(RoundUp(0.3F), 0.5F);
  EXPECT_FLOAT_EQ(RoundUp(1200), 2000);
  EXPECT_FLOAT_EQ(RoundUp(5001), 10000);
  EXPECT_EQ(RateText(kUnknown), "-");
  EXPECT_EQ(RateText(0), "0");
  EXPECT_EQ(RateText(999), "999");
  EXPECT_EQ(RateText(12345678), "12.3 M");
  EXPECT_EQ(RateText(999960), "1.0 M");
}

}  // namespace
}  // namespace warp::tools
