// Journey out, step 2: gathers the plaintexts of all tunnels over one turn of the control thread, so that each worker's
// ring is pushed, and a sleeping worker rung, once per burst.
#ifndef WARP_CONTROL_TUNNEL_SUBMITTER_H_
#define WARP_CONTROL_TUNNEL_SUBMITTER_H_

#include <vector>

#include "control/tunnel/pace/ring_shares.h"
#include "dataplane/facade/dataplane.h"

namespace warp::control {

class Submitter {
 public:
  // `dataplane` outlives the submitter. Control thread only, like all of this directory.
  explicit Submitter(lcore::Dataplane& dataplane);

  // Takes the packet; it leaves with the next Flush, or when more than a full burst waits for `home`. The caller
  // fills in the request that is returned before its next call. It fills it in where it stands, because a copy would
  // stall behind the stores of the payload (docs/decisions.md, *store forwarding*).
  lcore::SendRequest& Add(wire::WorkerId home, lcore::Plaintext packet);

  // A worker stands still: tunnels go through another where they can.
  void SetSilent(wire::WorkerId worker, bool silent) { silent_[worker] = silent; }
  bool silent(wire::WorkerId worker) const { return silent_[worker]; }

  // What each tunnel may have in the rings.
  RingShares& shares() { return shares_; }
  const RingShares& shares() const { return shares_; }

  // Gives everything gathered to the dataplane. Once per turn, before FlushWakeups.
  void Flush();

  // The peers that payloads have gone to since the last call; some may be named twice.
  const std::vector<wire::PeerId>& peers() const { return peers_; }
  void ClearPeers() { peers_.clear(); }

 private:
  static constexpr size_t kBurst = 64;

  struct Batch {
    std::vector<lcore::Plaintext> packets;
    std::vector<lcore::SendRequest> requests;
  };
  void Flush(wire::WorkerId home);

  lcore::Dataplane& dataplane_;
  std::vector<Batch> batches_;  // by worker
  std::vector<bool> silent_;    // by worker
  RingShares shares_;
  std::vector<wire::PeerId> peers_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_SUBMITTER_H_
