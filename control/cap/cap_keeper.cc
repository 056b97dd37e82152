#include "control/cap/cap_keeper.h"

#include <poll.h>

#include <utility>

#include "absl/strings/str_cat.h"

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
  keeper->Restore(ReadCapFile(keeper->file_.place()));
  const auto nothing = [](const config::PortConfig&) { return std::optional<uint64_t>(); };
  keeper->book_.Look(loop.now(), keeper->options_.wall_clock(), nothing);
  return keeper;
}

CapKeeper::CapKeeper(control::Loop& loop, const config::NodeConfig& config,
                     const wire::PublicKey& node, Options options)
    : loop_(loop),
      options_(std::move(options)),
      file_(config.node.state_directory, "caps", node),
      book_(config.ports, node, options_.zone),
      look_(loop, [this] { Look(); }) {}

void CapKeeper::Restore(const absl::StatusOr<std::optional<CapFile>>& file) {
  keep_bad_ = !file.ok();
  const bool found = file.ok() && file->has_value();
  const bool moves = file_.Follow(found ? &(*file)->origin : nullptr);
  if (found) book_.Restore(std::optional((*file)->records), options_.wall_clock());
  if (moves) book_.SetNode(file_.node());  // it is written under this name
  if (file.ok()) return;
  book_.Restore(
      absl::InvalidArgumentError(absl::StrCat(
          file_.path(), " ", file.status().message(),
          ": data caps count as reached until a period begins, or `warp cap set` says better")),
      options_.wall_clock());
}

void CapKeeper::Begin(Total total, Changed changed) {
  total_ = std::move(total);
  changed_ = std::move(changed);
  if (!book_.empty()) Watch();
}

void CapKeeper::Watch() {
  written_ = std::make_unique<control::Watch>(loop_, thread_->fd(), POLLIN,
                                              [this](uint32_t) { thread_->RunFinished(); });
  Look();
}

// --- Ports come and go. ---

absl::Status CapKeeper::Add(const config::PortConfig& port) {
  if (!port.cap.has_value()) return absl::OkStatus();
  if (thread_ == nullptr) {
    if (absl::Status status = ReadLate(); !status.ok()) return status;
  } else if (!reading_) {
    book_.Add(port, options_.wall_clock());
    return absl::OkStatus();
  }
  late_.push_back(port);
  return absl::OkStatus();
}

void CapKeeper::Remove(const config::PortConfig& port) {
  std::erase_if(late_, [&](const config::PortConfig& late) { return late.name == port.name; });
  book_.Remove(port);
}

absl::Status CapKeeper::ReadLate() {
  auto thread = control::HelperThread::Start("warp-caps");
  if (!thread.ok()) return thread.status();
  thread_ = *std::move(thread);
  reading_ = true;
  thread_->Submit([this, place = file_.place()] {
    const auto file = ReadCapFile(place);
    return [this, file] {
      reading_ = false;
      Restore(file);
      for (const config::PortConfig& port : std::exchange(late_, {})) {
        book_.Add(port, options_.wall_clock());
        if (const std::optional<uint64_t> total = TotalOf(port)) book_.NoteOpened(port, *total);
        changed_(port);
      }
    };
  });
  Watch();
  return absl::OkStatus();
}

// --- Looking and writing. ---

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
  const auto writer = file_.Writer(book_.Take(loop_.now()), std::exchange(keep_bad_, false));
  thread_->Submit([this, writer] {
    const state::MovingFile::Written written = writer();
    return [this, written] {
      file_.NoteWritten(written);
      book_.NoteWritten(loop_.now(), written.status);
    };
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

void CapKeeper::SetNode(const wire::PublicKey& node) {
  file_.SetNode(node);
  book_.SetNode(node);
}

void CapKeeper::Finish(wire::Duration patience) {
  if (thread_ == nullptr) return;
  book_.Look(loop_.now(), options_.wall_clock(), total_);
  look_.Cancel();
  if (book_.unsaved()) Write();
  thread_->WaitUntilIdle(patience);
}

}  // namespace warp::cap
