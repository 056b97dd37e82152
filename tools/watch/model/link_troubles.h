// What is bad of a node's links: of the ports themselves, and of the paths that go over them.
#ifndef WARP_TOOLS_WATCH_MODEL_LINK_TROUBLES_H_
#define WARP_TOOLS_WATCH_MODEL_LINK_TROUBLES_H_

#include <vector>

#include "tools/watch/model/judgement.h"
#include "tools/watch/model/sample.h"

namespace warp::tools {

// In the order of the links. A link that is down says nothing more; of one that is up each kind of trouble is one
// entry, however many peers it is about. Paths to peers that are not connected are not judged: the peer itself is the
// trouble there. Pure.
std::vector<Trouble> LinkTroubles(const Sample& sample);

}  // namespace warp::tools

#endif  // WARP_TOOLS_WATCH_MODEL_LINK_TROUBLES_H_
