// The verdict on each link of a peer, in the status.
#ifndef WARP_CONTROL_STATUS_LINK_JSON_H_
#define WARP_CONTROL_STATUS_LINK_JSON_H_

#include <nlohmann/json_fwd.hpp>

#include "control/verdict/link_book.h"

namespace warp::control {

// How many copies of a payload arrive by all links; 0 where nothing came.
double CopiesOf(const verdict::LinkBook::Links& links);
nlohmann::ordered_json LinksJson(const verdict::LinkBook::Links& links);

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_LINK_JSON_H_
