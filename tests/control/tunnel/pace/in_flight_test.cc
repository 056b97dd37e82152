#include "control/tunnel/pace/in_flight.h"

#include <gtest/gtest.h>

namespace warp::control {
namespace {

using std::chrono::milliseconds;
using wire::Instant;

constexpr uint16_t kTunnel = 0xfffe;

Instant At(int ms) { return Instant(milliseconds(ms)); }
InFlight::Origin Due(int ms) { return {.deadline = At(ms)}; }

TEST(InFlight, CountsItsFreeSlots) {
  InFlight in_flight(kTunnel, 2);
  const wire::SlotTicket first = in_flight.Take(Due(10));
  EXPECT_EQ(in_flight.free(), 1u);
  EXPECT_NE(in_flight.Take(Due(10)).slot, first.slot);
  EXPECT_EQ(in_flight.free(), 0u);
  in_flight.Release(first);
  EXPECT_EQ(in_flight.free(), 1u);
}

TEST(InFlight, ReleasesATicketOnce) {
  InFlight in_flight(kTunnel, 1);
  const wire::SlotTicket ticket = in_flight.Take(Due(10));
  EXPECT_TRUE(in_flight.Release(ticket).held);
  EXPECT_FALSE(in_flight.Release(ticket).held);
  EXPECT_EQ(in_flight.busy(), 0u);
}

TEST(InFlight, TellsALateReportFromTheSlotsNewPacket) {
  InFlight in_flight(kTunnel, 1);
  const wire::SlotTicket first = in_flight.Take(Due(10));
  in_flight.Release(first);
  const wire::SlotTicket second = in_flight.Take(Due(20));
  EXPECT_EQ(first.slot, second.slot);
  EXPECT_FALSE(in_flight.Find(first).has_value());
  EXPECT_FALSE(in_flight.Release(first).held);
  EXPECT_EQ(in_flight.Find(second)->deadline, At(20));
}

TEST(InFlight, IgnoresSlotsThatNeverWere) {
  InFlight in_flight(kTunnel, 4);
  EXPECT_FALSE(in_flight.Release(wire::SlotTicket::Of(kTunnel, 3, 0)).held);
}

TEST(InFlight, IgnoresTheTicketsOfOtherTunnels) {
  InFlight in_flight(kTunnel, 4);
  InFlight other(kTunnel + 1, 4);
  const wire::SlotTicket ticket = in_flight.Take(Due(10));
  const wire::SlotTicket foreign = other.Take(Due(10));
  EXPECT_EQ(ticket.tunnel(), kTunnel);
  EXPECT_EQ(foreign.tunnel(), kTunnel + 1);
  EXPECT_FALSE(in_flight.Find(foreign).has_value());
  EXPECT_FALSE(in_flight.Release(foreign).held);
  EXPECT_TRUE(in_flight.Release(ticket).held);
}

// InFlight asserts what its callers must guarantee: Take needs a free slot, and Withdraw needs a ticket that is held.
TEST(InFlightDeathTest, AsksOnlyForWhatIsThere) {
  InFlight in_flight(kTunnel, 1);
  const wire::SlotTicket ticket = in_flight.Take(Due(10));
  EXPECT_DEATH(in_flight.Take(Due(10)), "free\\(\\) > 0");
  in_flight.Release(ticket);
  EXPECT_DEATH(in_flight.Withdraw(ticket), "Holds");
  EXPECT_DEATH(in_flight.Withdraw(wire::SlotTicket::Of(kTunnel, 7, 0)), "Holds");
}

TEST(InFlight, WhatIsOverdueHoldsItsSlotAndLimitsNothing) {
  InFlight in_flight(kTunnel, 2);
  const wire::SlotTicket whole = in_flight.Take(Due(10));
  const wire::SlotTicket newer = in_flight.Take(Due(20));
  EXPECT_TRUE(in_flight.MakeOverdue(whole));
  EXPECT_EQ(in_flight.free(), 1u);
  EXPECT_EQ(in_flight.busy(), 1u);
  EXPECT_EQ(in_flight.unreported(), 1u);
  EXPECT_EQ(in_flight.overdue(), 1u);
  EXPECT_EQ(in_flight.NextDeadline(), At(20));
  in_flight.Take(Due(30));
  const InFlight::Released released = in_flight.Release(whole, wire::Drop::kDeadline);
  EXPECT_TRUE(released.done && released.was_overdue);
  EXPECT_EQ(released.lost, wire::Drop::kDeadline);
  EXPECT_EQ(in_flight.overdue(), 0u);
  EXPECT_EQ(in_flight.free(), 0u);
  EXPECT_FALSE(in_flight.Release(newer).was_overdue);
}

TEST(InFlight, APayloadOfSeveralPacketsIsOverdueOnce) {
  InFlight in_flight(kTunnel, 3);
  const InFlight::Payload payload = in_flight.Begin(2, {});
  const wire::SlotTicket first = in_flight.Take(Due(10), payload);
  const wire::SlotTicket second = in_flight.Take(Due(10), payload);
  EXPECT_TRUE(in_flight.MakeOverdue(first));
  EXPECT_FALSE(in_flight.MakeOverdue(second));
  EXPECT_FALSE(in_flight.Release(first).done);
  const InFlight::Released released = in_flight.Release(second, wire::Drop::kDeadline);
  EXPECT_TRUE(released.done && released.was_overdue);
}

TEST(InFlight, ShowsWhatIsPastItsDeadlineAndNoMore) {
  InFlight in_flight(kTunnel, 4);
  const wire::SlotTicket released = in_flight.Take(Due(10));
  const wire::SlotTicket first = in_flight.Take(Due(10));
  const wire::SlotTicket later = in_flight.Take(Due(20));
  in_flight.Release(released);
  EXPECT_EQ(in_flight.NextDeadline(), At(10));
  EXPECT_FALSE(in_flight.Expired(At(9)).has_value());
  EXPECT_EQ(in_flight.Expired(At(10))->slot, first.slot);
  in_flight.Release(first);
  EXPECT_FALSE(in_flight.Expired(At(19)).has_value());
  EXPECT_EQ(in_flight.Expired(At(20))->slot, later.slot);
  in_flight.Release(later);
  EXPECT_EQ(in_flight.NextDeadline(), wire::kNever);
}

TEST(InFlight, APayloadIsDoneWithTheLastOfItsPackets) {
  InFlight in_flight(kTunnel, 8);
  const InFlight::Payload cut = in_flight.Begin(3, {});
  const wire::SlotTicket a = in_flight.Take(Due(10), cut);
  const wire::SlotTicket b = in_flight.Take(Due(10), cut);
  const wire::SlotTicket whole = in_flight.Take(Due(10));
  const wire::SlotTicket c = in_flight.Take(Due(10), cut);
  EXPECT_FALSE(in_flight.Release(b).done);
  EXPECT_TRUE(in_flight.Release(whole).done);
  EXPECT_FALSE(in_flight.Release(a).done);
  const InFlight::Released last = in_flight.Release(c);
  EXPECT_TRUE(last.done);
  EXPECT_EQ(last.lost, wire::Drop::kNone);
}

TEST(InFlight, APayloadIsLostForTheFirstReason) {
  InFlight in_flight(kTunnel, 8);
  const InFlight::Payload cut = in_flight.Begin(3, {});
  const wire::SlotTicket a = in_flight.Take(Due(10), cut);
  const wire::SlotTicket b = in_flight.Take(Due(10), cut);
  const wire::SlotTicket c = in_flight.Take(Due(10), cut);
  in_flight.Release(a, wire::Drop::kRingFull);
  in_flight.Release(b, wire::Drop::kDeadline);
  EXPECT_EQ(in_flight.Release(c).lost, wire::Drop::kRingFull);
}

TEST(InFlight, KnowsHowManyNobodyReportedAbout) {
  InFlight in_flight(kTunnel, 8);
  const wire::SlotTicket a = in_flight.Take(Due(10));
  const wire::SlotTicket b = in_flight.Take(Due(10));
  EXPECT_EQ(in_flight.unreported(), 2u);
  in_flight.NoteReport(a);
  in_flight.NoteReport(a);
  EXPECT_EQ(in_flight.unreported(), 1u);
  in_flight.NoteAgain(a);
  EXPECT_EQ(in_flight.unreported(), 2u);
  in_flight.NoteReport(a);
  in_flight.Release(a);
  in_flight.Release(b);
  EXPECT_EQ(in_flight.unreported(), 0u);
}

// A payload that is withdrawn counts neither as sent nor as lost. It starts again as a payload that is older than
// those in flight.
TEST(InFlight, WithdrawsAPayloadWithAllItsPackets) {
  InFlight in_flight(kTunnel, 4);
  const std::vector<uint8_t> bytes = {1, 2, 3};
  const InFlight::Payload cut = in_flight.Begin(3, bytes);
  const wire::SlotTicket a = in_flight.Take(Due(10), cut);
  const wire::SlotTicket whole = in_flight.Take(Due(20));
  const wire::SlotTicket b = in_flight.Take(Due(10), cut);
  const wire::SlotTicket c = in_flight.Take(Due(10), cut);
  in_flight.Release(a);
  in_flight.NoteReport(b);
  EXPECT_EQ(in_flight.Withdraw(b), bytes);
  EXPECT_FALSE(in_flight.Find(c).has_value());
  EXPECT_FALSE(in_flight.Release(c).held);
  EXPECT_EQ(in_flight.unreported(), 1u);
  EXPECT_EQ(in_flight.Withdraw(whole), std::nullopt);
  EXPECT_EQ(in_flight.free(), 4u);
  EXPECT_EQ(in_flight.unreported(), 0u);
  EXPECT_EQ(in_flight.Begin(2, {}), cut);
}

TEST(InFlight, ExpiresTheOldestFirstInWhateverOrderTheyCame) {
  InFlight in_flight(kTunnel, 4);
  for (const int ms : {20, 10, 30, 10}) in_flight.Take(Due(ms));
  for (const int ms : {10, 10, 20, 30}) {
    EXPECT_EQ(in_flight.NextDeadline(), At(ms));
    in_flight.Release(*in_flight.Expired(At(ms)));
  }
}

// Whoever has its index next is told from it by the generations of tickets.
TEST(InFlight, TicketsOfTheNextOneAreOthers) {
  InFlight before(kTunnel, 2);
  const wire::SlotTicket late = before.Take(Due(10));
  for (int i = 0; i < 3; ++i) before.Release(before.Take(Due(10)));
  InFlight after(kTunnel, 2, before.next_generation());
  for (int i = 0; i < 2; ++i) {
    const wire::SlotTicket ticket = after.Take(Due(20));
    EXPECT_GT(ticket.generation, 3u);
    EXPECT_NE(ticket, late);
  }
  EXPECT_FALSE(after.Find(late).has_value());
}

}  // namespace
}  // namespace warp::control
