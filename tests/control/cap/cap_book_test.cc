// The caps of a node in virtual time: what is told, and when the file is due.
#include "control/cap/cap_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "control/config/payer.h"

namespace warp::cap {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kCap = 100'000'000;

class CapBookTest : public testing::Test {
 protected:
  CapBookTest() {
    ports_.resize(3);
    ports_[0].name = "fibre";
    ports_[1].name = "lte0";
    ports_[1].cap = config::CapPolicy{.bytes = kCap, .at_limit = {.act = config::CapAct::kStop}};
    ports_[2].name = "sat";
    ports_[2].cap = config::CapPolicy{.bytes = kCap};
    totals_ = {{"fibre", 0}, {"lte0", 0}, {"sat", 0}};
    Start();
  }
  // The node starts, and finds this file.
  void Start() {
    book_ = std::make_unique<CapBook>(ports_, wire::PublicKey(), absl::UTCTimeZone());
    if (file_.has_value()) book_->Restore(ParseCapRecords(*file_, wire::PublicKey()), Wall());
    for (auto& [port, total] : totals_) total = 0;
    Look();
  }
  absl::Time Wall() const { return wall_ + absl::Nanoseconds(now_.time_since_epoch().count()); }
  // Looks, writes where that is due, and returns whose terms changed.
  std::vector<std::string> Look() {
    std::vector<std::string> changed;
    for (const config::PortConfig* port :
         book_->Look(now_, Wall(), [&](const config::PortConfig& of) -> std::optional<uint64_t> {
           if (!totals_.contains(of.name)) return std::nullopt;
           return totals_[of.name];
         })) {
      changed.push_back(port->name);
    }
    if (book_->due(now_)) {
      ++writings_;
      const std::string text = book_->Take(now_);
      if (disk_.ok()) file_ = text;
      book_->NoteWritten(now_, disk_);
    }
    return changed;
  }
  // So long, with so many bytes a second over the port.
  std::vector<std::string> Run(const std::string& port, uint64_t rate, wire::Duration time) {
    std::vector<std::string> changed;
    for (const Instant end = now_ + time; now_ < end;) {
      now_ += CapBook::kLookInterval;
      totals_[port] += rate / 10;
      for (std::string& name : Look()) changed.push_back(std::move(name));
    }
    return changed;
  }
  uint64_t Used(const std::string& port) const { return book_->Find(port)->used(); }

  std::vector<config::PortConfig> ports_;
  std::unique_ptr<CapBook> book_;
  std::map<std::string, uint64_t> totals_;
  Instant now_{seconds(1000)};
  absl::Time wall_ = absl::FromCivil(absl::CivilDay(2026, 11, 20), absl::UTCTimeZone());
  std::optional<std::string> file_;
  absl::Status disk_;
  int writings_ = 0;
};

TEST_F(CapBookTest, ANodeWithoutCapsHasNothingToDo) {
  for (config::PortConfig& port : ports_) port.cap.reset();
  const CapBook book(ports_, wire::PublicKey(), absl::UTCTimeZone());
  EXPECT_TRUE(book.empty());
  EXPECT_EQ(book.TermsOf(ports_[0]), TermsAsConfigured(ports_[0]));
}

// Whoever pays for the interface pays for the connection as well.
TEST_F(CapBookTest, APortInAConnectionIsUsedOnTheTermsOfItsInterface) {
  ports_[1].device = wire::KernelDevice{.interface = "lte0"};
  const config::PortConfig carried = ports_[1].Carried();
  EXPECT_EQ(carried.name, "lte0/tcp");
  EXPECT_EQ(config::PayerOf(carried), "lte0");
  EXPECT_EQ(config::PayerOf(ports_[1]), "lte0");
  EXPECT_EQ(book_->TermsOf(carried).use, protocol::PortUse::kSparing);
  Run("lte0", kCap / 10, seconds(11));
  EXPECT_EQ(book_->TermsOf(carried).use, protocol::PortUse::kNone);
  EXPECT_EQ(book_->Find("lte0/tcp"), nullptr) << "it has no cap of its own";
}

TEST_F(CapBookTest, TellsWhoseTermsChange) {
  EXPECT_THAT(Run("lte0", kCap / 10, seconds(7)), IsEmpty());
  EXPECT_THAT(Run("lte0", kCap / 10, seconds(2)), ElementsAre("lte0"));
  EXPECT_THAT(Run("lte0", kCap / 10, seconds(2)), ElementsAre("lte0"));
  EXPECT_EQ(book_->TermsOf(ports_[1]).use, protocol::PortUse::kNone);
  EXPECT_EQ(book_->TermsOf(ports_[2]).use, protocol::PortUse::kSparing);
  EXPECT_EQ(book_->TermsOf(ports_[0]).use, protocol::PortUse::kFree);
  // December begins.
  wall_ += absl::Hours(24 * 15);
  EXPECT_THAT(Look(), ElementsAre("lte0"));
  EXPECT_EQ(book_->TermsOf(ports_[1]).use, protocol::PortUse::kSparing);
}

// A modem that is pulled out and put back has carried what it had, whatever stands in its place meanwhile.
TEST_F(CapBookTest, APortOfAPatternIsRememberedByItsNameWhileItIsGone) {
  ports_.resize(1);
  ports_[0].device = wire::KernelDevice{.interface = "wwan*"};
  ports_[0].cap = config::CapPolicy{.bytes = kCap};
  Start();
  EXPECT_FALSE(book_->empty());
  EXPECT_TRUE(book_->caps().empty());
  const config::PortConfig one = ports_[0].PortFor("wwan0"), other = ports_[0].PortFor("wwan1");
  book_->Add(one, Wall());
  totals_["wwan0"] = 0;
  Look();
  Run("wwan0", kCap / 10, seconds(9));
  EXPECT_EQ(book_->TermsOf(one).tier, 2);
  book_->NoteClosing(one, totals_["wwan0"]);
  book_->Remove(one);
  EXPECT_EQ(book_->Find("wwan0"), nullptr);
  book_->Add(other, Wall());
  EXPECT_EQ(Used("wwan1"), 0u);
  Run("fibre", 0, seconds(60));
  Start();  // the file knows it, too
  book_->Add(one, Wall());
  EXPECT_EQ(Used("wwan0"), kCap / 10 * 9);
  EXPECT_EQ(book_->TermsOf(one).tier, 2);
}

TEST_F(CapBookTest, OfPortsThatHaveGoneTheLastOnesAreRemembered) {
  ports_.resize(1);
  ports_[0].device = wire::KernelDevice{.interface = "*"};
  ports_[0].cap = config::CapPolicy{.bytes = kCap};
  Start();
  for (size_t i = 0; i < 2 * kMostRecords; ++i) {
    const config::PortConfig port = ports_[0].PortFor("veth" + std::to_string(i));
    book_->Add(port, Wall());
    ASSERT_EQ(book_->Set(port.name, i), absl::OkStatus());
    book_->Remove(port);
  }
  const auto records = ParseCapRecords(book_->Take(now_), wire::PublicKey());
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), kMostRecords);
  EXPECT_EQ(records->front().port, "veth" + std::to_string(kMostRecords));
}

// The promise: 100 MB at 20 Mb/s, with SIGKILL at half, end at 100 ± 1 MB.
TEST_F(CapBookTest, ForgetsLessThanAMegabyteWhenItIsKilled) {
  constexpr uint64_t kRate = 20'000'000 / 8;
  Run("lte0", kRate, seconds(20));
  EXPECT_EQ(Used("lte0"), 20 * kRate);
  Start();
  EXPECT_GE(Used("lte0"), 20 * kRate - 1'000'000);
  uint64_t carried = 20 * kRate;
  while (book_->TermsOf(ports_[1]).use != protocol::PortUse::kNone) {
    Run("lte0", kRate, CapBook::kLookInterval);
    carried += kRate / 10;
  }
  EXPECT_NEAR(static_cast<double>(carried), kCap, 1e6);
  // It is known at once after the next kill, too.
  Start();
  EXPECT_EQ(book_->TermsOf(ports_[1]).use, protocol::PortUse::kNone);
}

TEST_F(CapBookTest, WritesLittleSeldomAndMuchNotTooOften) {
  Run("lte0", 100, seconds(1));
  writings_ = 0;
  Run("lte0", 100, seconds(600));
  EXPECT_NEAR(writings_, 10, 1);  // each minute
  writings_ = 0;
  Run("lte0", 10 * CapBook::kMostUnsaved / 4, seconds(10));
  EXPECT_NEAR(writings_, 25, 1);  // each kMostUnsaved
  writings_ = 0;
  Run("lte0", 1'000'000'000, seconds(10));
  EXPECT_LE(writings_, 100);  // each 100 ms at most
  writings_ = 0;
  Run("lte0", 0, seconds(600));
  EXPECT_LE(writings_, 1);
}

TEST_F(CapBookTest, WritesNothingWhileTheDiskIsBusy) {
  totals_["lte0"] += CapBook::kMostUnsaved;
  book_->Look(now_, Wall(), [&](const config::PortConfig& of) { return totals_[of.name]; });
  now_ += seconds(1);
  ASSERT_TRUE(book_->due(now_));
  book_->Take(now_);
  now_ += seconds(100);
  totals_["lte0"] += 10 * CapBook::kMostUnsaved;
  book_->Look(now_, Wall(), [&](const config::PortConfig& of) { return totals_[of.name]; });
  EXPECT_FALSE(book_->due(now_));
  EXPECT_THAT(book_->problem(), HasSubstr("the disk hangs"));
  book_->NoteWritten(now_, absl::OkStatus());
  EXPECT_TRUE(book_->due(now_));
  EXPECT_EQ(book_->problem(), "");
}

TEST_F(CapBookTest, ADiskThatCannotBeWrittenIsTriedAgainAndNothingElseSuffers) {
  disk_ = absl::PermissionDeniedError("it is read-only");
  writings_ = 0;
  Run("lte0", kCap / 100, seconds(50));
  EXPECT_NEAR(writings_, 10, 1);  // each kTryAgain
  EXPECT_EQ(book_->problem(), "it is read-only");
  EXPECT_EQ(Used("lte0"), kCap / 2);
  disk_ = absl::OkStatus();
  Run("lte0", 0, seconds(6));
  EXPECT_EQ(book_->problem(), "");
  Start();
  EXPECT_EQ(Used("lte0"), kCap / 2);
}

// Nobody knows what was carried. The other way round it might be carried, and paid for, once more.
TEST_F(CapBookTest, AFileThatCannotBeReadLeavesNothing) {
  file_ = "garbage";
  Start();
  EXPECT_EQ(book_->TermsOf(ports_[1]).use, protocol::PortUse::kNone);
  EXPECT_EQ(book_->TermsOf(ports_[2]).use, protocol::PortUse::kLastResort);
  EXPECT_EQ(book_->TermsOf(ports_[0]).use, protocol::PortUse::kFree);
  EXPECT_THAT(book_->problem(), HasSubstr("no file of data caps"));
  Start();  // what was written meanwhile says the same
  EXPECT_EQ(book_->TermsOf(ports_[1]).use, protocol::PortUse::kNone);
  ASSERT_EQ(book_->Set("lte0", 5), absl::OkStatus());
  ASSERT_EQ(book_->Set("sat", 5), absl::OkStatus());
  EXPECT_THAT(Look(), ElementsAre("lte0", "sat"));
  EXPECT_EQ(book_->problem(), "");
}

TEST_F(CapBookTest, SetsACountAndWritesItAtOnce) {
  Run("lte0", 10'000, seconds(1));
  ASSERT_EQ(book_->Set("lte0", 85'000'000), absl::OkStatus());
  now_ += CapBook::kLookInterval;
  EXPECT_THAT(Look(), ElementsAre("lte0"));
  Start();
  EXPECT_EQ(Used("lte0"), 85'000'000u);
  EXPECT_EQ(book_->Set("lte1", 0).message(),
            "there is no port \"lte1\" with a data cap, did you mean \"lte0\"?");
  EXPECT_THAT(std::string(book_->Set("fibre", 0).message()), HasSubstr("no port \"fibre\""));
}

TEST_F(CapBookTest, APortThatClosesHasCarriedAllItCounted) {
  Run("lte0", 1000, seconds(1));
  totals_["lte0"] += 500;
  book_->NoteClosing(ports_[1], totals_["lte0"]);
  EXPECT_EQ(Used("lte0"), 1500u);
  totals_.erase("lte0");
  Look();
  totals_["lte0"] = 0;  // it is open again
  Look();
  totals_["lte0"] = 30;
  Look();
  EXPECT_EQ(Used("lte0"), 1530u);
}

// What comes before the first look after an opening counts, too.
TEST_F(CapBookTest, APortThatOpensHasCarriedAllThatComesFromThenOn) {
  totals_.erase("lte0");
  book_->NoteClosing(ports_[1], 0);
  Look();
  book_->NoteOpened(ports_[1], 7'000);  // of a device that counts on where it was
  totals_["lte0"] = 7'400;
  Look();
  EXPECT_EQ(Used("lte0"), 400u);
  book_->NoteOpened(ports_[0], 1);  // one without a cap
  // It was opened anew, and nobody has told of its closing.
  book_->NoteOpened(ports_[1], 0);
  totals_["lte0"] = 50;
  Look();
  EXPECT_EQ(Used("lte0"), 450u);
}

// The clock is in December for a moment, and back: what November carries afterwards is not December's.
TEST_F(CapBookTest, AClockThatWasAheadForAMomentLeavesTheNextPeriodAlone) {
  wall_ += absl::Hours(24 * 20);
  Run("lte0", 0, seconds(1));
  wall_ -= absl::Hours(24 * 20);
  Run("lte0", 0, seconds(1));
  for (int day = 0; day < 4; ++day) {
    now_ += std::chrono::hours(24);
    Start();  // in a run of its own each day
    Run("lte0", kCap / 10, seconds(2));
  }
  EXPECT_THAT(Run("lte0", kCap / 10, seconds(3)), ElementsAre("lte0"));
  EXPECT_EQ(book_->TermsOf(ports_[1]).use, protocol::PortUse::kNone);
  // As time goes by, December begins.
  const auto hour = [&] {
    now_ += std::chrono::hours(1);
    Look();
  };
  while (Wall() < absl::FromCivil(absl::CivilDay(2026, 12, 1), absl::UTCTimeZone())) hour();
  EXPECT_EQ(Used("lte0"), 0u);
  EXPECT_EQ(book_->TermsOf(ports_[1]).use, protocol::PortUse::kSparing);
}

TEST_F(CapBookTest, WhatIsLostIsSaidInEachRunUntilItIsKnown) {
  file_ = "garbage";
  Start();
  Start();
  EXPECT_THAT(book_->problem(), HasSubstr("in an earlier run"));
  EXPECT_EQ(Used("lte0"), kCap);
  Run("lte0", 1000, seconds(70));
  EXPECT_GE(writings_, 2);  // what comes is counted, whatever came before
  ASSERT_EQ(book_->Set("lte0", 5), absl::OkStatus());
  ASSERT_EQ(book_->Set("sat", 5), absl::OkStatus());
  Look();
  EXPECT_EQ(book_->problem(), "");
}

// Whoever takes a cap out of the file and puts it back finds what he had.
TEST_F(CapBookTest, RemembersPortsThatHaveNoCapNow) {
  Run("lte0", 1'000'000, seconds(10));
  const auto cap = std::exchange(ports_[1].cap, std::nullopt);
  Start();
  EXPECT_EQ(book_->Find("lte0"), nullptr);
  Run("sat", 1'000'000, seconds(10));
  ports_[1].cap = cap;
  Start();
  EXPECT_NEAR(static_cast<double>(Used("lte0")), 10e6, 1e6);
  EXPECT_NEAR(static_cast<double>(Used("sat")), 10e6, 1e6);
}

}  // namespace
}  // namespace warp::cap
