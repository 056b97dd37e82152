// What the answers of name services come to: the endpoints, the service records or the prefixes that a name stands for.
// Pure.
#ifndef WARP_CONTROL_LOOP_NAMES_FOUND_H_
#define WARP_CONTROL_LOOP_NAMES_FOUND_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/loop/names/dns_client.h"
#include "control/loop/names/services.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/nat64_prefix.h"

namespace warp::control {

// What is asked for.
struct WatchedName {
  std::string host;
  uint16_t port = 0;  // 0: service records, which have ports of their own

  // "host:port". InvalidArgument otherwise.
  static absl::StatusOr<WatchedName> Parse(absl::string_view text);
};

// Of which one list is not empty. All are without what is said twice, and but for the prefixes sorted.
struct Found {
  std::vector<wire::Endpoint> endpoints;  // at most 16
  std::vector<ServiceRecord> services;
  std::vector<wire::Nat64Prefix> prefixes;
  friend bool operator==(const Found&, const Found&) = default;
};

// Addresses of the name, or why there are none: NotFound. Of too many, each family keeps its half at least, and which
// ones are kept is another choice each `turn`.
absl::StatusOr<Found> EndpointsOf(const WatchedName& name, const absl::StatusOr<DnsFound>& answer,
                                  size_t turn);

// The records, or why there are none; the code says whether that is certain.
absl::StatusOr<Found> ServicesOf(const WatchedName& name, const absl::StatusOr<DnsFound>& answer);

// The prefixes by which a network translates (translation.h), or why there are none: NotFound.
absl::StatusOr<Found> PrefixesOf(const absl::StatusOr<DnsFound>& answer);

// What several answers have found, of which none can hide another: of too many, each has its part.
Found Together(const std::vector<Found>& all);

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_NAMES_FOUND_H_
