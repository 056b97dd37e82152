#include "control/protocol/path/limit_book.h"

#include <algorithm>

namespace warp::protocol {
namespace {

// The part of one peer, in kbit/s, of a port's bits a second.
uint32_t PartOf(uint64_t down, size_t sharers) {
  const uint64_t part = down / 1000 / std::max<size_t>(sharers, 1);
  return static_cast<uint32_t>(std::clamp<uint64_t>(part, kLeastLimit, UINT32_MAX));
}

// However little the peer grants, a path goes on: at a rate of nothing its queue would never end.
uint32_t RateIn(const Limit& limit) {
  return limit.rate > 0 ? std::max(limit.rate, kLeastLimit) : 0;
}

}  // namespace

std::vector<Limits> LimitBook::Take(Instant now, uint32_t session, const Ports& ports,
                                    size_t sharers) {
  std::vector<Limit> limits;
  for (const auto& [id, port] : ports) {
    if (port.down > 0) limits.push_back({.port = id, .rate = PartOf(port.down, sharers)});
  }
  // A number may be given to another port, which must not inherit the bound.
  for (const Limit& said : said_) {
    const auto port = ports.find(said.port);
    if (port == ports.end() || port->second.down == 0) limits.push_back({.port = said.port});
  }
  if (limits.empty()) return {};
  const Duration pause = limits == said_ ? kLimitsRepeated : kLimitsChanged;
  if (session == session_ && now - when_ < pause) return {};
  std::vector<Limits> messages;
  for (const Limit& limit : limits) {
    if (messages.empty() || messages.back().limits.size() == kMaxLimits) messages.emplace_back();
    messages.back().limits.push_back(limit);
  }
  said_ = std::move(limits);
  when_ = now;
  session_ = session;
  return messages;
}

void LimitBook::SetLife(uint32_t life) {
  if (life == life_) return;
  life_ = life;
  heard_.clear();
}

bool LimitBook::Handle(Instant now, const Limits& limits, uint32_t life, SealOrder order) {
  if (life != life_) return false;  // told again as soon as its session is in use
  const auto is_news = [&](const Limit& limit) {
    return !heard_.contains(limit.port) || RateIn(limit) != RateOf(limit.port);
  };
  const bool news = std::any_of(limits.limits.begin(), limits.limits.end(), is_news);
  // Each change costs a look at all paths, and a new forwarding table.
  if (news && !changes_.Take(now)) return false;
  bool changed = false;
  for (const Limit& limit : limits.limits) {
    if (heard_.size() >= kMaxRemotePorts && !heard_.contains(limit.port)) {
      // All ports are told at once, so that the one of the oldest message is most likely gone.
      heard_.erase(std::min_element(heard_.begin(), heard_.end(), [](const auto& a, const auto& b) {
        return a.second.sealed < b.second.sealed;
      }));
      changed = true;
    }
    Heard& heard = heard_[limit.port];
    if (order < heard.sealed) continue;
    changed |= RateIn(limit) != heard.rate;
    heard = {.rate = RateIn(limit), .sealed = order};
  }
  return changed;
}

}  // namespace warp::protocol
