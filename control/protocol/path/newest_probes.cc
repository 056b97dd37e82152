#include "control/protocol/path/newest_probes.h"

#include <algorithm>
#include <tuple>

namespace warp::protocol {

bool NewestProbes::Note(Instant now, uint16_t remote_port, uint64_t session, uint64_t number) {
  const auto known = ports_.find(remote_port);
  const Probe before = known != ports_.end() ? known->second : forgotten_;
  if (number <= before.number && session <= before.session) return false;
  if (known == ports_.end() && ports_.size() >= kMaxRemotePorts) {
    const auto oldest = std::min_element(
        ports_.begin(), ports_.end(),
        [](const auto& a, const auto& b) { return a.second.when < b.second.when; });
    const Probe& gone = oldest->second;
    if (std::tie(forgotten_.session, forgotten_.number) < std::tie(gone.session, gone.number))
      forgotten_ = gone;
    ports_.erase(oldest);
  }
  ports_[remote_port] = {std::max(session, before.session), number, now};
  return true;
}

}  // namespace warp::protocol
