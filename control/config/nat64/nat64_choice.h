// How a port that has no IPv4 address reaches IPv4 endpoints (RFC 6146).
#ifndef WARP_CONTROL_CONFIG_NAT64_NAT64_CHOICE_H_
#define WARP_CONTROL_CONFIG_NAT64_NAT64_CHOICE_H_

#include <optional>

#include "control/config/schema/codec.h"
#include "dataplane/wire/nat64_prefix.h"

namespace warp::config {

struct Nat64Choice {
  bool finds_out = true;  // by which prefix
  std::optional<wire::Nat64Prefix> prefix =
      {};  // the one that is said; unset, and nothing to find out: it does not

  friend bool operator==(const Nat64Choice&, const Nat64Choice&) = default;
};

// auto, none, or a prefix of RFC 6052.
Codec<Nat64Choice> Nat64Text();

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_NAT64_NAT64_CHOICE_H_
