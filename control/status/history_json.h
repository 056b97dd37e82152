// What `history` at the control socket answers: the records of all links by one kind of period, on one line.
//
//   history minute|hour|day|month [PORT]
//
// The answer is {"version":1,"history":[...]}; docs/status.md explains it. It is written a link at a time. Control
// thread only.
#ifndef WARP_CONTROL_STATUS_HISTORY_JSON_H_
#define WARP_CONTROL_STATUS_HISTORY_JSON_H_

#include <functional>
#include <optional>
#include <string>

#include "control/history/history.h"
#include "control/status/status_server.h"

namespace warp::control {

// nullopt: the line is another request. `history` is asked anew for each part of the answer, and outlives it.
std::optional<StatusServer::Reply> AnswerHistory(const history::History& history,
                                                 const std::string& line);

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_HISTORY_JSON_H_
