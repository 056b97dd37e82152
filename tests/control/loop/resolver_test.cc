#include "control/loop/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/control/turning.h"

namespace warp::control {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Result = absl::StatusOr<std::vector<wire::Endpoint>>;

class ResolverTest : public ::testing::Test {
 protected:
  void Open(const ResolverOptions& options = {}) {
    auto resolver = Resolver::Open(*loop_, options);
    ASSERT_TRUE(resolver.ok()) << resolver.status();
    resolver_ = *std::move(resolver);
  }
  std::unique_ptr<Subscription> Watch(const char* name) {
    return resolver_->Watch(name, [this](const Result& result) {
      result_ = result;
      ++told_;
    });
  }
  bool Turn(const std::function<bool()>& happened) { return TurnUntil(*loop_, happened); }

  std::unique_ptr<Loop> loop_ = MakeLoop();
  std::unique_ptr<Resolver> resolver_;
  std::optional<Result> result_;
  int told_ = 0;
};

TEST_F(ResolverTest, FindsANameOfTheHostsFile) {
  Open();
  const auto watch = Watch("localhost:13116");
  EXPECT_FALSE(result_.has_value());  // the answer never comes from within the call
  ASSERT_TRUE(Turn([&] { return result_.has_value(); }));
  ASSERT_TRUE(result_->ok()) << result_->status();
  EXPECT_THAT(**result_, Contains(*wire::Endpoint::Parse("127.0.0.1:13116")));
}

TEST_F(ResolverTest, AddressesAreTheirOwnAnswer) {
  Open();
  for (const char* text : {"192.0.2.1:13116", "[2001:db8::1]:7"}) {
    result_.reset();
    const auto watch = Watch(text);
    ASSERT_TRUE(Turn([&] { return result_.has_value(); }));
    EXPECT_THAT(**result_, ElementsAre(*wire::Endpoint::Parse(text)));
  }
}

TEST_F(ResolverTest, SaysWhatIsWrong) {
  Open({.refresh = std::chrono::hours(1), .retry = std::chrono::milliseconds(5)});
  {
    const auto watch = Watch("no-such-name.invalid:13116");
    ASSERT_TRUE(Turn([&] { return result_.has_value(); }));
    EXPECT_EQ(result_->status().code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(result_->status().message()),
                HasSubstr("cannot resolve no-such-name.invalid"));
    Settle(*loop_);
    EXPECT_EQ(told_, 1);  // the failure is reported once, however often the name is tried again
  }
  for (const char* text :
       {"localhost", "localhost:0", "localhost:65536", "localhost:x", ":13116", ""}) {
    result_.reset();
    const auto watch = Watch(text);
    ASSERT_TRUE(Turn([&] { return result_.has_value(); }));
    EXPECT_EQ(result_->status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST_F(ResolverTest, AsksAgainAndTellsOnlyNews) {
  Open({.refresh = std::chrono::milliseconds(1), .retry = std::chrono::milliseconds(1)});
  const auto watch = Watch("localhost:13116");
  ASSERT_TRUE(Turn([&] { return told_ > 0; }));
  Settle(*loop_);
  EXPECT_EQ(told_, 1);
}

TEST_F(ResolverTest, SubscriptionsEnd) {
  Open();
  Watch("localhost:13116").reset();
  std::unique_ptr<Subscription> self;
  int told = 0;
  self = resolver_->Watch("localhost:13116", [&](const Result&) {
    ++told;
    self.reset();
  });
  ASSERT_TRUE(Turn([&] { return told == 1; }));
  Settle(*loop_);
  EXPECT_EQ(told_, 0);
  const auto late = Watch("localhost:13116");
  (void)late;
  // The resolver may end while a question is on its way. Subscriptions must end before the resolver does.
}

}  // namespace
}  // namespace warp::control
