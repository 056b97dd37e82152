// By which prefixes a network translates to IPv4, out of what its name servers say (RFC 7050): they give a name that
// has IPv4 addresses alone, which everybody knows, as IPv6 addresses that hold those.
#ifndef WARP_CONTROL_LOOP_NAMES_TRANSLATION_H_
#define WARP_CONTROL_LOOP_NAMES_TRANSLATION_H_

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/nat64_prefix.h"

namespace warp::control {

// The name; its addresses are 192.0.0.170 and 192.0.0.171.
inline constexpr char kIpv4OnlyName[] = "ipv4only.arpa";

// Of what an answer names, the rest is left out.
inline constexpr size_t kMostPrefixes = 4;

// The prefixes with which these addresses hold one of the two, wherever it stands (RFC 6052, section 2.2). Those that
// hold both come first: other bytes may happen to look like one.
std::vector<wire::Nat64Prefix> PrefixesIn(std::span<const wire::IpAddress> addresses);

// Reads the answer of a name server. NotFound: it holds none.
absl::StatusOr<std::vector<wire::Nat64Prefix>> ReadPrefixes(wire::Bytes answer);

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_NAMES_TRANSLATION_H_
