// The queue shared by engines that finish a job before Submit returns.
#ifndef WARP_DATAPLANE_WIRE_CRYPTO_IMMEDIATE_ENGINE_H_
#define WARP_DATAPLANE_WIRE_CRYPTO_IMMEDIATE_ENGINE_H_

#include <algorithm>
#include <array>

#include "dataplane/wire/crypto/aead.h"

namespace warp::wire {

class ImmediateEngine : public AeadEngine {
 public:
  size_t Submit(Direction direction, std::span<AeadJob> jobs) final {
    const size_t taken = std::min(jobs.size(), done_.size() - (tail_ - head_));
    Run(direction, jobs.first(taken));
    for (AeadJob& job : jobs.first(taken)) done_[tail_++ % done_.size()] = &job;
    return taken;
  }

  size_t Collect(std::span<AeadJob*> done) final {
    const size_t moved = std::min(done.size(), tail_ - head_);
    for (size_t i = 0; i < moved; ++i) done[i] = done_[head_++ % done_.size()];
    return moved;
  }

 protected:
  // Finishes all jobs. A job whose key this machine cannot use ends as not authentic, with its text wiped.
  virtual void Run(Direction direction, std::span<AeadJob> jobs) = 0;

 private:
  std::array<AeadJob*, 256> done_{};
  size_t head_ = 0;  // jobs ever collected
  size_t tail_ = 0;  // jobs ever finished
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_CRYPTO_IMMEDIATE_ENGINE_H_
