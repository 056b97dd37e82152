// A bond, its links and the receiver at their other end, in virtual time: what a node does with a bond, without a node.
#ifndef WARP_TESTS_CONTROL_BONDING_MODEL_WORLD_H_
#define WARP_TESTS_CONTROL_BONDING_MODEL_WORLD_H_

#include <cstdio>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "control/bonding/bond.h"
#include "control/parity/parity_maker.h"
#include "control/parity/recovery.h"
#include "tests/control/bonding/model/link_model.h"
#include "tests/control/bonding/model/receiver_model.h"
#include "tests/control/bonding/model/timeline.h"

namespace warp::bonding {

constexpr uint32_t kPayload = 1400;
constexpr uint32_t kHeaders = 80;  // on the wire, around each
constexpr Instant At(double seconds) { return Instant(Millis(seconds * 1000)); }

struct FlowOptions {
  config::TunnelPolicy policy{.mode = config::TunnelMode::kStripe};
  Duration deadline = Millis(250);
  PathMask allowed = wire::kAllPaths;
};

// What came of the payloads of a flow that were born in the time that counts.
struct FlowResult {
  uint64_t offered = 0, refused = 0, arrived = 0, late = 0, swapped = 0;
  uint64_t bytes = 0;
  uint64_t recovered = 0;
  std::vector<float> delays;  // ms
  Duration longest_gap{};
  uint64_t missing() const { return offered - refused - arrived; }
  double DelayPercentile(double share) const { return Percentile(delays, share); }
};

class World {
 public:
  explicit World(uint64_t seed = 1);

  // Links are the paths 1, 2, … of the slots 0, 1, …
  size_t AddLink(const LinkOptions& options, uint8_t tier = 1, uint64_t max_rate = 0);
  // One that another world's payloads fill, too.
  size_t ShareLink(const std::shared_ptr<LinkModel>& link, uint8_t tier = 1, uint64_t max_rate = 0);
  void SetPort(size_t link, wire::PortId port) { specs_[link].port = port; }
  void SetRemotePort(size_t link, uint16_t port) { specs_[link].remote_port = port; }
  // The peer lets so many bytes a second come in over the link; 0: any number.
  void SetToldRate(size_t link, uint64_t rate) {
    specs_[link].told_rate = rate;
    SetPaths();
  }
  LinkModel& link(size_t i) { return *links_[i]; }
  std::shared_ptr<LinkModel> shared(size_t i) { return links_[i]; }
  size_t links() const { return links_.size(); }
  uint16_t AddFlow(const FlowOptions& options);
  void SetPolicy(uint16_t flow, const config::TunnelPolicy& policy);
  // From now on another session seals, whose counters begin anew.
  void Rekey() {
    ++session_;
    counter_ = 0;
  }
  ReceiverModel& receiver() { return receiver_; }
  // The paths that may send: all but those of the mask.
  void SetPaths(PathMask without = 0);

  // Payloads at a rate of application bytes a second, from a moment on; exponential gaps, or equal ones.
  void Stream(uint16_t flow, double rate, bool equal = false, Instant from = {},
              Instant to = wire::kNever, uint32_t payload = kPayload);
  uint64_t Send(uint16_t flow, uint32_t payload = kPayload);
  // Called for each payload that arrives, in the order in which the application gets it.
  void OnArrival(uint16_t flow, std::function<void(uint64_t number)> call);

  // Only what is born in this time counts.
  void Count(Instant from, Instant to) {
    from_ = from;
    to_ = to;
  }
  // Until `to` and what is under way then.
  void Run();
  // Worlds that share a timeline run together.
  World(uint64_t seed, Timeline& time);

  Timeline& time() { return *time_; }
  Bond& bond() { return *bond_; }
  const FlowResult& result(uint16_t flow) const { return flows_[flow].result; }
  // The share of what the links could have carried that arrived.
  double Goodput(uint16_t flow) const;
  double Capacity() const;  // application bytes a second
  uint64_t unsettled() const { return outstanding_.size(); }
  double ExtraShare(uint16_t flow);
  uint64_t tail_drops() const;
  // Changes each feedback before it is handled.
  std::function<void(protocol::Feedback*)> lie;
  // Reports whether a link dies also by its path being taken away, so much later, and given back.
  Duration feedback_interval = Millis(20);
  // A link that is dead in this direction carries feedback in the other one.
  bool one_way_deaths = false;

 private:
  struct Flow {
    FlowOptions options;
    uint64_t next = 0;
    std::vector<Instant> born;
    std::vector<bool> got;
    std::unique_ptr<OrderModel> order;
    parity::ParityMaker parity{0};
    parity::Recovery recovery;
    std::function<void(uint64_t)> arrival;
    FlowResult result;
    uint64_t newest = 0;
    Instant last{};
  };
  void Start();
  void Submit(const Grant& grant);
  PathMask AvoidedByBlock(uint16_t flow);
  void AddToBlock(const Grant& grant);
  void EndBlock(uint16_t flow);
  void Pump();
  void Arm();
  void Arrived(size_t link, const Packet& packet);
  void Delivered(const Packet& packet);
  void Came(size_t link, const Packet& packet);
  void Tell();
  bool Counts(Instant born) const { return from_ <= born && born < to_; }

  std::unique_ptr<Timeline> own_time_;
  Timeline* time_;
  std::mt19937_64 random_;
  std::vector<std::shared_ptr<LinkModel>> links_;
  std::vector<PathSpec> specs_;
  std::vector<Flow> flows_;
  std::unique_ptr<Bond> bond_;
  ReceiverModel receiver_;
  uint64_t session_ = 1;
  uint64_t counter_ = 0;
  Instant armed_ = wire::kNever;
  Instant from_ = bonding::At(5), to_ = bonding::At(20);
  std::set<std::pair<uint16_t, uint64_t>> outstanding_;
};

}  // namespace warp::bonding

#endif  // WARP_TESTS_CONTROL_BONDING_MODEL_WORLD_H_
