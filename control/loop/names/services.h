// Service records (RFC 2782): which hosts offer a service of a domain, and in what order they are to be tried.
#ifndef WARP_CONTROL_LOOP_NAMES_SERVICES_H_
#define WARP_CONTROL_LOOP_NAMES_SERVICES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/wire/bytes.h"

namespace warp::control {

struct ServiceRecord {
  uint16_t priority = 0;
  uint16_t weight = 0;
  uint16_t port = 0;
  std::string target;
  friend auto operator<=>(const ServiceRecord&, const ServiceRecord&) = default;
};

// What domains call the service of a map.
inline constexpr char kMapService[] = "_warp-map._udp";

// Of what an answer names, the rest is left out.
inline constexpr size_t kMostServices = 8;

// Reads the answer of a name server, sorted, without what is said twice, and without records whose target is no host
// name or whose port is 0. NotFound: there are no records. FailedPrecondition: the domain says that it has no such
// service (target "."). Unavailable: the answer is malformed, or none of its records is of use.
absl::StatusOr<std::vector<ServiceRecord>> ReadServices(wire::Bytes answer);

// The order in which they are to be tried: the lowest priority first, those of one priority by chance, in the measure
// of their weights. At most kMostServices. `random` gives a number from 0 to what it is given, inclusive.
std::vector<ServiceRecord> InOrder(std::vector<ServiceRecord> records,
                                   const std::function<uint32_t(uint32_t)>& random);

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_NAMES_SERVICES_H_
