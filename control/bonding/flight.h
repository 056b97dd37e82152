// What was sent over one path and is not settled: the sender's memory, with which it reads the receiver's feedback. The
// receiver names counters; when they were sent, how large they were and whose they are is known here alone.
//
// Packets of one path arrive in the order in which they were sent. So each one before the newest that arrived is
// settled: by the bitmaps of the feedback it was delivered, over whatever path, or lost. Feedback speaks of one
// session, so that what something of a later session has overtaken waits until feedback of its own session says what
// came of it. Bounded; pure.
#ifndef WARP_CONTROL_BONDING_FLIGHT_H_
#define WARP_CONTROL_BONDING_FLIGHT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include "control/bonding/compact_queue.h"
#include "control/protocol/feedback.h"
#include "dataplane/wire/time.h"

namespace warp::bonding {

// The packet of a payload that went over a path.
struct Record {
  uint64_t session = 0;  // the order of the session that sealed it
  uint64_t counter = 0;
  uint64_t number = 0;  // of the payload in its flow
  wire::Instant sent;
  wire::Duration idle{};  // how long its path had nothing to send before it, in all
  wire::Instant taken;    // when the payload was taken from the application
  uint64_t first = 0;     // counter of the first piece
  uint32_t size = 0;      // of the payload, with all its pieces
  uint16_t flow = 0;
  uint8_t pieces = 1;     // of the payload
  bool copied = false;    // it went over other paths, too
  bool given_up = false;  // it was counted as lost already
  bool parity = false;    // of a block, no payload
};

// What one feedback says of the counters of its session.
class Delivered {
 public:
  Delivered(uint64_t base, std::span<const uint32_t> words) : base_(base), words_(words) {}
  uint64_t end() const { return base_ + words_.size() * protocol::kFeedbackWord; }
  bool before(uint64_t counter) const { return counter < base_; }
  // nullopt: the feedback does not say.
  std::optional<bool> Has(uint64_t counter) const {
    if (counter < base_ || counter >= end()) return std::nullopt;
    const uint64_t place = counter - base_;
    const uint32_t word = words_[place / protocol::kFeedbackWord];
    return (word >> (place % protocol::kFeedbackWord) & 1) != 0;
  }

 private:
  uint64_t base_;
  std::span<const uint32_t> words_;
};

class Flight {
 public:
  static constexpr size_t kMost = size_t{1} << 15;

  // The records of a path come in the order of their sessions and counters. Where there are too many, the oldest one is
  // forgotten, and returned.
  std::optional<Record> Add(const Record& record) {
    std::optional<Record> forgotten;
    if (records_.size() == kMost) {
      forgotten = records_.front();
      records_.pop_front();
    }
    records_.push_back(record);
    return forgotten;
  }

  bool empty() const { return records_.empty(); }
  size_t size() const { return records_.size(); }
  const Record& oldest() const { return records_.front(); }
  const Record& newest() const { return records_.back(); }

  const Record* Find(uint64_t session, uint64_t counter) const {
    const auto found =
        std::lower_bound(records_.begin(), records_.end(), std::tuple(session, counter), Before);
    if (found == records_.end() || found->session != session || found->counter != counter)
      return nullptr;
    return &*found;
  }

  // Settles the records up to `newest`: calls settle(record, delivered) for each, oldest first, and forgets it. Stops
  // at the first of which this feedback cannot say anything yet. Records of sessions before are overtaken.
  template <typename Settle>
  void SettleUpTo(uint64_t session, uint64_t newest, const Delivered& delivered, Settle settle) {
    while (!records_.empty()) {
      const Record record = records_.front();
      if (record.session > session || (record.session == session && record.counter > newest))
        return;
      bool arrived = true;
      if (record.session < session) {
        overtaken_.push_back(record);
        records_.pop_front();
        continue;
      }
      if (!delivered.before(record.counter)) {
        const std::optional<bool> said = delivered.Has(record.counter);
        if (!said.has_value()) return;
        arrived = *said;
      }
      records_.pop_front();
      settle(record, arrived);
    }
  }

  // Feedback of a session before the newest: settles those of its records that were overtaken and that it names.
  template <typename Settle>
  void SettleOvertaken(uint64_t session, const Delivered& delivered, Settle settle) {
    CompactQueue<Record> unsaid;
    for (const Record& record : std::exchange(overtaken_, {})) {
      const bool before = delivered.before(record.counter);
      const std::optional<bool> said = before ? true : delivered.Has(record.counter);
      if (record.session == session && said.has_value()) {
        settle(record, *said);
      } else {
        unsaid.push_back(record);
      }
    }
    overtaken_ = std::move(unsaid);
  }
  // Forgets the overtaken ones that were sent before: calls give_up(record) for those that were not given up yet.
  template <typename Use>
  void GiveUpOvertaken(wire::Instant sent, Use give_up) {
    while (!overtaken_.empty() && (overtaken_.front().sent < sent || overtaken_.size() > kMost)) {
      const Record record = overtaken_.front();
      overtaken_.pop_front();
      if (!record.given_up) give_up(record);
    }
  }
  bool has_overtaken() const { return !overtaken_.empty(); }

  // Calls give_up(record) for each that was sent before `sent` and was not given up yet. They stay: they may arrive.
  template <typename Use>
  void GiveUp(wire::Instant sent, Use give_up) {
    for (Record& record : records_) {
      if (record.sent >= sent) return;
      if (record.given_up) continue;
      record.given_up = true;
      give_up(record);
    }
  }

  // Forgets what was sent before: nothing will be said of it any more. Nor of the oldest ones, where they are many.
  template <typename Settle>
  void Expire(wire::Instant sent, Settle settle) {
    while (!records_.empty() && (records_.front().sent < sent || records_.size() > kMost / 2)) {
      const Record record = records_.front();
      records_.pop_front();
      settle(record);
    }
  }

  void Clear() {
    records_.clear();
    overtaken_.clear();
  }

 private:
  static bool Before(const Record& record, const std::tuple<uint64_t, uint64_t>& place) {
    return std::tuple(record.session, record.counter) < place;
  }

  CompactQueue<Record> records_;
  CompactQueue<Record> overtaken_;  // of earlier sessions than what came last
};

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_FLIGHT_H_
