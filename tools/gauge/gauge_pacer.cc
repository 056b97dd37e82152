#include "tools/gauge/gauge_pacer.h"

#include <algorithm>
#include <cmath>

namespace warp::tools {

GaugePacer::GaugePacer(double rate, uint64_t start)
    : start_(start), interval_(rate > 0 ? 1e9 / rate : 0) {}

uint64_t GaugePacer::Take(uint64_t now) {
  if (interval_ == 0) return kMaxBatch;
  if (now < next()) return 0;
  const auto time = static_cast<double>(now - start_);
  due_ = std::max(due_, time - static_cast<double>(kMaxDebt));
  const auto owed = static_cast<uint64_t>((time - due_) / interval_) + 1;
  const uint64_t batch = std::min(owed, kMaxBatch);
  due_ += static_cast<double>(batch) * interval_;
  not_before_ = now - start_ + static_cast<uint64_t>(static_cast<double>(batch) * interval_ / 2);
  return batch;
}

uint64_t GaugePacer::next() const {
  if (interval_ == 0) return start_;
  return start_ + std::max(static_cast<uint64_t>(std::ceil(due_)), not_before_);
}

}  // namespace warp::tools
