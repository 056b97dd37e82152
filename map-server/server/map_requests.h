// What the operator may ask of a running map (docs/map-server.md):
//
//   map list [after=PLACE] [prefix=TEXT] [most=COUNT]   {"nodes":[...],"next":PLACE}; next is null at the end
//   map show KEY                                        {"nodes":[...]}, of one node, with all there is to know
//   map forget KEY                                      {"forgotten":[{"key","sessions","registrations"}]}
//
// A list comes in pages, so that nobody holds a connection for long, and a page in parts of a few nodes, of which one
// is made in a turn of the loop (StatusServer). So a map of a million nodes lists them while it serves them, and
// needs memory for one part alone.
#ifndef WARP_MAP_SERVER_SERVER_MAP_REQUESTS_H_
#define WARP_MAP_SERVER_SERVER_MAP_REQUESTS_H_

#include <functional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "control/status/status_server.h"
#include "map-server/session/handler.h"

namespace warp::map {

// `words[0]` is "map". `may_change` is as StatusServer::Request has it. `handler` and what `now` needs outlive the
// answer. An error is one sentence that needs no escape in JSON.
absl::StatusOr<control::StatusServer::Text> AnswerMapRequest(Handler& handler,
                                                             std::function<Instant()> now,
                                                             std::span<const std::string> words,
                                                             bool may_change);

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_MAP_REQUESTS_H_
