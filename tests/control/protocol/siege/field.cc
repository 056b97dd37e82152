#include "tests/control/protocol/siege/field.h"

#include <algorithm>
#include <utility>

namespace warp::protocol {
namespace {

constexpr int kHubPorts = 4;
constexpr Duration kHeldAtMost = 2s;

// The node and the port of 10.n.p.1; nullopt for other endpoints.
std::optional<std::pair<int, int>> NodeAt(const wire::Endpoint& endpoint) {
  const auto bytes = endpoint.address.v4_bytes();
  if (bytes[0] != 10 || bytes[3] != 1 || endpoint.port != wire::kDefaultPort) return std::nullopt;
  return std::pair<int, int>(bytes[1], bytes[2]);
}

}  // namespace

Place PlaceOf(const wire::Endpoint& endpoint) {
  switch (endpoint.address.v4_bytes()[0]) {
    case 198:
      return Place::kStranger;
    case 192:
      return Place::kBystander;
    case 100:
      return Place::kProven;
    default:
      return Place::kNode;
  }
}

wire::Endpoint StrangerAt(int attacker) {
  return {wire::IpAddress::V4({198, 51, static_cast<uint8_t>(attacker), 1}), 4000};
}

wire::Endpoint BystanderAt(int number) {
  return {wire::IpAddress::V4({192, 0, 2, static_cast<uint8_t>(1 + number % 250)}), 4000};
}

wire::Endpoint ProvenAt(int attacker, int number) {
  return {wire::IpAddress::V4(
              {100, 64, static_cast<uint8_t>(attacker), static_cast<uint8_t>(1 + number % 250)}),
          4000};
}

int AttackerAt(const wire::Endpoint& endpoint) { return endpoint.address.v4_bytes()[2]; }

NetOptions Field::Draw(const Shape& shape) {
  if (shape.hub) ports_.push_back(kHubPorts);
  for (int i = 0; i < shape.peers; ++i) {
    // The two of a pair have as many ports.
    const bool second = !shape.hub && i % 2 == 1;
    ports_.push_back(second ? ports_.back() : 2 + Pick(3));
    if (!shape.hub && !second) continue;
    const int b = nodes() - 1;
    talkers_.push_back({shape.hub ? 0 : b - 1, b, ports(b), Pick(ports(b))});
  }
  return {.ports = ports_, .timers = shape.timers, .seed = shape.seed};
}

Field::Field(const Shape& shape) : random_(shape.seed), net_(Draw(shape)) {
  net_.Jitter(1ms * Pick(10));
  for (size_t t = 0; t < talkers_.size(); ++t) {
    const Talkers& two = talkers_[t];
    for (int port = 0; port < two.links; ++port) {
      links_by_ends_[{two.a, two.b, port}] = links_by_ends_[{two.b, two.a, port}] = links_.size();
      links_.push_back({.talkers = t,
                        .a = two.a,
                        .b = two.b,
                        .port = port,
                        .whole = port == two.whole,
                        .ears = {}});
      net_.DelayBoth(two.a, port, two.b, port, 1ms * (5 + Pick(145)));
    }
  }
  net_.Filter([this](const Seen& seen) { return Passes(seen); });
  for (const Talkers& two : talkers_) net_.Introduce(two.a, two.b);
}

void Field::ChangeWeather() {
  for (size_t i = 0; i < 1 + links_.size() / 20; ++i) {
    Link& link = links_[random_() % links_.size()];
    if (link.whole) continue;
    link.dead = Pick(3) == 0;
    link.loss = Pick(2) == 0 ? Pick(60) / 100.0 : 0;
    const int delay = Pick(4) == 0 ? Pick(600) : 5 + Pick(100);
    net_.DelayBoth(link.a, link.port, link.b, link.port, 1ms * delay);
  }
}

Link* Field::LinkOf(const Seen& seen, int node, int port) {
  if (seen.from_port != port) return nullptr;
  const auto found = links_by_ends_.find({seen.from_node, node, port});
  return found != links_by_ends_.end() ? &links_[found->second] : nullptr;
}

bool Field::Passes(const Seen& seen) {
  ++(sending_ ? copies_ : controls_);
  const auto at = NodeAt(seen.to);
  if (!at) {
    const Place place = PlaceOf(seen.to);
    if (place == Place::kStranger || place == Place::kBystander) {
      const size_t size = seen.datagram.size();
      if (seen.to != answered_ || size > may_answer_) ++overpaid_;
      may_answer_ -= std::min(size, may_answer_);
    }
    if (place != Place::kBystander && attackers_) attackers_(AttackerAt(seen.to), seen);
    return false;
  }
  Link* const link = LinkOf(seen, at->first, at->second);
  if (link == nullptr) return false;
  for (const auto& ear : link->ears) ear(seen);
  if (link->dead || (link->loss > 0 && Chance(link->loss))) return false;
  if (!link->held) return true;
  if (Chance(link->takes)) return false;
  if (!Chance(link->holds)) return true;
  const Duration wait = 1ms * (1 + Pick(static_cast<int>(kHeldAtMost / 1ms)));
  held_.push_back({net_.now() + wait, at->first, at->second, seen.from, seen.datagram});
  return false;
}

void Field::ReleaseHeld() {
  const auto due = std::stable_partition(held_.begin(), held_.end(),
                                         [&](const Held& held) { return held.due > net_.now(); });
  std::vector<Held> going(std::make_move_iterator(due), std::make_move_iterator(held_.end()));
  held_.erase(due, held_.end());
  for (Held& held : going) net_.Inject(held.node, held.port, held.from, std::move(held.datagram));
}

void Field::Attack(int node, int port, const wire::Endpoint& from, std::vector<uint8_t> datagram) {
  ++attacks_;
  answered_ = from;
  may_answer_ = datagram.size();
  net_.Inject(node, port, from, std::move(datagram));
  may_answer_ = 0;
}

bool Field::Send(int a, int b, const std::string& text) {
  copies_ = 0;
  sending_ = true;
  const bool sent = net_.Send(a, b, text);
  sending_ = false;
  most_copies_ = std::max(most_copies_, copies_);
  return sent;
}

}  // namespace warp::protocol
