#include "dataplane/wire/fragment.h"

#include <gtest/gtest.h>

namespace warp::wire {
namespace {

TEST(Fragment, PiecesAreEvenAndCoverThePayload) {
  for (const size_t max_plaintext : {9, 10, 64, 500, 1400, 1472, 8972}) {
    for (size_t size = 2; size <= kMaxPayloadSize; size += 1 + size / 7) {
      const std::optional<FragmentPlan> plan = PlanFragments(size, max_plaintext);
      const size_t room = max_plaintext - kFragmentHeaderSize;
      if (!plan) {
        ASSERT_GT(size, room * kMaxFragments);
        continue;
      }
      ASSERT_GE(plan->count, 2);
      size_t total = 0;
      for (int i = 0; i < plan->count; ++i) {
        const auto index = static_cast<uint8_t>(i);
        ASSERT_EQ(plan->OffsetOf(index), total);
        const size_t piece = plan->SizeOf(index);
        ASSERT_GE(piece, 1u);
        ASSERT_LE(piece, room);
        ASSERT_LE(piece, plan->chunk);
        if (i + 1 < plan->count) {
          ASSERT_EQ(piece, plan->chunk);
        }
        total += piece;
      }
      ASSERT_EQ(total, size);
    }
  }
}

TEST(Fragment, NoMoreThanNeeded) {
  EXPECT_EQ(PlanFragments(2800, 1408)->count, 2);
  EXPECT_EQ(PlanFragments(2801, 1408)->count, 3);
  // Three equal chunks rather than 1400, 1400 and 1.
  EXPECT_EQ(PlanFragments(2801, 1408)->chunk, 934);
  EXPECT_EQ(PlanFragments(kMaxPayloadSize, 1408)->count, 47);
}

TEST(Fragment, RefusesWhatCannotBe) {
  EXPECT_FALSE(PlanFragments(0, 1400));
  EXPECT_FALSE(PlanFragments(1, 1400));
  EXPECT_FALSE(PlanFragments(kMaxPayloadSize + 1, 9000));
  EXPECT_FALSE(PlanFragments(100, kFragmentHeaderSize));
  EXPECT_FALSE(PlanFragments(100, 0));
  EXPECT_TRUE(PlanFragments(255, kFragmentHeaderSize + 1));
  EXPECT_FALSE(PlanFragments(256, kFragmentHeaderSize + 1));
}

TEST(Fragment, FitsByItsInnerHeader) {
  EXPECT_TRUE(FitsUnfragmented(1396, 1400));
  EXPECT_FALSE(FitsUnfragmented(1397, 1400));
  EXPECT_TRUE(FitsUnfragmented(0, 4));
}

TEST(Fragment, SequencedOnesLeaveRoomForTheirHeaders) {
  EXPECT_TRUE(FitsUnfragmented(1392, 1400, kSequencedHeaderSize));
  EXPECT_FALSE(FitsUnfragmented(1393, 1400, kSequencedHeaderSize));
  const auto plan = PlanFragments(2792, 1408, kSequencedFragmentHeaderSize);
  EXPECT_EQ(plan->count, 2);
  EXPECT_EQ(PlanFragments(2793, 1408, kSequencedFragmentHeaderSize)->count, 3);
  const SequencedHeader payload{.tunnel_id = 77, .sequence = 5};
  const SequencedFragmentHeader header = plan->HeaderOf(1, payload);
  EXPECT_EQ(header.payload, payload);
  EXPECT_EQ(header.index, 1);
  EXPECT_EQ(header.count, 2);
  EXPECT_EQ(header.chunk, 1396);
}

TEST(Fragment, HeadersSayThePlan) {
  const FragmentHeader header = PlanFragments(2801, 1408)->HeaderOf(2, 77);
  EXPECT_EQ(header.tunnel_id, 77);
  EXPECT_EQ(header.index, 2);
  EXPECT_EQ(header.count, 3);
  EXPECT_EQ(header.chunk, 934);
}

}  // namespace
}  // namespace warp::wire
