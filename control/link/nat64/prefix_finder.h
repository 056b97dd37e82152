// By which prefix a port that has IPv6 alone reaches IPv4 endpoints, where its configuration does not say:
//
//   routers advertise prefixes (RFC 8781) ──┐
//   name servers of the link (RFC 7050) ────┼─► the first that serves
//   64:ff9b::/96 (RFC 6052) ────────────────┘
//
// Routers and name servers may be mistaken, or lie. So one by which somebody answers is not left for another that is
// told later, but where its routers take it back. One by which nobody answers makes room for the next, in turns that
// become longer. What a wrong prefix leads to gets probes, handshakes and registers, and nothing else: nobody answers
// there who has not the peer's or the map's key. Control thread only.
#ifndef WARP_CONTROL_LINK_NAT64_PREFIX_FINDER_H_
#define WARP_CONTROL_LINK_NAT64_PREFIX_FINDER_H_

#include <chrono>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "dataplane/wire/nat64_prefix.h"
#include "dataplane/wire/time.h"

namespace warp::control {

// Who told of a prefix.
enum class PrefixSource : uint8_t { kConfig, kRouter, kNameServer, kDefault };
absl::string_view PrefixSourceName(PrefixSource source);  // "config", "router", "dns", "default"

struct SourcedPrefix {
  wire::Nat64Prefix prefix;
  PrefixSource source = PrefixSource::kDefault;
  friend bool operator==(const SourcedPrefix&, const SourcedPrefix&) = default;
};

class PrefixFinder {
 public:
  static constexpr wire::Duration kPatience = std::chrono::seconds(5);
  static constexpr wire::Duration kLongestPatience = std::chrono::minutes(5);

  // What was told last, the best of each first. Either may be empty. `answers`: whether somebody answers by the one in
  // use at this moment, since a lie may come within the second in which it has begun to serve.
  void SetAdvertised(wire::Instant now, std::vector<wire::Nat64Prefix> prefixes, bool answers);
  void SetFound(wire::Instant now, std::vector<wire::Nat64Prefix> prefixes, bool answers);
  // The link was lost, and another network may be behind it: what was told counts no more. The prefix in use is the
  // first guess for the next one.
  void Forget();
  // Whether somebody answers by the one in use, about once a second.
  void Look(wire::Instant now, bool answers);

  const std::vector<wire::Nat64Prefix>& advertised() const { return advertised_; }
  const SourcedPrefix& chosen() const { return chosen_; }

 private:
  std::vector<SourcedPrefix> InOrder() const;
  void Choose(wire::Instant now, bool answers);
  void Use(wire::Instant now, const SourcedPrefix& prefix);

  std::vector<wire::Nat64Prefix> advertised_;
  std::vector<wire::Nat64Prefix> found_;
  SourcedPrefix chosen_{wire::Nat64Prefix::WellKnown()};
  wire::Instant since_{};  // it is in use, or has answered last
  wire::Duration patience_ = kPatience;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_NAT64_PREFIX_FINDER_H_
