#include "control/cap/cap_keeper.h"

#include <poll.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "control/state/state_file.h"

namespace warp::cap {

absl::StatusOr<std::unique_ptr<CapKeeper>> CapKeeper::Open(control::Loop& loop,
                                                           const config::NodeConfig& config,
                                                           const wire::PublicKey& node,
                                                           Options options) {
  std::unique_ptr<CapKeeper> keeper(new CapKeeper(loop, config, node, std::move(options)));
  if (keeper->book_.empty()) return keeper;
  auto thread = control::HelperThread::Start("warp-caps");
  if (!thread.ok()) return thread.status();
  keeper->thread_ = *std::move(thread);
  const auto file = ReadCapFile(keeper->path_, node);
  keeper->keep_bad_ = !file.ok();
  if (file.ok()) {
    keeper->book_.Restore(file, keeper->options_.wall_clock());
  } else {
    keeper->book_.Restore(
        absl::InvalidArgumentError(absl::StrCat(
            keeper->path_, " ", file.status().message(),
            ": data caps count as reached until a period begins, or `warp cap set` says better")),
        keeper->options_.wall_clock());
  }
  const auto nothing = [](const config::PortConfig&) { return std::optional<uint64_t>(); };
  keeper->book_.Look(loop.now(), keeper->options_.wall_clock(), nothing);
  return keeper;
}

CapKeeper::CapKeeper(control::Loop& loop, const config::NodeConfig& config,
                     const wire::PublicKey& node, Options options)
    : loop_(loop),
      options_(std::move(options)),
      path_(state::StateFilePath(config.node.state_directory, "caps", node)),
      book_(config.ports, node, options_.zone),
      look_(loop, [this] { Look(); }) {}

void CapKeeper::Begin(Total total, Changed changed) {
  if (book_.empty()) return;
  total_ = std::move(total);
  changed_ = std::move(changed);
  written_ = std::make_unique<control::Watch>(loop_, thread_->fd(), POLLIN,
                                              [this](uint32_t) { thread_->RunFinished(); });
  Look();
}

void CapKeeper::Look() {
  for (const config::PortConfig* const port :
       book_.Look(loop_.now(), options_.wall_clock(), total_)) {
    changed_(*port);
  }
  if (book_.due(loop_.now())) Write();
  WarnOnce(book_.problem());
  look_.Set(CapBook::kLookInterval);
}

// The thread gets copies of all that it needs: it may outlive this.
void CapKeeper::Write() {
  const std::string text = book_.Take(loop_.now());
  thread_->Submit([this, path = path_, text, keep = std::exchange(keep_bad_, false)] {
    if (keep) state::KeepAside(path);
    const absl::Status status = state::ReplaceStateFile(path, text);
    return [this, status] { book_.NoteWritten(loop_.now(), status); };
  });
}

void CapKeeper::WarnOnce(const std::string& problem) {
  if (problem == warned_) return;
  warned_ = problem;
  if (!problem.empty()) options_.warn(absl::StrCat("data caps: ", problem));
}

// Nothing that has no cap is asked for.
std::optional<uint64_t> CapKeeper::TotalOf(const config::PortConfig& port) const {
  return total_ == nullptr || !port.cap.has_value() ? std::nullopt : total_(port);
}

void CapKeeper::NoteOpened(const config::PortConfig& port) {
  if (const std::optional<uint64_t> total = TotalOf(port)) book_.NoteOpened(port, *total);
}

void CapKeeper::NoteClosing(const config::PortConfig& port) {
  if (const std::optional<uint64_t> total = TotalOf(port)) book_.NoteClosing(port, *total);
}

absl::Status CapKeeper::Set(const std::string& port, uint64_t bytes) {
  if (absl::Status status = book_.Set(port, bytes); !status.ok()) return status;
  Look();
  return absl::OkStatus();
}

void CapKeeper::Finish(wire::Duration patience) {
  if (total_ == nullptr) return;
  book_.Look(loop_.now(), options_.wall_clock(), total_);
  look_.Cancel();
  if (book_.unsaved()) Write();
  thread_->WaitUntilIdle(patience);
}

}  // namespace warp::cap
