// Every reason for which an announcement (lan_message.h) is not taken. They have a list of their own beside that of
// packets (dataplane/wire/drop.h), because they come by no port of the dataplane and concern no payload.
#ifndef WARP_CONTROL_PROTOCOL_LAN_LAN_DROP_H_
#define WARP_CONTROL_PROTOCOL_LAN_LAN_DROP_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace warp::protocol {

// X(enumerator, name in status and documents)
#define WARP_LAN_DROPS(X)                                                                     \
  X(kRouted, "routed")       /* its hop limit is not 255: it may come from beyond the link */ \
  X(kMalformed, "malformed") /* of another version or format */                               \
  X(kOwn, "own")             /* this node's own, by another of its ports */                   \
  X(kRepeated, "repeated")   /* heard before: by the other family, or from a recording */     \
  X(kStranger, "stranger")   /* of no peer, or for others alone */                            \
  X(kUnproven, "unproven")   /* a peer's that has not heard us yet, or a recording */         \
  X(kBudget, "budget")       /* more than are looked at */

enum class LanDrop : uint8_t {
#define WARP_LAN_DROP(enumerator, name) enumerator,
  WARP_LAN_DROPS(WARP_LAN_DROP)
#undef WARP_LAN_DROP
      kNone  // it was taken
};

inline constexpr std::array kLanDropNames = {
#define WARP_LAN_DROP(enumerator, name) absl::string_view(name),
    WARP_LAN_DROPS(WARP_LAN_DROP)
#undef WARP_LAN_DROP
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_LAN_LAN_DROP_H_
