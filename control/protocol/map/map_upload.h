// The allow list on its way to one map: sent in parts, each repeated until the map has acknowledged it.
#ifndef WARP_CONTROL_PROTOCOL_MAP_MAP_UPLOAD_H_
#define WARP_CONTROL_PROTOCOL_MAP_MAP_UPLOAD_H_

#include <optional>
#include <span>
#include <vector>

#include "control/protocol/constants.h"
#include "control/protocol/map/map_message.h"

namespace warp::protocol {

class MapUpload {
 public:
  // What shall be sent when the map asks; a list under way is given up.
  void SetList(std::vector<KeyId> sorted);
  const AllowDigest& digest() const { return digest_; }

  // The map asked for the list. It starts anew unless it is under way.
  void Begin(Instant now);
  void HandleAllowed(const MapAllowed& message);

  // Parts to send now; the next time they are due, if not acknowledged, is after `retry`, then after twice that.
  // Given up after kMapUploadTries: the next registration asks again.
  std::vector<MapAllow> Due(Instant now, Duration retry);
  Instant NextTimeout() const { return next_; }  // kNever: nothing is under way

 private:
  std::vector<KeyId> list_;
  AllowDigest digest_{};
  std::vector<bool> acknowledged_;  // of each part; empty: nothing is under way
  Instant next_ = kNever;
  int tries_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_MAP_UPLOAD_H_
