// What is known of a peer's endpoints, and from whom: config, each map, and the peer's own probes.
//
// Every source has at most kMaxEndpoints. A source may replace its own list; what it no longer names stays as long as a
// path to it is active. Learned endpoints are added, never substituted, and forgotten when no path to them was active for
// a while.
#ifndef WARP_CONTROL_PROTOCOL_PATH_ENDPOINT_BOOK_H_
#define WARP_CONTROL_PROTOCOL_PATH_ENDPOINT_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/protocol/constants.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/endpoint.h"

namespace warp::protocol {

enum class EndpointSource : uint8_t { kConfig, kMap, kLearned };

class EndpointBook {
 public:
  // Whether a path to the endpoint is active now.
  using ActiveFunction = absl::FunctionRef<bool(const wire::Endpoint&)>;

  // `endpoints` are acceptable (AcceptableEndpoint), the first kMaxEndpoints count. `instance` tells several maps apart.
  void Replace(Instant now, EndpointSource source, uint32_t instance,
               std::span<const wire::Endpoint> endpoints, ActiveFunction active);

  // From an authenticated probe that came in on `port`. False when nothing changed: known already, or no room, as all
  // learned ones are active. Otherwise the one that was idle for longest makes room.
  bool Learn(Instant now, const wire::Endpoint& endpoint, PortId port, ActiveFunction active);

  // Forgets what is due. True when something was.
  bool Tidy(Instant now, Duration learned_lifetime, ActiveFunction active);
  // When Tidy should look next.
  Instant NextTidy(Duration learned_lifetime) const;

  struct Known {
    wire::Endpoint endpoint;
    std::optional<PortId>
        port;  // of a learned link-local address: it means something on that port's link alone
  };
  // All, without repetition.
  std::vector<Known> All() const;
  size_t Count(EndpointSource source) const;

 private:
  struct Entry {
    wire::Endpoint endpoint;
    EndpointSource source;
    uint32_t instance = 0;
    PortId port = 0;         // learned
    Instant useful;          // learned: last seen active, or learned
    bool withdrawn = false;  // its source names it no more
  };
  std::vector<Entry> entries_;
};

// What may be an endpoint of somebody else at all: not multicast, not unspecified, not port 0, not loopback unless
// allowed.
bool AcceptableEndpoint(const wire::Endpoint& endpoint, bool allow_loopback);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_ENDPOINT_BOOK_H_
