#include "tools/top/top.h"

#include <chrono>
#include <ctime>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/str_format.h"
#include "tools/ask/status_client.h"
#include "tools/terminal/complain.h"
#include "tools/top/canvas.h"
#include "tools/top/frame.h"
#include "tools/top/screen.h"
#include "tools/top/terminal_screen.h"
#include "tools/watch/model/judgement.h"
#include "tools/watch/model/minute.h"
#include "tools/watch/watcher.h"

namespace warp::tools {
namespace {

constexpr int kNoTerminal = 2;
constexpr std::chrono::milliseconds kPatience(2000);  // and so long it may take to quit

std::string TimeOfDay() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return absl::StrFormat("%02d:%02d:%02d", local.tm_hour, local.tm_min, local.tm_sec);
}

std::vector<Series> Copies(const std::vector<const Series*>& series) {
  std::vector<Series> copies;
  copies.reserve(series.size());
  for (const Series* one : series) copies.push_back(*one);
  return copies;
}

// The newest frame. The watcher's thread makes it, and the terminal's takes it.
class Frames {
 public:
  void Take(double now_s, const absl::StatusOr<std::string>& answer) {
    auto frame = std::make_shared<Frame>();
    frame->time = TimeOfDay();
    absl::StatusOr<Sample> sample =
        answer.ok() ? ReadSample(*answer) : absl::StatusOr<Sample>(answer.status());
    if (sample.ok()) {
      minute_.Add(now_s, *sample);
      frame->known = true;
      frame->judgement = Judge(*sample);
      frame->paths = Copies(minute_.paths());
      frame->tunnels = Copies(minute_.tunnels());
      frame->sample = *std::move(sample);
    } else {
      minute_.AddNothing(now_s);
      frame->judgement = JudgeNothing(sample.status().message());
    }
    frame->node = minute_.node();
    const std::lock_guard lock(mutex_);
    newest_ = std::move(frame);
  }

  std::shared_ptr<const Frame> newest() const {
    const std::lock_guard lock(mutex_);
    return newest_;
  }

 private:
  Minute minute_;  // of the watcher's thread
  mutable std::mutex mutex_;
  std::shared_ptr<const Frame> newest_ = std::make_shared<Frame>(
      Frame{.judgement = {.health = Health::kWorn, .answer = "Asking the daemon."}});
};

void Watch(TerminalScreen& terminal, const Frames& frames) {
  ScreenState state;
  std::shared_ptr<const Frame> frame = frames.newest();
  while (!state.quit) {
    if (!state.paused) frame = frames.newest();
    Canvas canvas(terminal.columns(), terminal.rows());
    Draw(*frame, &state, &canvas);
    terminal.Show(canvas);
    Press(terminal.Read(), RowsOf(*frame, state.tab), &state);
  }
}

}  // namespace

int RunTop(const TopOptions& options) {
  absl::StatusOr<std::unique_ptr<TerminalScreen>> terminal = TerminalScreen::Open();
  if (!terminal.ok()) {
    Complain(terminal.status().message());
    return kNoTerminal;
  }
  Frames frames;
  const Watcher watcher([&options] { return AskDaemon(options.socket, "status", kPatience); },
                        [&frames](double now_s, const absl::StatusOr<std::string>& answer) {
                          frames.Take(now_s, answer);
                        });
  Watch(**terminal, frames);
  terminal->reset();  // the terminal is back before the last answer is waited for
  return 0;
}

}  // namespace warp::tools
