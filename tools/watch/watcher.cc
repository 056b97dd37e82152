#include "tools/watch/watcher.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace warp::tools {

using std::chrono::steady_clock;

namespace {

constexpr double kBytesPerSecond = 1e6;

double Seconds(steady_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

}  // namespace

Watcher::Watcher(Ask ask, Take take)
    : ask_(std::move(ask)), take_(std::move(take)), thread_([this] { Run(); }) {}

Watcher::~Watcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  change_.notify_all();
  thread_.join();
}

void Watcher::Run() {
  steady_clock::time_point next = steady_clock::now();
  while (true) {
    absl::StatusOr<std::string> answer = ask_();
    const double size = answer.ok() ? static_cast<double>(answer->size()) : 0;
    const std::chrono::duration<double> interval(std::max(1.0, size / kBytesPerSecond));
    take_(Seconds(steady_clock::now()), std::move(answer));
    // What was missed is not made up for.
    next = std::max(next + std::chrono::duration_cast<steady_clock::duration>(interval),
                    steady_clock::now());
    std::unique_lock lock(mutex_);
    if (change_.wait_until(lock, next, [this] { return stopping_; })) return;
  }
}

}  // namespace warp::tools
