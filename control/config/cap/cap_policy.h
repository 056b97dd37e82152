// How much a port may carry in a day, a week or a month, and what becomes of it then (`ports[].cap`).
#ifndef WARP_CONTROL_CONFIG_CAP_CAP_POLICY_H_
#define WARP_CONTROL_CONFIG_CAP_CAP_POLICY_H_

#include <cstdint>

#include "dataplane/wire/words.h"

namespace warp::config {

enum class CapUnit : uint8_t { kDay, kWeek, kMonth };
inline constexpr wire::Words<CapUnit, 3> kCapUnitWords = {
    {{"day", CapUnit::kDay}, {"week", CapUnit::kWeek}, {"month", CapUnit::kMonth}}};

// Periods follow each other without a gap. Each begins at local midnight.
struct CapPeriod {
  CapUnit each = CapUnit::kMonth;
  // Of a month the day on which it begins, 1 to 31: a month that is shorter has it on its last day. Of a week 1, which
  // is Monday, to 7. Of a day always 1.
  uint8_t from = 1;
  friend bool operator==(const CapPeriod&, const CapPeriod&) = default;
};

enum class CapAct : uint8_t {
  kBackup,  // the port is used where no other works
  kStop,    // nothing is sent by it
  kRate,    // no more than a rate is sent by it
};

struct CapLimit {
  CapAct act = CapAct::kBackup;
  uint64_t rate = 0;  // of kRate: bits a second
  friend bool operator==(const CapLimit&, const CapLimit&) = default;
};

struct CapPolicy {
  uint64_t bytes = 0;  // of frames sent and received in a period
  CapPeriod period;
  CapLimit at_limit;
  friend bool operator==(const CapPolicy&, const CapPolicy&) = default;
};

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_CAP_CAP_POLICY_H_
