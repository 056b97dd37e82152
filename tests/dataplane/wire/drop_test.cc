#include "dataplane/wire/drop.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace warp::wire {
namespace {

TEST(Drop, EveryReasonHasANameOfItsOwnAndAMeaning) {
  std::set<std::string> names;
  for (size_t i = 0; i < kDropCount; ++i) {
    const auto drop = static_cast<Drop>(i);
    const std::string name(DropName(drop));
    EXPECT_NE(name, "invalid");
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_GT(DropMeaning(drop).size(), 10u) << name;
  }
  EXPECT_EQ(DropName(Drop::kDuplicate), "duplicate");
  EXPECT_EQ(DropName(Drop::kNone), "invalid");
}

}  // namespace
}  // namespace warp::wire
