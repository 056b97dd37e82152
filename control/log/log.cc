#include "control/log/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace warp::control {

void OpenLog() {
  spdlog::set_default_logger(spdlog::stderr_logger_st("warpd"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l: %v");
}

void LogInfo(const std::string& message) { spdlog::info(message); }

void LogWarning(const std::string& message) { spdlog::warn(message); }

}  // namespace warp::control
