#include "control/history/history_keeper.h"

#include <poll.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/history/history_file.h"

namespace warp::history {

absl::StatusOr<std::unique_ptr<HistoryKeeper>> HistoryKeeper::Open(control::Loop& loop,
                                                                   const wire::PublicKey& node,
                                                                   Options options) {
  std::unique_ptr<HistoryKeeper> keeper(new HistoryKeeper(loop, node, std::move(options)));
  auto thread = control::HelperThread::Start("warp-history");
  if (!thread.ok()) return thread.status();
  keeper->thread_ = *std::move(thread);
  keeper->written_ = std::make_unique<control::Watch>(
      loop, keeper->thread_->fd(), POLLIN,
      [raw = keeper.get()](uint32_t) { raw->thread_->RunFinished(); });
  auto file = ReadHistoryFile(keeper->file_.place());
  keeper->keep_bad_ = !file.ok();
  const bool found = file.ok() && file->has_value();
  if (keeper->file_.Follow(found ? &(*file)->origin : nullptr)) keeper->WriteSoon();
  if (!file.ok()) {
    const std::string& path = keeper->file_.path();
    keeper->options_.warn(absl::StrCat(path, " ", file.status().message(),
                                       ": the history of the links begins anew; the file is kept "
                                       "as ",
                                       path, ".bad"));
  } else if (found) {
    keeper->history_.Restore(std::move((*file)->links));
  }
  return keeper;
}

HistoryKeeper::HistoryKeeper(control::Loop& loop, const wire::PublicKey& node, Options options)
    : loop_(loop),
      options_(std::move(options)),
      file_(options_.directory, "history", node),
      history_(options_.zone),
      looked_(loop.now()),
      written_at_(loop.now()) {}

void HistoryKeeper::Look(const verdict::LinkBook::Links& links,
                         const std::function<bool(const std::string&)>& is_up) {
  const absl::Time time = clock_.Of(loop_.now(), options_.wall_clock(), history_.newest());
  const auto passed = std::chrono::duration_cast<std::chrono::seconds>(loop_.now() - looked_);
  looked_ += passed;
  // A link that was forgotten begins again at nothing.
  std::erase_if(told_, [&](const auto& told) { return !links.contains(told.first); });
  for (const auto& [port, totals] : links) {
    verdict::LinkTotals& told = told_[port];
    const verdict::LinkTotals added = totals.Since(told);
    told.Raise(totals);
    Record record{.up_s = is_up(port) ? static_cast<uint64_t>(passed.count()) : 0,
                  .first = added.first,
                  .sole = added.sole,
                  .duplicates = added.duplicates,
                  .rx_bytes = added.rx_bytes,
                  .tx_bytes = added.tx_bytes};
    if (const std::optional<uint64_t> median = lcore::MedianOf(added.skew)) {
      for (const uint64_t count : added.skew) record.skew_samples += count;
      record.skew_us = *median / 1000 * record.skew_samples;
    }
    history_.Add(port, time, record);
  }
  if (loop_.now() - written_at_ >= kWriteInterval) Write();
}

void HistoryKeeper::Write() {
  if (!std::exchange(writing_, true)) Submit();
}

// The thread gets copies of all that it needs: it may outlive this.
void HistoryKeeper::Submit() {
  written_at_ = loop_.now();
  const auto writer =
      file_.Writer(WriteHistory(file_.node(), options_.wall_clock(), history_.links()),
                   std::exchange(keep_bad_, false));
  thread_->Submit([this, writer] {
    const state::MovingFile::Written written = writer();
    return [this, written] {
      file_.NoteWritten(written);
      NoteWritten(written.status);
    };
  });
}

void HistoryKeeper::SetNode(const wire::PublicKey& node) {
  file_.SetNode(node);
  WriteSoon();
}

void HistoryKeeper::WriteSoon() { written_at_ = loop_.now() - kWriteInterval; }

void HistoryKeeper::NoteWritten(const absl::Status& status) {
  writing_ = false;
  if (!status.ok() && !warned_) {
    options_.warn(
        absl::StrCat("the history of the links will not be remembered: ", status.message()));
  }
  warned_ = !status.ok();
}

// What is being written now, or was and nobody has taken note of that yet, may be minutes old.
void HistoryKeeper::Finish(wire::Duration patience) {
  if (!history_.links().empty()) Submit();
  thread_->WaitUntilIdle(patience);
}

}  // namespace warp::history
