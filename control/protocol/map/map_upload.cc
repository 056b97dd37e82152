#include "control/protocol/map/map_upload.h"

#include <algorithm>
#include <utility>

namespace warp::protocol {

void MapUpload::SetList(std::vector<KeyId> sorted) {
  list_ = std::move(sorted);
  if (list_.size() > kMapMaxAllow) list_.resize(kMapMaxAllow);
  digest_ = DigestOf(list_);
  acknowledged_.clear();
  next_ = kNever;
}

void MapUpload::Begin(Instant now) {
  if (!acknowledged_.empty() || list_.empty()) return;
  acknowledged_.assign((list_.size() + kMapAllowPart - 1) / kMapAllowPart, false);
  next_ = now;
  tries_ = 0;
}

void MapUpload::HandleAllowed(const MapAllowed& message) {
  const size_t part = message.first / kMapAllowPart;
  if (message.digest != digest_ || part >= acknowledged_.size()) return;
  acknowledged_[part] = true;
  if (std::find(acknowledged_.begin(), acknowledged_.end(), false) == acknowledged_.end()) {
    acknowledged_.clear();
    next_ = kNever;
  }
}

std::vector<MapAllow> MapUpload::Due(Instant now, Duration retry) {
  if (next_ > now) return {};
  if (tries_ == kMapUploadTries) {
    acknowledged_.clear();
    next_ = kNever;
    return {};
  }
  std::vector<MapAllow> parts;
  for (size_t part = 0; part < acknowledged_.size() && parts.size() < kMapRequestsPerTurn; ++part) {
    if (acknowledged_[part]) continue;
    const size_t first = part * kMapAllowPart;
    const auto begin = list_.begin() + static_cast<ptrdiff_t>(first);
    const size_t count = std::min(kMapAllowPart, list_.size() - first);
    parts.push_back({digest_,
                     static_cast<uint16_t>(list_.size()),
                     static_cast<uint16_t>(first),
                     {begin, begin + static_cast<ptrdiff_t>(count)}});
  }
  next_ = now + retry * (1 << tries_);
  ++tries_;
  return parts;
}

}  // namespace warp::protocol
