// What `watch` at the control socket answers: a line of JSON for each event from now on, for as long as the client
// stays.
//
//   watch [PAST]    first the last PAST events, as far as they are remembered
//
// A client that reads more slowly than events come gets an event `events_missed` in the place of those that it has
// missed (event_log.h). Control thread only.
#ifndef WARP_CONTROL_STATUS_EVENT_STREAM_H_
#define WARP_CONTROL_STATUS_EVENT_STREAM_H_

#include <optional>
#include <string>

#include "control/event/event_log.h"
#include "control/status/status_server.h"

namespace warp::control {

// nullopt: the line is another request. `log` outlives the answer.
std::optional<StatusServer::Reply> AnswerWatch(const EventLog& log, const std::string& line);

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_EVENT_STREAM_H_
