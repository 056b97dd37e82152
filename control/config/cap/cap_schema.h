// The keys of a port's data cap.
#ifndef WARP_CONTROL_CONFIG_CAP_CAP_SCHEMA_H_
#define WARP_CONTROL_CONFIG_CAP_CAP_SCHEMA_H_

#include <cstdint>
#include <string>

#include "control/config/cap/cap_policy.h"
#include "control/config/schema/schema.h"

namespace warp::config {

const SectionOf<CapPolicy>& CapSchema();

// How much a cap may be, and what `warp cap set` takes: "12.5GB". The least is 1 MB, as exactly as traffic is counted.
Codec<uint64_t> CapSize();
Codec<uint64_t> CapUsed();

// "backup", "stop", "1Mbit"; "month from 3", "week from mon", "day".
std::string CapLimitText(const CapLimit& limit);
std::string CapPeriodText(const CapPeriod& period);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_CAP_CAP_SCHEMA_H_
