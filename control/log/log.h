// The daemon's log: lines on stderr with time and level. Only log.cc knows spdlog, whose templates take seconds to
// compile in each source that includes them. Control thread.
#ifndef WARP_CONTROL_LOG_LOG_H_
#define WARP_CONTROL_LOG_LOG_H_

#include <string>

namespace warp::control {

// Sets where lines go and what they look like. Called once, before any other.
void OpenLog();

void LogInfo(const std::string& message);
void LogWarning(const std::string& message);

}  // namespace warp::control

#endif  // WARP_CONTROL_LOG_LOG_H_
