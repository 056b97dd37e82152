// The servers that one address of the configuration stands for, in the order in which they are to be tried:
//
//   "map.example.net:13116"   one server, by all addresses of the name
//   "example.net"             those that the records _warp-map._udp.example.net name (RFC 2782); where there are none,
//                             or nobody has said yet whether there are, the name itself, at WARP's port
//
// Each target is a name with a clock of its own, so that one which nobody answers holds up no other. What was found
// stands while later look-ups fail.
#ifndef WARP_CONTROL_LOOP_SERVERS_H_
#define WARP_CONTROL_LOOP_SERVERS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/loop/resolver.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

// The addresses of each server.
using Servers = std::vector<std::vector<wire::Endpoint>>;
using ServersHandler = std::function<void(const absl::StatusOr<Servers>&)>;

// `handler` is called as that of Resolver::Watch is. `address` is as above, and `resolver` outlives the result.
[[nodiscard]] std::unique_ptr<Resolver::Name> WatchServers(Resolver& resolver,
                                                           absl::string_view address,
                                                           ServersHandler handler);

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_SERVERS_H_
