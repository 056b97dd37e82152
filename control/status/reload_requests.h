// What a client may ask about reloads (docs/reload.md):
//
//   reload                  begins one
//   reload within SECONDS   the same, and it is undone unless it is confirmed within that time
//   reload confirm          what was applied stays
//   reload show
//
// All answer with {"reload":[{"state", "file", "since_s", "confirm_within_s", "message", "changes"}]}: what is at that
// moment, because a reload ends later. Control thread only.
#ifndef WARP_CONTROL_STATUS_RELOAD_REQUESTS_H_
#define WARP_CONTROL_STATUS_RELOAD_REQUESTS_H_

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "control/reload/reload.h"
#include "control/status/status_server.h"

namespace warp::control {

// `words[0]` is "reload". `may_change` is as StatusServer::Request has it.
absl::StatusOr<StatusServer::Text> AnswerReload(AnyReload& reload, wire::Instant now,
                                                std::span<const std::string> words,
                                                bool may_change);

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_RELOAD_REQUESTS_H_
