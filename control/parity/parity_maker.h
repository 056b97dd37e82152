// Makes the parity of a tunnel's payloads: gathers them into blocks as they are taken from the application, so that a
// block has consecutive numbers, whatever path each of them waits for.
//
//   Add ─► block: full, or old ─► Finish: plaintexts, which wait here until they may leave
//
// Pure.
#ifndef WARP_CONTROL_PARITY_PARITY_MAKER_H_
#define WARP_CONTROL_PARITY_PARITY_MAKER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "control/config/tunnel_policy.h"
#include "control/parity/block_encoder.h"
#include "control/parity/shape.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/message.h"
#include "dataplane/wire/path_mask.h"
#include "dataplane/wire/time.h"

namespace warp::parity {

class ParityMaker {
 public:
  // Parities that wait to leave.
  static constexpr size_t kMostWaiting = 256;

  // `flows`: the payloads may be of several, which are restored with them.
  explicit ParityMaker(uint16_t tunnel_id, bool flows = false)
      : tunnel_id_(tunnel_id), flows_(flows) {}

  // A block ends a quarter of the deadline after its first payload was taken, and at the latest after 20 ms.
  void SetPolicy(const config::Fec& fec, wire::Duration deadline);
  bool on() const { return fec_.on(); }

  // What `fec: auto` goes by, as the paths are now; the other fields are known here.
  struct Risk {
    double loss = 0;
    size_t paths = 0;
    bool paths_die = false;
    double target = 0;
  };
  bool wants_risk(wire::Instant now) const { return fec_.automatic && now >= look_at_; }
  void SetRisk(wire::Instant now, const Risk& risk);
  const Shape& shape() const { return shape_; }

  // The paths of `usable` that should not carry the block's next packet, so that the death of no path loses more of it
  // than its parity makes up for: 0 where that cannot be had, and where the next packet is the first of a block.
  wire::PathMask Full(wire::PathMask usable) const;
  // The paths of `usable` that carry more of the block, or of the one that has just been finished, than others do.
  wire::PathMask Crowded(wire::PathMask usable) const;

  // The payload of this number was taken, has this place in the order, and goes by `paths`. Where its sequence does not
  // continue the block before, that has to be finished first. Without a shape, payloads are only counted.
  bool continues(uint32_t sequence) const {
    return block_.count() == 0 || (sequence == next_ && shape_.any());
  }
  void Add(wire::Instant now, uint64_t number, const wire::SequencedHeader& place,
           wire::Bytes payload, wire::PathMask paths);
  bool full() const { return !empty() && block_.count() >= shape_.payloads; }
  bool empty() const { return block_.count() == 0; }
  wire::Instant due() const { return empty() ? wire::kNever : due_; }

  // Ends the block.
  struct Parity {
    uint64_t number = 0;  // of the block's last payload
    uint8_t index = 0;
    uint8_t dscp = 0;  // of the block's last payload
    wire::Instant deadline;
    std::vector<uint8_t> plaintext;
  };
  std::vector<Parity> Finish();
  void NotePlaced(wire::PathMask paths);  // parity of the block goes by these
  // Ends the block without parity, and forgets what waits.
  void Clear();

  // A parity waits, in the place of the oldest one where they are too many. Null: it waits no more.
  void Wait(Parity parity);
  const Parity* Find(uint64_t number, uint8_t index) const;
  void Forget(uint64_t number, uint8_t index);
  size_t waiting() const { return waiting_.size(); }

 private:
  size_t ParitiesNow();

  const uint16_t tunnel_id_;
  const bool flows_;
  std::vector<uint8_t> with_flow_;  // the payload that is added, behind its flow
  config::Fec fec_;
  wire::Duration deadline_{}, patience_{};
  Shape shape_;
  BlockEncoder block_;
  std::array<uint8_t, wire::kPathSlots> placed_{};  // packets of the block, by path
  uint32_t next_ = 0;                               // sequence of the payload that may follow
  uint64_t last_ = 0;                               // number of the block's last payload
  uint8_t dscp_ = 0;                                // its DSCP
  wire::Instant due_{};
  wire::Instant block_deadline_{};
  std::deque<Parity> waiting_;

  // Of auto.
  wire::Instant look_at_{}, looked_{};
  uint64_t payloads_ = 0;  // since it looked
  double credit_ = 0;      // bytes that parities may have
};

}  // namespace warp::parity

#endif  // WARP_CONTROL_PARITY_PARITY_MAKER_H_
