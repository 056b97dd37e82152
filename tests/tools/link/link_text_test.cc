#include "tools/link/link_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/control/config/temp_dir.h"

namespace warp::tools {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<LinkOptions> Parse(std::initializer_list<absl::string_view> texts) {
  LinkText link;
  for (const absl::string_view text : texts) {
    if (const absl::Status status = link.Add(text); !status.ok()) return status;
  }
  return link.Options();
}

std::string Error(absl::string_view text) { return std::string(Parse({text}).status().message()); }

TEST(LinkTextTest, ReadsEveryKey) {
  const auto options = Parse(
      {"rate=20Mbit@0s,10Mbit@10s,delay=30ms,buffer=400ms,jitter=1.5ms,slots=10ms,loss=1%,loss_bad="
       "50%,"
       "to_bad=0.1%,to_good=20%,reorder=2%,reorder_by=5ms,duplicate=3%,corrupt=4%,down=1s-2s,3s-4s,"
       "repeat=20s,mtu=1400"});
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_EQ(options->rate.size(), 2u);
  EXPECT_EQ(options->rate[0].rate, 20e6);
  EXPECT_EQ(options->rate[1].rate, 10e6);
  EXPECT_EQ(options->rate[1].at, 10 * kSecond);
  EXPECT_EQ(options->delay, 30 * kMillisecond);
  EXPECT_EQ(options->buffer, 400 * kMillisecond);
  EXPECT_EQ(options->jitter, 1'500'000);
  EXPECT_EQ(options->slots, 10 * kMillisecond);
  EXPECT_DOUBLE_EQ(options->loss, 0.01);
  EXPECT_DOUBLE_EQ(options->loss_bad, 0.5);
  EXPECT_DOUBLE_EQ(options->to_bad, 0.001);
  EXPECT_DOUBLE_EQ(options->to_good, 0.2);
  EXPECT_DOUBLE_EQ(options->reorder, 0.02);
  EXPECT_EQ(options->reorder_by, 5 * kMillisecond);
  EXPECT_DOUBLE_EQ(options->duplicate, 0.03);
  EXPECT_DOUBLE_EQ(options->corrupt, 0.04);
  ASSERT_EQ(options->down.size(), 2u);
  EXPECT_EQ(options->down[1].from, 3 * kSecond);
  EXPECT_EQ(options->down[1].to, 4 * kSecond);
  EXPECT_EQ(options->repeat, 20 * kSecond);
  EXPECT_EQ(options->mtu, 1400u);
}

TEST(LinkTextTest, UnitsAreThoseOfTc) {
  EXPECT_EQ(Parse({"rate=1.5gbit"})->rate[0].rate, 1.5e9);
  EXPECT_EQ(Parse({"rate=500KBIT"})->rate[0].rate, 5e5);
  EXPECT_EQ(Parse({"rate=64bit"})->rate[0].rate, 64);
  EXPECT_EQ(Parse({"delay=250us"})->delay, 250'000);
  EXPECT_EQ(Parse({"delay=0"})->delay, 0);
}

TEST(LinkTextTest, ABufferMayHoldNothingOrAnything) {
  EXPECT_EQ(Parse({"rate=1Mbit"})->buffer, 100 * kMillisecond);
  EXPECT_EQ(Parse({"rate=1Mbit,buffer=0"})->buffer, 0);
  EXPECT_TRUE(Parse({"rate=1Mbit,buffer=0"})->limited_buffer);
  EXPECT_FALSE(Parse({"rate=1Mbit,buffer=unlimited"})->limited_buffer);
}

TEST(LinkTextTest, LaterTextsReplaceKeysOfEarlierOnes) {
  const auto options =
      Parse({"rate=20Mbit@0s,10Mbit@1s,delay=30ms,down=1s-2s", "rate=5Mbit,down=3s-4s"});
  ASSERT_TRUE(options.ok());
  ASSERT_EQ(options->rate.size(), 1u);
  EXPECT_EQ(options->rate[0].rate, 5e6);
  EXPECT_EQ(options->delay, 30 * kMillisecond);
  ASSERT_EQ(options->down.size(), 1u);
  EXPECT_EQ(options->down[0].from, 3 * kSecond);
}

TEST(LinkTextTest, ATraceOfOneDirectionReplacesTheRateOfBoth) {
  TempDir dir;
  dir.Write("trace", "1\n2\n2\n\n7\n");
  const auto options = Parse({"rate=20Mbit", "trace=" + dir.At("trace")});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->rate.empty());
  EXPECT_THAT(options->trace, ElementsAre(1, 2, 2, 7));
}

TEST(LinkTextTest, MistakesAreNamed) {
  for (const auto& [text, error] : std::initializer_list<std::pair<const char*, const char*>>{
           {"", "\"\" is no KEY=VALUE"},
           {"20Mbit", "\"20Mbit\" is no KEY=VALUE"},
           {"dealy=3ms", "there is no \"dealy\": a link has rate, trace,"},
           {"delay=3ms,delay=4ms", "delay: it stands twice"},
           {"delay=3ms,4ms", "delay: it takes one value"},
           {"delay=3", "delay: \"3\" is no time"},
           {"delay=-3ms", "delay: \"-3ms\" is no time"},
           {"delay=", "delay: \"\" is no time"},
           {"delay=1e9s", "is no time"},
           {"delay=99999999999s", "is no time"},
           {"delay=1.2.3s", "is no time"},
           {"loss=2", "loss: \"2\" is no share"},
           {"loss=101%", "is no share"},
           {"rate=20", "rate: \"20\" is no rate"},
           {"rate=20Mb", "is no rate"},
           {"rate=0", "rate: nothing would ever leave"},
           {"rate=20Mbit,0@3s", "rate: what waits at its last step would never leave"},
           {"rate=0,0@3s,repeat=5s", "rate: nothing would ever leave"},
           {"rate=20Mbit@1s", "rate: its first step is not at 0s"},
           {"rate=20Mbit,10Mbit", "lacks its time"},
           {"rate=20Mbit@", "lacks its time"},
           {"rate=20Mbit,10Mbit@2s,5Mbit@2s", "rate: the steps are not in order"},
           {"rate=20Mbit,10Mbit@2s,repeat=2s", "repeat: it is not after the last step"},
           {"rate=20Mbit,repeat=2s", "repeat: there is neither"},
           {"down=1s", "down: \"1s\" is no time from"},
           {"down=2s-1s", "is no time from"},
           {"down=1s-2s,2s-3s", "down: the outages are not in order and apart"},
           {"down=1s-3s,repeat=2s", "repeat: it is before the end of the last outage"},
           {"to_bad=1%", "to_bad: to_good must say"},
           {"reorder=1%", "reorder: reorder_by must say"},
           {"mtu=67", "mtu: \"67\" is no size"},
           {"rate=1Mbit,trace=/nowhere/at/all",
            "trace: trace /nowhere/at/all: cannot be read: No such file"},
           {"trace=/", "not a regular file"},
           {"trace=/dev/zero", "not a regular file"}}) {
    EXPECT_THAT(Error(text), HasSubstr(error)) << text;
  }
}

TEST(LinkTextTest, ARateAndATraceExcludeEachOther) {
  TempDir dir;
  dir.Write("trace", "1\n");
  EXPECT_THAT(Error("rate=1Mbit,trace=" + dir.At("trace")),
              HasSubstr("a link has a rate or a trace"));
}

TEST(LinkTextTest, MistakesOfATraceNameFileAndLine) {
  TempDir dir;
  for (const auto& [text, error] : std::initializer_list<std::pair<const char*, const char*>>{
           {"", "it has no line"},
           {"0\n0\n", "its last millisecond, which is its length, is 0"},
           {"1\n3\n2\n", "line 3: 2 comes after 3"},
           {"1\n\nx\n", "line 3: \"x\" is no millisecond"},
           {"-1\n", "line 1: \"-1\" is no millisecond"},
           {"1.5\n", "line 1: \"1.5\" is no millisecond"},
           {"4294967296\n", "line 1: \"4294967296\" is no millisecond"}}) {
    dir.Write("trace", text);
    EXPECT_THAT(Error("trace=" + dir.At("trace")), HasSubstr(dir.At("trace") + ": " + error))
        << text;
  }
}

}  // namespace
}  // namespace warp::tools
