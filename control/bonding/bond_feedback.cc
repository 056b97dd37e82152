// What became of what was sent, by the receiver's feedback.
#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

#include "control/bonding/bond.h"

namespace warp::bonding {
namespace {

using std::chrono::microseconds;

// So many lost in a row are a run.
constexpr uint32_t kRun = 3;
constexpr double kLossWeight = 1.0 / 256;
// Of what one feedback settles, the share of losses from which kRun of them are a run.
constexpr double kRunShare = 0.25;
// Messages that come so soon after one another are of one feedback.
constexpr Duration kOneFeedback = std::chrono::milliseconds(4);
// A peer that tells nothing for longer, though it should, is out of reach.
constexpr Duration kLongestSpacing = std::chrono::milliseconds(250);
// By so much may what is settled and what was counted differ, because they are not taken at the same moment.
constexpr uint32_t kUneven = 2;
// By so much may the time between two feedbacks differ at both ends: what a queue on the way back may hold up.
constexpr Duration kClockSlack = std::chrono::seconds(1);
constexpr Duration kBelievedAfter = std::chrono::seconds(2);
// More bytes than were sent may arrive where control messages and probes came as well.
constexpr uint64_t kOtherBytes = 1u << 20;

}  // namespace

void Bond::NoteSent(Instant now, const Grant& grant, uint64_t session, uint64_t first,
                    std::span<const uint32_t> sizes) {
  const uint32_t size = std::accumulate(sizes.begin(), sizes.end(), uint32_t{0});
  if (Flow* const flow = Find(grant.flow)) Pay(now, *flow, grant, size);
  if (session == 0) return;
  if (session > session_) {
    session_before_ = std::exchange(session_, session);
    highest_before_ = std::exchange(highest_, 0);
  }
  if (session == session_) highest_ = std::max(highest_, first + sizes.size() - 1);
  const PathMask present = grant.paths & mask_;
  if (present == 0) return;
  const auto paths = static_cast<uint8_t>(std::popcount(present));
  Record record{.session = session,
                .counter = first,
                .number = grant.number,
                .sent = now,
                .taken = grant.taken,
                .first = first,
                .size = size,
                .flow = grant.flow,
                .pieces = static_cast<uint8_t>(sizes.size()),
                .copied = paths > 1,
                .parity = grant.parity != 0};
  for (; record.counter < first + sizes.size(); ++record.counter) {
    for (PathMask left = present; left != 0; left &= left - 1) {
      BondPath& path = PathOf(static_cast<wire::PathSlot>(std::countr_zero(left)));
      record.idle = path.clock.idle();
      const auto forgotten = path.flight.Add(record);
      if (forgotten && !forgotten->given_up && LastCopy(*forgotten))
        pieces_.erase({forgotten->session, forgotten->first});
    }
    if (paths > 1) copies_[{session, record.counter}] = paths;
  }
  if (sizes.size() > 1) pieces_[{session, first}] = record.pieces;
  next_check_ = std::min(next_check_, now + kCheckInterval);
}

void Bond::HandleFeedback(Instant now, uint64_t session, const protocol::Feedback& feedback) {
  if (session != session_ && session != session_before_) return;
  if (!ReadClock(now, session, feedback.time)) return;
  NoteSpacing(now);
  const Delivered delivered(feedback.base, feedback.words);
  if (!feedback.words.empty() && feedback.base > HighestOf(session)) {
    ++impossible_;
    return;
  }
  for (const protocol::PathFeedback& one : feedback.paths) HandlePath(now, session, one, delivered);
  if (session != session_ && !feedback.words.empty()) SettleOvertaken(now, session, delivered);
  UpdateSuspicion();
  Duration least = Duration::max();
  under_way_ = false;
  const PathMask dead = AllSilent(mask_) ? 0 : silent_;
  for (const wire::PathSlot slot : order_) {
    BondPath& path = PathOf(slot);
    under_way_ |= !path.flight.empty() && (dead & wire::MaskOf(slot)) == 0;
    path.capacity.LapseFloor(now);
    if (!path.capacity.has_floor() || path.capacity.floor() >= least) continue;
    least = least_floor_ = path.capacity.floor();
    least_trip_ = path.spec.round_trip;
    least_way_ = path.capacity.round_trip() / 2;
  }
}

// The less comes, the less often the peer tells what became of it; so how long it may tell nothing follows from what it
// does. Where nothing was under way it had nothing to tell; nor of what a dead path has, while others live.
void Bond::NoteSpacing(Instant now) {
  const Duration gap = now - std::exchange(heard_, now);
  if (!under_way_ || gap < kOneFeedback || gap > kLongestSpacing) return;
  spacing_ = std::max(gap, spacing_ - spacing_ / 64);
}

// The receiver's clock goes as ours does, from whatever beginning; it begins anew only where the peer does, and then
// there is another session. False: the feedback was overtaken by another one, or it cannot be true.
bool Bond::ReadClock(Instant now, uint64_t session, uint32_t time) {
  const auto step = static_cast<int32_t>(time - time_);
  const Duration clock = clock_ + microseconds(step);
  const Duration off =
      clock_read_ == Instant{} ? Duration::zero() : clock - clock_ - (now - clock_read_);
  if (session == session_ && clock_session_ != session_) {
    // Floors are by the old clock.
    if (clock_session_ == 0) {
      clock_ = microseconds(time);
    } else {
      clock_ = clock;
      if (off > kClockSlack || off < -kClockSlack) {
        for (const wire::PathSlot slot : order_) {
          PathOf(slot).capacity.Restart(now);
          PathOf(slot).capacity.ForgetFloor();
        }
      }
    }
    clock_session_ = session_;
  } else if (off > kClockSlack || off < -kClockSlack) {
    if (session != session_) return false;  // of a receiver that was there before this one
    ++impossible_;
    return BelieveClock(now, time);
  } else if (step < 0) {
    return false;
  } else {
    clock_ = clock;
  }
  clock_read_ = now;
  time_ = time;
  doubted_ = {};
  return true;
}

// The way back may have become longer for good, or nothing may have come for half an hour. A clock that has gone on
// evenly for some seconds from where it jumped to is believed there; one that jumps each time never is.
bool Bond::BelieveClock(Instant now, uint32_t time) {
  const auto step = microseconds(static_cast<int32_t>(time - doubted_.time));
  const Duration off = step - (now - doubted_.read);
  if (doubted_.since == Instant{} || off > kClockSlack || off < -kClockSlack) doubted_.since = now;
  doubted_.read = now;
  doubted_.time = time;
  if (now - doubted_.since < kBelievedAfter) return false;
  clock_ = microseconds(time);
  clock_read_ = now;
  time_ = time;
  doubted_ = {};
  for (const wire::PathSlot slot : order_) {
    PathOf(slot).capacity.Restart(now);
    PathOf(slot).capacity.ForgetFloor();
  }
  return true;
}

void Bond::HandlePath(Instant now, uint64_t session, const protocol::PathFeedback& one,
                      const Delivered& delivered) {
  const auto slot = std::find_if(order_.begin(), order_.end(), [&](wire::PathSlot candidate) {
    const PathSpec& spec = PathOf(candidate).spec;
    return spec.port == one.from && spec.remote_port == one.to;
  });
  if (slot == order_.end()) return;
  BondPath& path = PathOf(*slot);
  // The counter whose low half is named, near the words.
  const uint64_t near = delivered.end();
  uint64_t newest = (near & ~uint64_t{UINT32_MAX}) | one.newest;
  if (newest > near + (uint64_t{1} << 31) && newest >= uint64_t{1} << 32)
    newest -= uint64_t{1} << 32;
  if (newest > HighestOf(session)) {
    ++impossible_;
    return;
  }
  path.arrived_bytes += path.said ? one.bytes - path.said_bytes : 0;
  path.said_bytes = one.bytes;
  const uint32_t packets = path.said ? one.packets - path.said_packets : 0;
  path.said_packets = one.packets;
  path.said = true;
  if (path.arrived_bytes > path.sent_bytes + kOtherBytes) {
    ++impossible_;
    path.arrived_bytes = path.sent_bytes;
    return;
  }
  if (const Record* record = path.flight.Find(session, newest)) {
    if (microseconds(one.age) > now - record->sent) {
      ++impossible_;
      return;
    }
    path.newest_sent = std::max(path.newest_sent, record->sent);
    path.last_progress = now;
    path.capacity.Handle({.now = now,
                          .sent = record->sent,
                          .arrived = clock_ - microseconds(one.age),
                          .age = microseconds(one.age),
                          .bytes = path.arrived_bytes,
                          .idle = record->idle});
    if (path.suspect) Prove(now, *slot);
  }
  uint32_t settled = 0, lost = 0;
  Instant began{};  // of an outage, if there is one: the first that was lost; of copies, about that
  path.flight.SettleUpTo(session, newest, delivered, [&](const Record& record, bool arrived) {
    if (++settled == 1) began = record.sent;
    if (!arrived && !record.copied && ++lost == 1) began = record.sent;
    Settle(now, *slot, record, arrived);
  });
  NoteLosses(now, path, settled, lost, packets, began);
  if (session == session_) CheckSilence(now, *slot, newest, microseconds(one.age));
}

// Of packets that went over other paths as well, the bitmaps do not say over which they came; so what came on the path
// is counted beside them.
void Bond::NoteLosses(Instant now, BondPath& path, uint32_t settled, uint32_t lost,
                      uint32_t packets, Instant began) {
  if (settled == 0) return;
  const uint32_t less = settled > packets ? settled - packets : 0;
  lost = std::min(settled, std::max(lost, less > kUneven ? less : 0));
  // A run: so many of so few were lost that chance is not the reason. It has one cause, and counts once: else the path
  // would pass for a lossy one for long after an outage.
  const bool run = lost >= kRun && static_cast<double>(lost) / settled >= kRunShare;
  if (run) {
    path.risky_until = now + kRiskyFor;
    path.outages.Note(began);
  }
  const double share = (run ? 1.0 : lost) / settled;
  path.loss += (1 - std::pow(1 - kLossWeight, settled)) * (share - path.loss);
}

// A packet will not arrive on one of its paths. True: nor on another, and it has not.
bool Bond::LastCopy(const Record& record) {
  if (!record.copied) return true;
  const auto copies = copies_.find({record.session, record.counter});
  if (copies == copies_.end() || --copies->second > 0) return false;
  copies_.erase(copies);
  return true;
}

void Bond::Settle(Instant now, wire::PathSlot slot, const Record& record, bool arrived) {
  BondPath& path = PathOf(slot);
  if (!record.copied) {
    path.run = arrived ? 0 : path.run + 1;
    if (path.run >= kRun) path.risky_until = now + kRiskyFor;
  }
  if (arrived) {
    NoteArrived(record);
  } else if (!record.given_up && LastCopy(record)) {
    NoteLost(now, slot, record);
  }
}

// A payload of several pieces has arrived when each of them has, over whatever path.
void Bond::NoteArrived(const Record& record) {
  const bool first = !record.copied || copies_.erase({record.session, record.counter}) > 0;
  if (record.pieces > 1) {
    const auto pieces = pieces_.find({record.session, record.first});
    if (!first || pieces == pieces_.end() || --pieces->second > 0) return;
    pieces_.erase(pieces);
  }
  Tell(record);
}

// What was sent before and has not arrived is taken for lost on this path. It may arrive all the same.
void Bond::GiveUp(Instant now, wire::PathSlot slot, Instant sent) {
  PathOf(slot).flight.GiveUp(sent, [&](const Record& record) {
    if (LastCopy(record)) NoteLost(now, slot, record);
  });
}

void Bond::GiveUpOvertaken(Instant now, wire::PathSlot slot, Instant sent) {
  PathOf(slot).flight.GiveUpOvertaken(sent, [&](const Record& record) {
    if (LastCopy(record)) NoteLost(now, slot, record);
  });
}

void Bond::SettleOvertaken(Instant now, uint64_t session, const Delivered& delivered) {
  for (const wire::PathSlot slot : order_) {
    BondPath& path = PathOf(slot);
    if (!path.flight.has_overtaken()) continue;
    uint32_t settled = 0, lost = 0;
    Instant began{};
    path.flight.SettleOvertaken(session, delivered, [&](const Record& record, bool arrived) {
      ++settled;
      if (!arrived && !record.copied && ++lost == 1) began = record.sent;
      Settle(now, slot, record, arrived);
    });
    NoteLosses(now, path, settled, lost, settled, began);
  }
}

}  // namespace warp::bonding
