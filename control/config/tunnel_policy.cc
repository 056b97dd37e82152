#include "control/config/tunnel_policy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace warp::config {

std::string FecWord(const Fec& fec) {
  if (fec.automatic) return "auto";
  return fec.on() ? absl::StrCat(fec.payloads, "+", fec.parities) : "off";
}

TunnelPolicy TunnelSettings::Policy() const {
  const bool spreads = mode == TunnelMode::kStripe || mode == TunnelMode::kAdaptive;
  return {.mode = mode,
          .copies = copies,
          .order = order.value_or(spreads ? kSpreadOrder : wire::Duration{}),
          .resend = resend.value_or(spreads ? kSpreadResend : wire::Duration{}),
          .skew = skew,
          .target = target,
          .fec = {.payloads = fec.payloads,
                  .parities = fec.parities,
                  .automatic = fec.automatic,
                  .most = fec_max},
          .weight = weight};
}

TunnelSettings TunnelSettings::Of(const TunnelPolicy& policy) {
  return {.mode = policy.mode,
          .copies = policy.copies,
          .order = policy.order,
          .resend = policy.resend,
          .skew = policy.skew,
          .target = policy.target,
          .fec = {.payloads = policy.fec.payloads,
                  .parities = policy.fec.parities,
                  .automatic = policy.fec.automatic},
          .fec_max = policy.fec.most,
          .weight = policy.weight};
}

bool MayCarry(const std::vector<PathRule>& rules, absl::string_view port, const wire::IpAddress& to,
              absl::string_view group) {
  return rules.empty() || std::any_of(rules.begin(), rules.end(), [&](const PathRule& rule) {
           const bool leaves = rule.port.empty() || rule.port == port || rule.port == group;
           return leaves && (!rule.to || rule.to->Contains(to));
         });
}

}  // namespace warp::config
