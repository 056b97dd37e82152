// What an association knows of where its remote end is.
#include "control/protocol/session/association.h"

namespace warp::protocol {

std::optional<wire::Endpoint> Association::answered_from() const {
  const SessionSet::Entry* const current = sessions_.sending();
  if (current == nullptr || !current->answered) return std::nullopt;
  return current->answered->from;
}

}  // namespace warp::protocol
