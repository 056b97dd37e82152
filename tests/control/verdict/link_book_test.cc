#include "control/verdict/link_book.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "control/verdict/verdict.h"
#include "dataplane/facade/counters.h"

namespace warp::verdict {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

class LinkBookTest : public ::testing::Test {
 protected:
  LinkBookTest() {
    peer_.id = 3;
    peer_.paths = {{.id = 1, .port = 0}, {.id = 2, .port = 1}};
  }
  void Look() {
    book_.Look(
        peer_, [this](wire::PortId port) { return names_[port]; },
        [this](wire::PathId path) -> const lcore::PathCounters* {
          const auto found = counters_.find(path);
          return found == counters_.end() ? nullptr : &found->second;
        });
  }
  LinkTotals Of(const std::string& port) const {
    const auto found = book_.Of(3).find(port);
    return found == book_.Of(3).end() ? LinkTotals() : found->second;
  }

  LinkBook book_;
  protocol::PeerStatus peer_;
  std::map<wire::PortId, std::string> names_ = {{0, "fibre"}, {1, "lte"}};
  std::map<wire::PathId, lcore::PathCounters> counters_;
};

TEST_F(LinkBookTest, AddsUpOverPathsThatComeAndGo) {
  counters_[1].rx_first.Add(10);
  counters_[1].rx_bytes.Add(1000);
  counters_[2].rx_duplicate.Add(10);
  Look();
  counters_[1].rx_first.Add(5);
  Look();
  Look();
  EXPECT_EQ(Of("fibre").first, 15u);
  EXPECT_EQ(Of("fibre").rx_bytes, 1000u);
  EXPECT_EQ(Of("lte").duplicates, 10u);
  // The path is found again, with a new number and new counters.
  counters_.erase(1);
  peer_.paths[0] = {.id = 9, .port = 0};
  Look();
  counters_[9].rx_first.Add(2);
  Look();
  EXPECT_EQ(Of("fibre").first, 17u);
  EXPECT_EQ(book_.all().at("fibre").first, 17u);
  EXPECT_TRUE(book_.Of(4).empty());
  // What links did for a peer that has gone, they have done.
  book_.Forget(3);
  EXPECT_TRUE(book_.Of(3).empty());
  EXPECT_EQ(book_.all().at("fibre").first, 17u);
}

TEST_F(LinkBookTest, ControlMessagesAreNoPayloads) {
  counters_[1].rx_first.Add(10);
  peer_.paths[0].control = 4;
  Look();
  EXPECT_EQ(Of("fibre").first, 6u);
  // Counters of two threads: one may be ahead of the other.
  peer_.paths[0].control = 12;
  Look();
  EXPECT_EQ(Of("fibre").first, 6u);
  counters_[1].rx_first.Add(10);
  Look();
  EXPECT_EQ(Of("fibre").first, 8u);
}

// The port is closed, but its path is still there for a moment.
TEST_F(LinkBookTest, KnowsAPathsLinkAfterItsPortIsClosed) {
  counters_[1].rx_first.Add(1);
  Look();
  names_.erase(0);
  counters_[1].rx_first.Add(1);
  Look();
  EXPECT_EQ(Of("fibre").first, 2u);
  EXPECT_EQ(book_.Of(3).size(), 1u);
}

// What another path still may bring is not counted as lost: a set of counters counts when it stands still.
TEST_F(LinkBookTest, WhatNobodyElseBroughtCountsWhenNothingIsUnderWay) {
  Look();
  counters_[1].sampled_first[0].Add(10);
  for (int i = 0; i < 7; ++i) counters_[1].sampled_paired[0].Add();
  counters_[1].rx_first.Add(1000);
  Look();
  EXPECT_EQ(Of("fibre").sole, 0u);
  for (int i = 0; i < 2; ++i) counters_[1].sampled_paired[0].Add();
  counters_[1].sampled_first[1].Add(5);  // the other set has its turn
  Look();
  EXPECT_EQ(Of("fibre").sole, lcore::kFirstSampling);
  Look();
  EXPECT_EQ(Of("fibre").sole, 6 * lcore::kFirstSampling);
  for (int i = 0; i < 5; ++i) counters_[1].sampled_paired[1].Add();  // very late
  Look();
  EXPECT_EQ(Of("fibre").sole, 6 * lcore::kFirstSampling) << "counters only grow";
}

// Modems that are plugged in again and again have a new name each time.
TEST_F(LinkBookTest, NamesThatComeAndGoAreBounded) {
  counters_[1].rx_first.Add(10);
  Look();
  peer_.paths.pop_back();
  for (wire::PathId id = 10; id < 10 + 2 * LinkBook::kMostLinks; ++id) {
    names_[1] = "usb" + std::to_string(id);
    peer_.paths.resize(1);
    peer_.paths.push_back({.id = id, .port = 1});
    counters_[id].rx_first.Add(1);
    Look();
    counters_.erase(id);
  }
  EXPECT_EQ(book_.all().size(), LinkBook::kMostLinks);
  EXPECT_EQ(book_.Of(3).size(), LinkBook::kMostLinks);
  EXPECT_EQ(Of("fibre").first, 10u) << "its path is there";
  EXPECT_EQ(Of("usb10").first, 0u);
  EXPECT_EQ(Of(names_[1]).first, 1u);
}

TEST(VerdictTest, Judges) {
  LinkTotals fibre{.first = 900, .duplicates = 90, .sole = 32};
  LinkTotals lte{.first = 100, .duplicates = 800};
  for (int i = 0; i < 10; ++i) lte.skew[lcore::SkewClassOf(30'000'000)] += 1;
  LinkTotals all = fibre;
  all += lte;
  const Verdict good = Judge(fibre, all), late = Judge(lte, all);
  EXPECT_DOUBLE_EQ(good.first_share, 0.9);
  EXPECT_DOUBLE_EQ(good.sole_share, 0.032);
  EXPECT_FALSE(good.skew.has_value());
  EXPECT_DOUBLE_EQ(late.first_share, 0.1);
  ASSERT_TRUE(late.skew.has_value());
  EXPECT_GT(*late.skew, milliseconds(20));
  EXPECT_LT(*late.skew, milliseconds(40));
  EXPECT_DOUBLE_EQ(CopiesOf(all), 1.89);
  EXPECT_EQ(Judge({}, {}).first_share, 0);
  EXPECT_EQ(CopiesOf({}), 0);
}

TEST(SkewHistogramTest, ClassesCoverAllLagsInOrder) {
  EXPECT_EQ(lcore::SkewClassOf(0), 0u);
  EXPECT_EQ(lcore::SkewClassOf(UINT64_MAX), lcore::kSkewClasses - 1);
  for (size_t i = 0; i + 1 < lcore::kSkewClasses; ++i) {
    EXPECT_EQ(lcore::SkewClassOf(lcore::SkewClassBegin(i)), i);
    EXPECT_EQ(lcore::SkewClassOf(lcore::SkewClassBegin(i + 1) - 1), i);
  }
}

TEST(SkewHistogramTest, TheMedianIsNotTheMean) {
  lcore::SkewHistogram histogram;
  EXPECT_FALSE(lcore::MedianOf(histogram.Get()).has_value());
  for (int i = 0; i < 99; ++i) histogram.Add(1'000'000);
  histogram.Add(1'000'000'000);
  EXPECT_EQ(histogram.samples(), 100u);
  const double median = static_cast<double>(*lcore::MedianOf(histogram.Get()));
  EXPECT_NEAR(median, 1e6, 0.34e6);
}

}  // namespace
}  // namespace warp::verdict
