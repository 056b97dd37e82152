// The data caps of a node: looks what its ports have carried, says which of them are used on other terms now, and when
// what it knows should be written to the file.
//
// What a crash may forget is what was counted since the last writing: kMostUnsaved, or what a fast link carries in the
// tenth of a second between two looks and while the disk writes; and where little comes, that of kLongestUnsaved.
//
// Sans-IO, one thread; `now` never falls, and `wall` is what the machine's clock says, which may.
#ifndef WARP_CONTROL_CAP_CAP_BOOK_H_
#define WARP_CONTROL_CAP_CAP_BOOK_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control/cap/cap.h"
#include "control/cap/cap_file.h"
#include "control/cap/clock_watch.h"
#include "control/cap/port_terms.h"
#include "control/config/node_config.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/time.h"

namespace warp::cap {

using wire::Instant;

class CapBook {
 public:
  static constexpr wire::Duration kLookInterval = std::chrono::milliseconds(100);
  static constexpr uint64_t kMostUnsaved = 512 * 1024;  // bytes
  static constexpr wire::Duration kLongestUnsaved = std::chrono::seconds(60);
  // A disk that cannot be written is tried again so often.
  static constexpr wire::Duration kTryAgain = std::chrono::seconds(5);

  // Ports that come later, by a pattern or because the configuration changes, are added. `zone` is the machine's.
  CapBook(const std::vector<config::PortConfig>& ports, const wire::PublicKey& node,
          absl::TimeZone zone);

  // No port has a cap, nor had one, nor will one that a pattern makes: there is nothing to do.
  bool empty() const { return empty_; }

  // What the file had (ReadCapFile), before the first Look. Of a file that cannot be read, problem() tells.
  void Restore(const absl::StatusOr<std::optional<std::vector<CapRecord>>>& file, absl::Time wall);

  // What the device of a port has counted, sent and received; nullopt: it is not open.
  using TotalFunction = absl::FunctionRef<std::optional<uint64_t>(const config::PortConfig&)>;
  // Counts. Returns the ports of which terms() are others than before.
  std::vector<const config::PortConfig*> Look(Instant now, absl::Time wall, TotalFunction total);
  // The port has come, or it is about to go. What it has carried is kept under its name meanwhile.
  void Add(const config::PortConfig& port, absl::Time wall);
  void Remove(const config::PortConfig& port);
  // The device of a port was opened, and has counted as much: the port has carried what comes after that.
  void NoteOpened(const config::PortConfig& port, uint64_t total);
  // It is about to be closed.
  void NoteClosing(const config::PortConfig& port, uint64_t total);
  // NotFound where no such port has a cap. The next Look tells what follows.
  absl::Status Set(const std::string& port, uint64_t bytes);

  // --- Writing. ---

  // Whether the file should be written now. Then Take gives its contents, and NoteWritten is called when that has
  // ended, before which nothing is due.
  bool due(Instant now) const;
  std::string Take(Instant now);
  void NoteWritten(Instant now, const absl::Status& status);
  // The node has another key, and with it another file, which is to be written now.
  void SetNode(const wire::PublicKey& node) {
    node_ = node;
    urgent_ = true;
  }
  // Something was counted that the file does not know.
  bool unsaved() const { return unsaved_ > 0 || urgent_; }

  // --- What is. ---

  PortTerms TermsOf(const config::PortConfig& port) const;
  const std::vector<Cap>& caps() const { return caps_; }
  const Cap* Find(const std::string& port) const;
  // A disk that has not written for so long is said to hang.
  static constexpr wire::Duration kSlowDisk = std::chrono::seconds(10);
  // Why counts are not what they should be, or will not be remembered; empty: nothing is wrong.
  std::string problem() const;

 private:
  // A state may change nothing of the terms, and people want to hear of it.
  struct Told {
    PortTerms terms;
    CapState state = CapState::kOpen;
    friend bool operator==(const Told&, const Told&) = default;
  };

  absl::CivilDay DayOf(absl::Time wall) const { return absl::ToCivilDay(wall, zone_); }
  Cap* FindCap(const std::string& port);
  void Count(Cap& cap, uint64_t total);
  void Forget();

  wire::PublicKey node_;
  const absl::TimeZone zone_;
  ClockWatch clock_;
  std::vector<Cap> caps_;
  std::vector<Told> told_;         // by cap: what Look has told last
  std::vector<CapRecord> others_;  // of ports without a cap now, the latest last
  bool empty_ = true;
  std::string read_problem_, write_problem_;

  uint64_t unsaved_ = 0;  // bytes
  bool urgent_ = false;   // a period or a day began, or somebody has set a count
  bool writing_ = false;
  Instant saved_{};  // when the last writing began
  Instant looked_{};
  Instant not_before_{};  // no writing earlier
};

}  // namespace warp::cap

#endif  // WARP_CONTROL_CAP_CAP_BOOK_H_
