// The verdict on each link of a peer, and of ports their connections and NAT64s, in the status.
#ifndef WARP_CONTROL_STATUS_LINK_JSON_H_
#define WARP_CONTROL_STATUS_LINK_JSON_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "control/carrier/carrier.h"
#include "control/link/nat64/prefix_finder.h"
#include "control/verdict/link_book.h"

namespace warp::control {

// How many copies of a payload arrive by all links; 0 where nothing came.
double CopiesOf(const verdict::LinkBook::Links& links);
nlohmann::ordered_json LinksJson(const verdict::LinkBook::Links& links);
// null: the port is in none.
nlohmann::ordered_json CarrierJson(const Carrier::Status* status);
// null: the port needs no prefix.
nlohmann::ordered_json TranslationJson(const std::optional<SourcedPrefix>& translation);

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_LINK_JSON_H_
