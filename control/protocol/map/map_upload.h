// The allow list on its way to one map. Its first part goes along with every register until the map has the list; the
// other parts, where there are any, are sent when the map asks, each repeated until the map has acknowledged it.
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

  // The session is new, so the map may have forgotten the list.
  void Restart() { known_ = false; }
  // Names the list in a register, and adds the first part unless the map has the list. A register that echoes nothing
  // is not used by the map, so it gets no part.
  void Describe(MapRegister* message) const;
  // The map's answer to a published register: whether it asks for the list. True when the list shall be described
  // again at once, because the map was believed to have it.
  bool HandleAnswer(Instant now, bool asked);
  void HandleAllowed(const MapAllowed& message);

  // Parts to send now; the next time they are due, if not acknowledged, is after `retry`, then after twice that.
  // Given up after kMapUploadTries: the next registration asks again.
  std::vector<MapAllow> Due(Instant now, Duration retry);
  Instant NextTimeout() const { return next_; }  // kNever: nothing is under way

 private:
  void Begin(Instant now);
  MapAllow Part(size_t part) const;

  std::vector<KeyId> list_;
  AllowDigest digest_{};
  std::vector<bool> acknowledged_;  // of each part; empty: nothing is under way
  bool known_ = false;              // the map has the list
  Instant next_ = kNever;
  int tries_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_MAP_UPLOAD_H_
