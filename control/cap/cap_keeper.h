// Joins the data caps of a node with the loop, the machine's clock and the disk: looks ten times a second what the
// capped ports have carried, and writes it to the file on a thread of its own, `warp-caps`, which may wait for the disk
// for as long as it likes. A node without caps has no such thread, and looks at nothing. One that gets its first cap
// while it runs reads the file by that thread, too: until that has ended, within milliseconds, the cap counts nothing.
//
// Control thread.
#ifndef WARP_CONTROL_CAP_CAP_KEEPER_H_
#define WARP_CONTROL_CAP_CAP_KEEPER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control/cap/cap_book.h"
#include "control/cap/cap_file.h"
#include "control/config/node_config.h"
#include "control/loop/helper_thread.h"
#include "control/loop/loop.h"
#include "control/state/moving_file.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::cap {

class CapKeeper {
 public:
  struct Options {
    absl::TimeZone zone;                     // the machine's
    std::function<absl::Time()> wall_clock;  // what the machine believes
    std::function<void(const std::string& sentence)> warn;
  };

  // Reads the file, which may wait for the disk; a file that cannot be read is no error, but a warning. `loop` and
  // `config` outlive it. Unavailable where the process is out of threads or descriptors.
  static absl::StatusOr<std::unique_ptr<CapKeeper>> Open(control::Loop& loop,
                                                         const config::NodeConfig& config,
                                                         const wire::PublicKey& node,
                                                         Options options);

  // From here on it looks. `total` is as CapBook::TotalFunction has it; `changed` is called for ports that are used on
  // other terms now.
  using Total = std::function<std::optional<uint64_t>(const config::PortConfig&)>;
  using Changed = std::function<void(const config::PortConfig&)>;
  void Begin(Total total, Changed changed);

  PortTerms TermsOf(const config::PortConfig& port) const { return book_.TermsOf(port); }
  // The port has come, or it is about to go (CapBook). Unavailable where the process is out of threads or descriptors,
  // which only the first cap needs.
  absl::Status Add(const config::PortConfig& port);
  void Remove(const config::PortConfig& port);
  // The device of the port was opened, or is about to be closed.
  void NoteOpened(const config::PortConfig& port);
  void NoteClosing(const config::PortConfig& port);
  // As CapBook::Set, and what follows from it.
  absl::Status Set(const std::string& port, uint64_t bytes);

  // The node has another key: what was carried is remembered under that, and the file moves.
  void SetNode(const wire::PublicKey& node);

  // The end: looks once more and writes, for so long at most.
  void Finish(wire::Duration patience);

  const CapBook& book() const { return book_; }

 private:
  CapKeeper(control::Loop& loop, const config::NodeConfig& config, const wire::PublicKey& node,
            Options options);
  absl::Status ReadLate();
  void Restore(const absl::StatusOr<std::optional<CapFile>>& file);
  void Watch();
  std::optional<uint64_t> TotalOf(const config::PortConfig& port) const;
  void Look();
  void Write();
  void WarnOnce(const std::string& problem);

  control::Loop& loop_;
  const Options options_;
  state::MovingFile file_;
  CapBook book_;
  bool reading_ = false;                  // the file, late
  std::vector<config::PortConfig> late_;  // that wait for that
  bool keep_bad_ = false;  // the file cannot be read, and is put aside before it is replaced
  std::string warned_;
  Total total_;
  Changed changed_;
  std::unique_ptr<control::HelperThread> thread_;
  std::unique_ptr<control::Watch> written_;
  control::Timer look_;
};

}  // namespace warp::cap

#endif  // WARP_CONTROL_CAP_CAP_KEEPER_H_
