#include "control/protocol/path/newest_probes.h"

#include <algorithm>
#include <tuple>

namespace warp::protocol {

bool NewestProbes::Note(Instant now, uint64_t session, const Probe& probe) {
  const auto known = ports_.find(probe.port);
  const Newest before = known != ports_.end() ? known->second : forgotten_;
  if (probe.number <= before.number && session <= before.session) return false;
  if (known == ports_.end() && ports_.size() >= kMaxRemotePorts) {
    const auto oldest = std::min_element(
        ports_.begin(), ports_.end(),
        [](const auto& a, const auto& b) { return a.second.when < b.second.when; });
    const Newest& gone = oldest->second;
    if (std::tie(forgotten_.session, forgotten_.number) < std::tie(gone.session, gone.number))
      forgotten_ = gone;
    ports_.erase(oldest);
  }
  ports_[probe.port] = {std::max(session, before.session), probe.number, probe.use, now};
  return true;
}

std::optional<PortUse> NewestProbes::UseOf(uint16_t remote_port) const {
  const auto known = ports_.find(remote_port);
  if (known == ports_.end()) return std::nullopt;
  return known->second.use;
}

}  // namespace warp::protocol
