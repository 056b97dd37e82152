// The data cap of one port: what it has carried in this period, and on what terms it is used therefore.
//
//            80 % carried                 all of it
//   ┌──────┐ ────────────► ┌──────┐ ──────────────────► ┌─────────┐
//   │ Open │               │ Near │                     │ Reached │
//   └──────┘ ◄──────────── └──────┘ ◄────────────────── └─────────┘
//       ▲                         corrected                   │
//       └───────────── a new period, corrected ───────────────┘
//
// Pure; one thread.
#ifndef WARP_CONTROL_CAP_CAP_H_
#define WARP_CONTROL_CAP_CAP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "control/cap/clock_watch.h"
#include "control/cap/ledger.h"
#include "control/cap/odometer.h"
#include "control/cap/port_terms.h"
#include "control/config/cap/cap_policy.h"

namespace warp::cap {

enum class CapState : uint8_t { kOpen, kNear, kReached };
absl::string_view CapStateName(CapState state);  // "open", "near", "reached"

// What is remembered of a cap over restarts.
struct CapRecord {
  std::string port;
  config::CapPeriod period;
  std::vector<Ledger::Entry> entries;  // at least one, at most Ledger::kMostEntries
  Ledger::Clock clock = {};
  bool lost = false;  // what was carried before is not known
  friend bool operator==(const CapRecord&, const CapRecord&) = default;
};

class Cap {
 public:
  // `port` has a cap.
  explicit Cap(const config::PortConfig& port);

  // --- Before the first Look. ---
  // What was remembered. Where the configuration has other periods now, what was carried in the present one counts in
  // the first of those.
  void Restore(const CapRecord& record, absl::CivilDay today);
  // There was something, and nobody can read it: so much may have been carried that nothing is left. It counts as
  // reached until a new period begins as time goes by, or somebody sets it, because the other way round might cost
  // money.
  void Lose();

  // --- What happens. ---
  void Look(absl::CivilDay today, const ClockWatch& clock);
  // The device of the port has counted so many bytes.
  // Returns how many of them are new.
  uint64_t Count(uint64_t total);
  void Closed() { odometer_.Close(); }
  void Set(uint64_t bytes);

  // --- What is. ---
  const config::PortConfig& port() const { return port_; }
  const config::CapPolicy& policy() const { return *port_.cap; }
  uint64_t used() const;  // where that is not known, all of it
  absl::CivilDay begin() const { return ledger_.begin(); }
  absl::CivilDay end() const { return ledger_.end(); }
  CapState state() const;
  bool lost() const { return lost_; }
  PortTerms terms() const;
  CapRecord record() const;

 private:
  config::PortConfig port_;
  Ledger ledger_;
  Odometer odometer_;
  bool lost_ = false;
};

}  // namespace warp::cap

#endif  // WARP_CONTROL_CAP_CAP_H_
