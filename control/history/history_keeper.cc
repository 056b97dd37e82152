#include "control/history/history_keeper.h"

#include <poll.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/history/history_file.h"
#include "control/state/state_file.h"

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
  auto links = ReadHistoryFile(keeper->path_, node);
  keeper->keep_bad_ = !links.ok();
  if (!links.ok()) {
    keeper->options_.warn(absl::StrCat(keeper->path_, " ", links.status().message(),
                                       ": the history of the links begins anew; the file is kept "
                                       "as ",
                                       keeper->path_, ".bad"));
  } else if (links->has_value()) {
    keeper->history_.Restore(**std::move(links));
  }
  return keeper;
}

HistoryKeeper::HistoryKeeper(control::Loop& loop, const wire::PublicKey& node, Options options)
    : loop_(loop),
      node_(node),
      options_(std::move(options)),
      path_(state::StateFilePath(options_.directory, "history", node)),
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

// The thread gets copies of all that it needs: it may outlive this.
void HistoryKeeper::Write() {
  if (std::exchange(writing_, true)) return;
  written_at_ = loop_.now();
  thread_->Submit([this, path = path_, keep = std::exchange(keep_bad_, false),
                   bytes = WriteHistory(node_, options_.wall_clock(), history_.links())] {
    if (keep) state::KeepAside(path);
    const absl::Status status = state::ReplaceStateFile(path, bytes);
    return [this, status] { NoteWritten(status); };
  });
}

void HistoryKeeper::SetNode(const wire::PublicKey& node) {
  node_ = node;
  path_ = state::StateFilePath(options_.directory, "history", node);
  written_at_ = loop_.now() - kWriteInterval;  // the next look writes
}

void HistoryKeeper::NoteWritten(const absl::Status& status) {
  writing_ = false;
  if (!status.ok() && !warned_) {
    options_.warn(
        absl::StrCat("the history of the links will not be remembered: ", status.message()));
  }
  warned_ = !status.ok();
}

void HistoryKeeper::Finish(wire::Duration patience) {
  if (!history_.links().empty()) Write();
  thread_->WaitUntilIdle(patience);
}

}  // namespace warp::history
