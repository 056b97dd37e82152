#include "control/log/log.h"

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>

#include "absl/strings/string_view.h"
#include "control/log/line_writer.h"

namespace warp::control {
namespace {

// The sinks of the library wait for their reader, and so would the control thread.
class Sink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    writer_.Write(absl::string_view(line.data(), line.size()));
  }
  void flush_() override {}

 private:
  LineWriter writer_{STDERR_FILENO};
};

}  // namespace

void OpenLog() {
  NeverWait(STDERR_FILENO);
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("warpd", std::make_shared<Sink>()));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l: %v");
}

void LogInfo(const std::string& message) { spdlog::info(message); }

void LogWarning(const std::string& message) { spdlog::warn(message); }

}  // namespace warp::control
