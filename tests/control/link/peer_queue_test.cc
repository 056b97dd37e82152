#include "control/link/peer_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace warp::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(PeerQueueTest, GivesEachOnceInOrderAndNoMoreThanAsked) {
  PeerQueue queue;
  for (const wire::PeerId peer : {5, 2, 5, 9}) queue.Add(peer);
  EXPECT_THAT(queue.Take(2), ElementsAre(5, 2));
  EXPECT_FALSE(queue.empty());
  queue.Add(5);
  EXPECT_THAT(queue.Take(9), ElementsAre(9, 5));
  EXPECT_TRUE(queue.empty());
  EXPECT_THAT(queue.Take(9), IsEmpty());
}

TEST(PeerQueueTest, UrgentOnesGoFirst) {
  PeerQueue queue;
  for (const wire::PeerId peer : {1, 2, 3}) queue.Add(peer);
  queue.Add(4, /*urgent=*/true);
  queue.Add(3, /*urgent=*/true);
  queue.Add(4);
  EXPECT_TRUE(queue.has_urgent());
  EXPECT_THAT(queue.Take(3), ElementsAre(4, 3, 1));
  EXPECT_FALSE(queue.has_urgent());
  EXPECT_THAT(queue.Take(3), ElementsAre(2));
  EXPECT_TRUE(queue.empty());
  EXPECT_THAT(queue.Take(3), IsEmpty());
}

// One that turned urgent and was taken may wait again.
TEST(PeerQueueTest, WaitsAgainAfterItWasUrgent) {
  PeerQueue queue;
  queue.Add(1);
  queue.Add(2);
  queue.Add(2, /*urgent=*/true);
  EXPECT_THAT(queue.Take(1), ElementsAre(2));
  queue.Add(2);
  EXPECT_THAT(queue.Take(9), testing::UnorderedElementsAre(1, 2));
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace warp::control
