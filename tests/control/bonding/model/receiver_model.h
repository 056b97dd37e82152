// The other end, in virtual time: takes each payload once, puts those of a flow in order if they are to be, and tells
// what arrived, as a node does.
#ifndef WARP_TESTS_CONTROL_BONDING_MODEL_RECEIVER_MODEL_H_
#define WARP_TESTS_CONTROL_BONDING_MODEL_RECEIVER_MODEL_H_

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

#include "control/protocol/feedback.h"
#include "tests/control/bonding/model/link_model.h"
#include "tests/control/bonding/model/timeline.h"

namespace warp::bonding {

// One packet on its way.
struct Packet {
  uint16_t flow = 0;
  uint64_t number = 0;
  uint64_t session = 1;
  uint64_t counter = 0;
  uint32_t size = 0;
  Instant born;
  std::shared_ptr<const std::vector<uint8_t>> parity;  // its plaintext; null: a payload
};

// Payloads of one flow, in order, with a bound on what they wait.
class OrderModel {
 public:
  using Deliver = std::function<void(const Packet&)>;
  OrderModel(Timeline& time, Duration hold, bool resent, Deliver deliver)
      : time_(time), hold_(hold), resent_(resent), deliver_(std::move(deliver)) {}
  void Arrive(const Packet& packet, size_t path);

 private:
  void Check();
  void Drain();
  bool Proven(uint64_t number) const;

  Timeline& time_;
  const Duration hold_;
  const bool resent_;
  const Deliver deliver_;
  uint64_t next_ = 0;
  std::map<uint64_t, std::pair<Packet, Instant>> held_;
  std::unordered_set<uint64_t> late_;
  struct Newest {
    uint64_t number = 0;
    Instant at{};
  };
  std::map<size_t, Newest> newest_;
  Instant timer_ = wire::kNever;
};

class ReceiverModel {
 public:
  explicit ReceiverModel(Timeline& time) : time_(time) {}

  // Whether the counter of its session came for the first time.
  bool Arrive(const Packet& packet, size_t path, uint16_t from, uint16_t to);
  struct Told {
    uint64_t session;
    protocol::Feedback feedback;
  };
  // What is to be told now; empty: nothing new came for long.
  std::vector<Told> TakeFeedback();
  // For so long it tells what came of the session before the newest.
  Duration tells_of_before = Millis(500);

  // The receiver's clock began long before the sender's, and wraps soon.
  static constexpr uint32_t kClock = 0xfff00000;

 private:
  struct Path {
    uint16_t from, to;
    uint64_t session = 0;
    uint64_t newest = 0;
    Instant at{};
    uint32_t packets = 0;
    uint32_t bytes = 0xffff0000;
  };
  Timeline& time_;
  std::map<size_t, Path> paths_;
  struct Session {
    std::vector<uint32_t> words;
    uint64_t highest = 0;
    std::deque<uint64_t> floors;
    uint16_t number = 0;
    void Say(protocol::Feedback message, uint64_t session, uint64_t first, uint64_t last,
             std::vector<Told>* told);
  };
  std::map<uint64_t, Session> sessions_;
  uint64_t session_ = 0;  // the newest
  Instant since_{};
  bool came_ = false;
  int echoes_ = 0;
  Instant last_{};
};

}  // namespace warp::bonding

#endif  // WARP_TESTS_CONTROL_BONDING_MODEL_RECEIVER_MODEL_H_
