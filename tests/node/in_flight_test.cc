#include "control/in_flight.h"

#include <gtest/gtest.h>

namespace warp::control {
namespace {

using protocol::Instant;
using std::chrono::milliseconds;

Instant At(int ms) { return Instant(milliseconds(ms)); }

TEST(InFlight, GivesNoMoreTicketsThanItsLimit) {
  InFlight in_flight(2);
  EXPECT_TRUE(in_flight.Take(At(10)).has_value());
  EXPECT_EQ(in_flight.free(), 1u);
  EXPECT_TRUE(in_flight.Take(At(10)).has_value());
  EXPECT_FALSE(in_flight.Take(At(10)).has_value());
}

TEST(InFlight, ReleasesATicketOnce) {
  InFlight in_flight(1);
  const InFlight::Ticket ticket = *in_flight.Take(At(10));
  EXPECT_TRUE(in_flight.Release(ticket));
  EXPECT_FALSE(in_flight.Release(ticket));
  EXPECT_EQ(in_flight.busy(), 0u);
}

TEST(InFlight, TellsALateReportFromTheSlotsNewPacket) {
  InFlight in_flight(1);
  const InFlight::Ticket first = *in_flight.Take(At(10));
  in_flight.Release(first);
  const InFlight::Ticket second = *in_flight.Take(At(20));
  EXPECT_EQ(first.slot, second.slot);
  EXPECT_FALSE(in_flight.Deadline(first).has_value());
  EXPECT_FALSE(in_flight.Release(first));
  EXPECT_EQ(in_flight.Deadline(second), At(20));
}

TEST(InFlight, IgnoresSlotsThatNeverWere) {
  InFlight in_flight(4);
  EXPECT_FALSE(in_flight.Release({.slot = 3, .generation = 0}));
}

TEST(InFlight, ExpiresWhatIsPastItsDeadlineAndNoMore) {
  InFlight in_flight(4);
  const InFlight::Ticket released = *in_flight.Take(At(10));
  in_flight.Take(At(10));
  const InFlight::Ticket later = *in_flight.Take(At(20));
  in_flight.Release(released);
  EXPECT_EQ(in_flight.Expire(At(9)), 0u);
  EXPECT_EQ(in_flight.Expire(At(10)), 1u);
  EXPECT_TRUE(in_flight.Deadline(later).has_value());
  EXPECT_EQ(in_flight.Expire(At(20)), 1u);
  EXPECT_EQ(in_flight.busy(), 0u);
}

}  // namespace
}  // namespace warp::control
