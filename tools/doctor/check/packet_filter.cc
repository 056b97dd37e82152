#include "tools/doctor/check/packet_filter.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "control/config/text/interface_pattern.h"

namespace warp::tools {
namespace {

// As many jumps in each other as the kernel allows, and more rules than anybody writes.
constexpr int kMostJumps = 16;
constexpr int kMostRules = 100'000;
constexpr int kUdp = 17;

enum class Truth : uint8_t { kNo, kYes, kPerhaps };

Truth TruthOf(bool yes) { return yes ? Truth::kYes : Truth::kNo; }
Truth Not(Truth truth) { return truth == Truth::kPerhaps ? truth : TruthOf(truth == Truth::kNo); }

// Whether a value is one of those on the right side: a scalar, a list, a set, or a range.
template <typename Matches>
Truth AnyOf(const Json& right, const Matches& matches) {
  const Json& set = Member(right, "set");
  const Json& list = set.is_null() ? right : set;
  if (!list.is_array()) return matches(right);
  Truth any = Truth::kNo;
  for (const Json& element : list) {
    const Truth one = matches(element);
    if (one == Truth::kYes) return one;
    if (one == Truth::kPerhaps) any = one;
  }
  return any;
}

Truth IsPort(const Json& right, uint16_t port) {
  return AnyOf(right, [port](const Json& element) {
    if (const auto number = NumberOf(element); number) return TruthOf(*number == port);
    const Json& range = Member(element, "range");
    if (!range.is_array() || range.size() != 2) return Truth::kPerhaps;  // a named set, a service
    const auto first = NumberOf(range[0]), last = NumberOf(range[1]);
    if (!first || !last) return Truth::kPerhaps;
    return TruthOf(*first <= port && port <= *last);
  });
}

Truth IsInterface(const Json& right, const std::string& interface) {
  return AnyOf(right, [&](const Json& element) {
    const std::string name = TextOf(element);
    if (name.empty() || name[0] == '@') return Truth::kPerhaps;
    return TruthOf(config::MatchesInterface(name, interface));
  });
}

Truth IsUdp(const Json& right) {
  return AnyOf(right, [](const Json& element) {
    if (const auto number = NumberOf(element); number) return TruthOf(*number == kUdp);
    const std::string name = TextOf(element);
    return name.empty() || name[0] == '@' ? Truth::kPerhaps : TruthOf(name == "udp");
  });
}

Truth IsState(const Json& right, bool answers) {
  return AnyOf(right, [answers](const Json& element) {
    const std::string state = TextOf(element);
    if (state == "established") return TruthOf(answers);
    if (state == "new" && !answers) return Truth::kYes;
    return state == "invalid" || state == "related" ? Truth::kNo : Truth::kPerhaps;
  });
}

Truth MetaMatches(const std::string& key, const Json& right, const FilteredDatagram& datagram) {
  const bool in = datagram.direction == Direction::kIn;
  if (key == "l4proto") return IsUdp(right);
  if (key == "iifname" || key == "iif") {
    return in ? IsInterface(right, datagram.interface) : Truth::kPerhaps;
  }
  if (key == "oifname" || key == "oif") {
    return in ? Truth::kPerhaps : IsInterface(right, datagram.interface);
  }
  return Truth::kPerhaps;
}

Truth PayloadMatches(const Json& payload, const Json& right, const FilteredDatagram& datagram) {
  const std::string protocol = TextOf(payload, "protocol"), field = TextOf(payload, "field");
  const bool own = field == (datagram.direction == Direction::kIn ? "dport" : "sport");
  if (protocol == "udp" || protocol == "th")
    return own ? IsPort(right, datagram.own_port) : Truth::kPerhaps;
  if (protocol == "ip" && field == "protocol") return IsUdp(right);
  if (protocol == "ip6" && field == "nexthdr") return IsUdp(right);
  const bool other =
      protocol == "tcp" || protocol == "sctp" || protocol == "icmp" || protocol == "icmpv6";
  return other ? Truth::kNo : Truth::kPerhaps;
}

Truth Matches(const Json& match, const FilteredDatagram& datagram) {
  const Json& left = Member(match, "left");
  const Json& right = Member(match, "right");
  const std::string op = TextOf(match, "op");
  Truth truth = Truth::kPerhaps;
  if (const Json& meta = Member(left, "meta"); meta.is_object()) {
    truth = MetaMatches(TextOf(meta, "key"), right, datagram);
  } else if (const Json& payload = Member(left, "payload"); payload.is_object()) {
    truth = PayloadMatches(payload, right, datagram);
  } else if (TextOf(Member(left, "ct"), "key") == "state") {
    truth = IsState(right, datagram.answers);
  }
  if (op == "==" || op == "in") return truth;
  return op == "!=" ? Not(truth) : Truth::kPerhaps;
}

// A statement that decides nothing and asks nothing.
bool IsBeside(const std::string& statement) {
  return statement == "counter" || statement == "log" || statement == "comment" ||
         statement == "mangle" || statement == "notrack";
}

}  // namespace

PacketFilter::PacketFilter(const Json& ruleset) : ruleset_(ruleset) {
  for (const Json& object : ListOf(ruleset_, "nftables")) {
    if (const Json& chain = Member(object, "chain"); chain.is_object()) {
      Chain& known =
          chains_[{TextOf(chain, "family"), TextOf(chain, "table"), TextOf(chain, "name")}];
      if (TextOf(chain, "type") == "filter") known.hook = TextOf(chain, "hook");
      known.drops = TextOf(chain, "policy") == "drop";
    }
    if (const Json& rule = Member(object, "rule"); rule.is_object()) {
      chains_[{TextOf(rule, "family"), TextOf(rule, "table"), TextOf(rule, "chain")}]
          .rules.push_back(&ListOf(rule, "expr"));
    }
  }
}

std::optional<FilterDrop> PacketFilter::DropOf(const FilteredDatagram& datagram) const {
  const bool in = datagram.direction == Direction::kIn;
  for (const auto& [id, chain] : chains_) {
    const auto& [family, table, name] = id;
    const bool passed = in ? chain.hook == "prerouting" || chain.hook == "input"
                           : chain.hook == "output" || chain.hook == "postrouting";
    if (!passed || (family != "inet" && family != "ip")) continue;
    Bounds left{.jumps = kMostJumps, .rules = kMostRules};
    const Fate fate = FateIn(id, datagram, left);
    if (fate == Fate::kMayPass || (fate == Fate::kGoesOn && !chain.drops)) continue;
    return FilterDrop{absl::StrCat(family, " ", table, " ", name), fate == Fate::kGoesOn};
  }
  return std::nullopt;
}

PacketFilter::Fate PacketFilter::FateIn(const ChainId& id, const FilteredDatagram& datagram,
                                        Bounds& left) const {
  const auto chain = chains_.find(id);
  if (chain == chains_.end() || left.jumps < 0) return Fate::kMayPass;
  for (const Json* const rule : chain->second.rules) {
    if (--left.rules < 0) return Fate::kMayPass;
    const Fate fate = FateBy(id, *rule, datagram, left);
    if (fate != Fate::kGoesOn) return fate;
  }
  return Fate::kGoesOn;
}

PacketFilter::Fate PacketFilter::FateBy(const ChainId& id, const Json& rule,
                                        const FilteredDatagram& datagram, Bounds& left) const {
  bool certain = true;
  for (const Json& statement : rule) {
    if (!statement.is_object() || statement.empty()) return Fate::kMayPass;
    const std::string kind = statement.begin().key();
    const Json& value = statement.begin().value();
    if (kind == "match") {
      const Truth truth = Matches(value, datagram);
      if (truth == Truth::kNo) return Fate::kGoesOn;
      certain = certain && truth == Truth::kYes;
    } else if (kind == "drop" || kind == "reject") {
      return certain ? Fate::kDropped : Fate::kGoesOn;
    } else if (kind == "jump") {
      --left.jumps;
      const Fate fate =
          FateIn({std::get<0>(id), std::get<1>(id), TextOf(value, "target")}, datagram, left);
      ++left.jumps;
      return fate == Fate::kDropped && !certain ? Fate::kGoesOn : fate;
    } else if (!IsBeside(kind)) {
      return Fate::kMayPass;  // accept, and what is too much to judge: return, goto, vmap, limit
    }
  }
  return Fate::kGoesOn;
}

}  // namespace warp::tools
