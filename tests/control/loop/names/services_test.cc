// Service records as name servers send them, hostile ones among them, and the order in which they are tried.
#include "control/loop/names/services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/control/loop/name_server.h"

namespace warp::control {
namespace {

using ::testing::ElementsAre;

// The answer of a name server to the question for the records of "a".
std::vector<uint8_t> Answer(const std::vector<ServiceRecord>& services) {
  std::vector<uint8_t> answer = {0, 1, 0x85, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 33, 0, 1};
  answer[6] = static_cast<uint8_t>(services.size() >> 8);
  answer[7] = static_cast<uint8_t>(services.size());
  for (const ServiceRecord& service : services) NameServer::Append(service, answer);
  return answer;
}

TEST(Services, AreReadAndSorted) {
  const ServiceRecord one{10, 5, 13116, "m1.example"}, two{20, 0, 7, "m2.example"};
  const auto read = ReadServices(Answer({two, one, two}));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(*read, ElementsAre(one, two));
}

TEST(Services, ADomainMaySayThatItHasNone) {
  EXPECT_TRUE(absl::IsNotFound(ReadServices(Answer({})).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadServices(Answer({{0, 0, 0, ""}})).status()));
}

TEST(Services, WhatLeadsNowhereIsLeftOut) {
  const ServiceRecord good{1, 1, 1, "good.example"};
  const auto read = ReadServices(Answer(
      {{1, 1, 0, "no-port.example"}, {1, 1, 1, "a b"}, {1, 1, 1, "x:13116"}, {0, 0, 1, ""}, good}));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(*read, ElementsAre(good));
  EXPECT_TRUE(absl::IsUnavailable(ReadServices(Answer({{1, 1, 0, "no-port.example"}})).status()));
}

TEST(Services, AnAnswerThatIsCutOffIsNone) {
  const std::vector<uint8_t> whole = Answer({{1, 1, 1, "m1.example"}, {2, 1, 1, "m2.example"}});
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(ReadServices({whole.data(), size}).ok()) << size;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::vector<uint8_t> changed = whole;
    for (int value = 0; value < 256; ++value) {
      changed[at] = static_cast<uint8_t>(value);
      (void)ReadServices(changed);
    }
  }
}

// A target whose name points at itself.
TEST(Services, ACircleOfNamesEnds) {
  std::vector<uint8_t> answer = Answer({{1, 1, 1, ""}});
  answer.pop_back();
  const auto at = static_cast<uint8_t>(answer.size());
  answer[at - 7] = 8;  // the length of its data
  answer.push_back(0xc0);
  answer.push_back(at);
  EXPECT_FALSE(ReadServices(answer).ok());
}

TEST(Services, AThousandAreNotAllTried) {
  std::vector<ServiceRecord> services;
  for (uint16_t i = 0; i < 1000; ++i) services.push_back({i, 1, 1, absl::StrCat("m", i)});
  const auto read = ReadServices(Answer(services));
  ASSERT_TRUE(read.ok()) << read.status();
  const std::vector<ServiceRecord> order = InOrder(*read, [](uint32_t) { return 0; });
  ASSERT_EQ(order.size(), kMostServices);
  for (uint16_t i = 0; i < kMostServices; ++i) EXPECT_EQ(order[i].priority, i);
}

TEST(Services, OfOnePriorityTheWeightDecides) {
  const ServiceRecord none{1, 0, 1, "none"}, light{1, 10, 1, "light"}, heavy{1, 90, 1, "heavy"},
      last{2, 65535, 1, "last"};
  // RFC 2782: the first whose running sum is not below the number.
  std::vector<uint32_t> most;
  const auto with = [&](uint32_t number) {
    most.clear();
    return InOrder({last, heavy, none, light}, [&, number](uint32_t up_to) {
      most.push_back(up_to);
      return std::min(number, up_to);
    });
  };
  EXPECT_THAT(with(0), ElementsAre(none, light, heavy, last));
  EXPECT_THAT(most, ElementsAre(100, 100, 90, 65535));
  EXPECT_THAT(with(10), ElementsAre(light, heavy, none, last));
  EXPECT_THAT(with(11), ElementsAre(heavy, light, none, last));
  EXPECT_THAT(with(100), ElementsAre(heavy, light, none, last));
}

}  // namespace
}  // namespace warp::control
