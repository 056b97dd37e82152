// Joins the history of a node with the loop, the machine's clock and the disk: writes it on a thread of its own,
// `warp-history`, once in kWriteInterval and at the end. A crash loses what came since.
//
// Control thread.
#ifndef WARP_CONTROL_HISTORY_HISTORY_KEEPER_H_
#define WARP_CONTROL_HISTORY_HISTORY_KEEPER_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control/history/history.h"
#include "control/history/history_clock.h"
#include "control/loop/helper_thread.h"
#include "control/loop/loop.h"
#include "control/state/moving_file.h"
#include "control/verdict/link_book.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/time.h"

namespace warp::history {

class HistoryKeeper {
 public:
  // A disk of an appliance may be a memory card, which wears out: some 100 kB are written each time.
  static constexpr wire::Duration kWriteInterval = std::chrono::minutes(10);

  struct Options {
    std::string directory;  // of the file; made where its last part is missing
    absl::TimeZone zone;    // the machine's
    std::function<absl::Time()> wall_clock;
    std::function<void(const std::string& sentence)> warn;
  };

  // Reads the file, which may wait for the disk; a file that cannot be read is no error, but a warning, and is kept
  // aside. `loop` outlives it. Unavailable where the process is out of threads or descriptors.
  static absl::StatusOr<std::unique_ptr<HistoryKeeper>> Open(control::Loop& loop,
                                                             const wire::PublicKey& node,
                                                             Options options);

  // Adds what the links have done since the last call; `is_up` says of each whether it is up. Called every few seconds.
  void Look(const verdict::LinkBook::Links& links,
            const std::function<bool(const std::string& port)>& is_up);

  // The node has another key: the history goes on under that, and the file moves.
  void SetNode(const wire::PublicKey& node);

  // The end: writes, for so long at most.
  void Finish(wire::Duration patience);

  const History& history() const { return history_; }

 private:
  HistoryKeeper(control::Loop& loop, const wire::PublicKey& node, Options options);
  void Write();
  void Submit();
  void WriteSoon();  // at the next look
  void NoteWritten(const absl::Status& status);

  control::Loop& loop_;
  const Options options_;
  state::MovingFile file_;
  History history_;
  HistoryClock clock_;
  std::map<std::string, verdict::LinkTotals> told_;  // what is in the history, of this process
  wire::Instant looked_;
  wire::Instant written_at_;
  bool keep_bad_ = false;  // the file cannot be read, and is put aside before it is replaced
  bool writing_ = false;
  bool warned_ = false;
  std::unique_ptr<control::HelperThread> thread_;
  std::unique_ptr<control::Watch> written_;
};

}  // namespace warp::history

#endif  // WARP_CONTROL_HISTORY_HISTORY_KEEPER_H_
