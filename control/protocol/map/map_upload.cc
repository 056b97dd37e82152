#include "control/protocol/map/map_upload.h"

#include <algorithm>
#include <utility>

namespace warp::protocol {

void MapUpload::SetList(std::vector<KeyId> sorted) {
  list_ = std::move(sorted);
  if (list_.size() > kMapMaxAllow) list_.resize(kMapMaxAllow);
  digest_ = DigestOf(list_);
  acknowledged_.clear();
  known_ = false;
  next_ = kNever;
}

void MapUpload::Describe(MapRegister* message) const {
  message->allow = digest_;
  if (known_ || list_.empty() || message->echo == MapChallenge{}) return;
  MapAllow part = Part(0);
  message->allow_total = part.total;
  message->ids = std::move(part.ids);
}

bool MapUpload::HandleAnswer(Instant now, bool asked) {
  const bool believed = known_;
  known_ = !asked;
  if (asked) {
    Begin(now);
    return believed;
  }
  acknowledged_.clear();
  next_ = kNever;
  return false;
}

void MapUpload::Begin(Instant now) {
  if (!acknowledged_.empty() || list_.size() <= kMapAllowPart) return;
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

MapAllow MapUpload::Part(size_t part) const {
  const size_t first = part * kMapAllowPart;
  const auto begin = list_.begin() + static_cast<ptrdiff_t>(first);
  const size_t count = std::min(kMapAllowPart, list_.size() - first);
  return {digest_,
          static_cast<uint16_t>(first),
          static_cast<uint16_t>(list_.size()),
          {begin, begin + static_cast<ptrdiff_t>(count)}};
}

std::vector<MapAllow> MapUpload::Due(Instant now, Duration retry) {
  if (next_ > now) return {};
  if (tries_ == kMapUploadTries) {
    acknowledged_.clear();
    next_ = kNever;
    return {};
  }
  std::vector<MapAllow> parts;
  // The first part went with the register, so that only its repetition is sent here.
  for (size_t part = tries_ == 0 ? 1 : 0;
       part < acknowledged_.size() && parts.size() < kMapRequestsPerTurn; ++part) {
    if (!acknowledged_[part]) parts.push_back(Part(part));
  }
  next_ = now + retry * (1 << tries_);
  ++tries_;
  return parts;
}

}  // namespace warp::protocol
