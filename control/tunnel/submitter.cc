#include "control/tunnel/submitter.h"

#include <utility>

namespace warp::control {

Submitter::Submitter(lcore::Dataplane& dataplane)
    : dataplane_(dataplane), batches_(dataplane.workers()), silent_(dataplane.workers()) {
  for (Batch& batch : batches_) {
    batch.packets.reserve(kBurst);
    batch.requests.reserve(kBurst);
  }
}

lcore::SendRequest& Submitter::Add(wire::WorkerId home, lcore::Plaintext packet) {
  Batch& batch = batches_[home];
  if (batch.packets.size() == kBurst) Flush(home);
  batch.packets.push_back(std::move(packet));
  return batch.requests.emplace_back();
}

void Submitter::Flush() {
  for (wire::WorkerId home = 0; home < batches_.size(); ++home) Flush(home);
}

void Submitter::Flush(wire::WorkerId home) {
  Batch& batch = batches_[home];
  if (batch.packets.empty()) return;
  for (const lcore::SendRequest& request : batch.requests) {
    if (peers_.empty() || peers_.back() != request.peer) peers_.push_back(request.peer);
  }
  dataplane_.Submit(home, batch.packets, batch.requests);
  batch.packets.clear();
  batch.requests.clear();
}

}  // namespace warp::control
