#include "control/link/nat64/prefix_finder.h"

#include <algorithm>
#include <utility>

namespace warp::control {
namespace {

bool Has(const std::vector<wire::Nat64Prefix>& prefixes, const wire::Nat64Prefix& prefix) {
  return std::find(prefixes.begin(), prefixes.end(), prefix) != prefixes.end();
}

}  // namespace

absl::string_view PrefixSourceName(PrefixSource source) {
  constexpr absl::string_view kNames[] = {"config", "router", "dns", "default"};
  return kNames[static_cast<size_t>(source)];
}

void PrefixFinder::SetAdvertised(wire::Instant now, std::vector<wire::Nat64Prefix> prefixes,
                                 bool answers) {
  if (prefixes == advertised_) return;
  // What its routers take back is not to be used (RFC 8781, section 4), whoever answers.
  const bool taken_back = Has(advertised_, chosen_.prefix) && !Has(prefixes, chosen_.prefix);
  if (taken_back) std::erase(found_, chosen_.prefix);
  advertised_ = std::move(prefixes);
  Choose(now, answers && !taken_back);
}

void PrefixFinder::SetFound(wire::Instant now, std::vector<wire::Nat64Prefix> prefixes,
                            bool answers) {
  if (prefixes == found_) return;
  found_ = std::move(prefixes);
  Choose(now, answers);
}

void PrefixFinder::Forget() {
  advertised_.clear();
  found_.clear();
}

void PrefixFinder::Look(wire::Instant now, bool answers) {
  if (answers) {
    since_ = now;
    patience_ = kPatience;
    return;
  }
  if (now - since_ < patience_) return;
  const std::vector<SourcedPrefix> order = InOrder();
  const auto at = std::find_if(order.begin(), order.end(), [this](const SourcedPrefix& one) {
    return one.prefix == chosen_.prefix;
  });
  const auto next = at == order.end() || at + 1 == order.end() ? order.begin() : at + 1;
  patience_ = std::min(2 * patience_, kLongestPatience);
  Use(now, *next);
}

// Each prefix once, by its best source.
std::vector<SourcedPrefix> PrefixFinder::InOrder() const {
  std::vector<SourcedPrefix> order;
  const auto add = [&order](const wire::Nat64Prefix& prefix, PrefixSource source) {
    const bool named = std::any_of(order.begin(), order.end(),
                                   [&](const SourcedPrefix& one) { return one.prefix == prefix; });
    if (!named) order.push_back({prefix, source});
  };
  for (const wire::Nat64Prefix& prefix : advertised_) add(prefix, PrefixSource::kRouter);
  for (const wire::Nat64Prefix& prefix : found_) add(prefix, PrefixSource::kNameServer);
  add(wire::Nat64Prefix::WellKnown(), PrefixSource::kDefault);
  return order;
}

// There is news: the best is tried at once, if the one in use does not serve.
void PrefixFinder::Choose(wire::Instant now, bool answers) {
  const std::vector<SourcedPrefix> order = InOrder();
  if (answers) {
    const auto same = std::find_if(order.begin(), order.end(), [this](const SourcedPrefix& one) {
      return one.prefix == chosen_.prefix;
    });
    if (same != order.end()) chosen_ = *same;  // maybe by another source
    return;
  }
  patience_ = kPatience;
  Use(now, order.front());
}

void PrefixFinder::Use(wire::Instant now, const SourcedPrefix& prefix) {
  chosen_ = prefix;
  since_ = now;
}

}  // namespace warp::control
