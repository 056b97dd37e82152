#include "control/config/tunnel_schema.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "control/config/gate_schema.h"
#include "control/config/text/digits.h"
#include "control/config/text/quantity.h"
#include "dataplane/wire/message.h"

namespace warp::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint32_t kMaxCopies = 64;  // as many as a node may have ports
constexpr double kMinTarget = 1e-6, kMaxTarget = 0.5;
constexpr double kMinFec = 0.05, kMaxFec = 1;

// "all" is 0.
Codec<uint32_t> Copies() {
  Codec<uint32_t> codec = WholeNumber<uint32_t>(1, kMaxCopies, "paths");
  codec.type = absl::StrCat("all, or ", codec.type);
  codec.read = [read = codec.read](absl::string_view text) -> absl::StatusOr<uint32_t> {
    return text == "all" ? uint32_t{0} : read(text);
  };
  codec.write = [](const uint32_t& value) {
    return value == 0 ? std::string("all") : absl::StrCat(value);
  };
  return codec;
}

// "off", "auto", or payloads and parities: "4+1".
Codec<Fec> FecText() {
  constexpr uint8_t kPayloads = wire::kMostPayloadsOfBlock, kParities = wire::kMostParitiesOfBlock;
  const std::string type = absl::StrCat("off, auto, or payloads and parities such as 4+1, at most ",
                                        kPayloads, "+", kParities);
  return {.type = type,
          .read = [=](absl::string_view text) -> absl::StatusOr<Fec> {
            if (text == "off") return Fec();
            if (text == "auto") return Fec{.automatic = true};
            const size_t plus = text.find('+');
            const auto payloads = ReadDigits(text.substr(0, plus));
            const auto parities =
                plus == absl::string_view::npos ? std::nullopt : ReadDigits(text.substr(plus + 1));
            const bool good = payloads && parities && *payloads >= 1 && *payloads <= kPayloads &&
                              *parities >= 1 && *parities <= kParities;
            if (!good) return Unacceptable(text, absl::StrCat("is not ", type));
            return Fec{.payloads = static_cast<uint8_t>(*payloads),
                       .parities = static_cast<uint8_t>(*parities)};
          },
          .write = FecWord};
}

Codec<double> Percentage(double min, double max) {
  const std::string range = absl::StrCat(WriteShare(min), " to ", WriteShare(max));
  return {.type = range,
          .read = [=](absl::string_view text) -> absl::StatusOr<double> {
            const std::optional<double> share = ReadShare(text);
            if (!share) return Unacceptable(text, "is not a percentage such as 0.1%");
            if (*share < min || *share > max) {
              return Unacceptable(text, absl::StrCat("is not from ", range));
            }
            return *share;
          },
          .write = WriteShare};
}

Codec<wire::Duration> Deadline() { return DurationText(milliseconds(1), minutes(1)); }

// "wan0", ">198.51.100.0/24" or both.
absl::StatusOr<PathRule> ReadRule(absl::string_view text) {
  PathRule rule;
  const size_t mark = text.find('>');
  if (mark != 0) {
    absl::StatusOr<std::string> port = Name().read(text.substr(0, mark));
    if (!port.ok()) return port.status();
    rule.port = *std::move(port);
  }
  if (mark != absl::string_view::npos) {
    absl::StatusOr<IpPrefix> to = PrefixText().read(text.substr(mark + 1));
    if (!to.ok()) return to.status();
    rule.to = *to;
  }
  return rule;
}

Codec<std::vector<PathRule>> PathRules() {
  return {.type = "all, or PORT, >PREFIX and PORT>PREFIX with commas between",
          .read = [](absl::string_view text) -> absl::StatusOr<std::vector<PathRule>> {
            std::vector<PathRule> rules;
            if (text == "all") return rules;
            for (const absl::string_view one : absl::StrSplit(text, ',')) {
              absl::StatusOr<PathRule> rule = ReadRule(one);
              if (!rule.ok()) return rule.status();
              rules.push_back(*std::move(rule));
            }
            if (rules.size() > kMaxPathRules) return Unacceptable(text, "has too many rules");
            return rules;
          },
          .write =
              [](const std::vector<PathRule>& rules) {
                if (rules.empty()) return std::string("all");
                return absl::StrJoin(rules, ",", [](std::string* out, const PathRule& rule) {
                  absl::StrAppend(out, rule.port, rule.to ? ">" : "",
                                  rule.to ? rule.to->ToString() : "");
                });
              }};
}

void CheckDscp(Reader& reader, const std::string& at, const TunnelConfig& tunnel) {
  if (tunnel.dscp == DscpPolicy::kCopy && tunnel.gate.unix_socket && !reader.Wrong(at)) {
    reader.Fail(at,
                "is for loopback, udp, tun and tap gates: what comes by a Unix socket has no mark");
  }
}

void CheckFlows(Reader& reader, const std::string& at, const TunnelConfig& tunnel) {
  if (tunnel.flows == 1 || reader.Wrong(at)) return;
  const UdpGateConfig* const socket = tunnel.gate.socket();
  if (socket == nullptr) {
    reader.Fail(at, "is for loopback and udp gates");
  } else if (socket->listen.ports > 1) {
    reader.Fail(at, "is for a gate at one port: in a range, each port is a flow");
  } else if (socket->deliver && socket->deliver->first.address.is_multicast()) {
    reader.Fail(at, "is for answers, which none comes from a group that the gate delivers to");
  }
}

}  // namespace

const SectionOf<TunnelSettings>& TunnelSettingsSchema() {
  static const SectionOf<TunnelSettings>& section = Declare<TunnelSettings>([](auto& s) {
    s.Scalar("mode", &TunnelSettings::mode, Choice(kTunnelModeWords))
        .Why(
            "Which paths a payload takes. With replicate, all of them, or the best `copies`. With "
            "stripe, the one by which it arrives first, so that the tunnel has the sum of the "
            "links. With adaptive, as stripe, and a second one where the payload would otherwise "
            "miss its deadline. With backup, one of the lowest tier that works.");
    s.Scalar("copies", &TunnelSettings::copies, Copies())
        .Why(
            "How many paths a payload takes with `mode: replicate`: those by which it arrives "
            "first, and never two of one port.");
    s.Scalar("order", &TunnelSettings::order,
             Optional(DurationText(milliseconds(0), kMaxOrder), "auto"))
        .Why(
            "How long the peer may hold back a payload that came before an earlier one, so that "
            "applications get payloads in the order in which they were sent. With 0, it delivers "
            "them as they come. With auto, it is 100ms with stripe and adaptive, and 0 with "
            "replicate and backup.");
    s.Scalar("resend", &TunnelSettings::resend,
             Optional(DurationText(milliseconds(0), seconds(1)), "auto"))
        .Why(
            "How long after it was taken a payload is sent once more where it was lost. With 0, "
            "it never is. With auto, it is 150ms with stripe and adaptive, and 0 with replicate "
            "and backup.");
    s.Scalar("skew", &TunnelSettings::skew, DurationText(milliseconds(0), seconds(10)))
        .Why(
            "A path is left out with stripe and adaptive where a payload would arrive so much "
            "later than by the best one. With 0, none is left out.");
    s.Scalar("target", &TunnelSettings::target, Percentage(kMinTarget, kMaxTarget))
        .Why(
            "The share of payloads that may be lost or miss the deadline with `mode: adaptive`, "
            "and be lost with `fec: auto`. Less takes more copies, and more parity.");
    s.Scalar("fec", &TunnelSettings::fec, FecText())
        .Why(
            "Parity that is sent beside the payloads, by other paths where there are some, so that "
            "the peer restores lost payloads without asking for them. With 4+1, each four payloads "
            "have one parity, which makes up for any one of them. With auto, as much as the loss "
            "of the paths needs to meet `target`, and none while nothing is lost.");
    s.Scalar("fec_max", &TunnelSettings::fec_max, Percentage(kMinFec, kMaxFec))
        .Why("The most parity with `fec: auto`, as a share of the payloads.");
    s.Scalar("weight", &TunnelSettings::weight, WholeNumber<uint32_t>(1, kMaxWeight))
        .Why(
            "The part of a full port that the tunnel has beside the others of this node: one of "
            "weight 3 sends three times as much as one of weight 1. Payloads wait for their turn "
            "with every mode but replicate.");
  });
  return section;
}

const SectionOf<PathRule>& PathRuleSchema() {
  static const SectionOf<PathRule>& section = Declare<PathRule>([](auto& s) {
    s.Scalar("port", &PathRule::port, Name())
        .Example("wan0")
        .Otherwise("any port")
        .Why("The name of the port that the paths leave by.");
    s.Scalar("to", &PathRule::to, Optional(PrefixText()))
        .Example("198.51.100.0/24")
        .Otherwise("any address")
        .Why("The peer's address, or a prefix of several, that the paths lead to.");
    s.Check([](Reader& reader, const std::string& path, PathRule&) {
      const bool said =
          reader.LineOf(JoinPath(path, "port")) > 0 || reader.LineOf(JoinPath(path, "to")) > 0;
      if (!said) reader.Fail(path, "needs port or to: without both it would mean every path");
    });
  });
  return section;
}

const SectionOf<TunnelConfig>& TunnelSchema() {
  static const SectionOf<TunnelConfig>& section = Declare<TunnelConfig>([](auto& s) {
    s.Scalar("name", &TunnelConfig::name, Name())
        .Required()
        .Example("video")
        .Why("The name of the tunnel in status and logs. It is unique, and no other node sees it.");
    s.Scalar("id", &TunnelConfig::id, WholeNumber<uint16_t>(0, 65535))
        .Required()
        .Example("1")
        .Why(
            "The number of the tunnel, which the peer must have given to its end as well. It is "
            "unique among the tunnels with one peer.");
    s.Scalar("peer", &TunnelConfig::peer, Name())
        .Required()
        .Example("hq")
        .Why("The name of the peer at the other end.");
    s.Scalar("deadline", &TunnelConfig::deadline, Deadline())
        .Why(
            "A payload that no path has taken within this time is dropped and counted, because it "
            "would arrive too late to be of use.");
    s.Scalar("queue", &TunnelConfig::queue, WholeNumber<uint32_t>(1, 65536, "payloads"))
        .Why(
            "The most payloads that wait to be sent. Together they may have 4 MiB, or more at a "
            "Unix gate whose own queue is large. Further ones are dropped and counted.");
    s.Scalar("flows", &TunnelConfig::flows,
             WholeNumber<uint16_t>(1, EndpointRange::kMostPorts, "senders"))
        .Why(
            "How many senders a loopback or udp gate tells apart, at each side: each has its own "
            "answers, and the server at the other side sees each at an address of its own. With "
            "1, answers go to the last sender. The peer's tunnel needs as many.");
    s.Scalar("flow_idle", &TunnelConfig::flow_idle, DurationText(seconds(30), hours(24)))
        .Why(
            "A flow ends when nothing was sent by it, either way, for this long. RFC 4787 asks for "
            "two minutes at least; questions and answers alone, such as DNS, need less. The same "
            "at both ends: where the end with the server keeps a flow for longer than the one with "
            "its client, a later client may get what was meant for an earlier one.");
    s.Scalar("dscp", &TunnelConfig::dscp,
             Choice<DscpPolicy>({{"drop", DscpPolicy::kDrop}, {"copy", DscpPolicy::kCopy}}))
        .Why(
            "What becomes of the DSCP by which the application has marked a payload (RFC 2474). "
            "With copy, the packets that carry it over the links are marked alike, and at a "
            "loopback or udp gate what comes out at the peer as well, where that says copy too. "
            "With drop, nothing is marked. ECN bits are not copied.");
    s.Embed(&TunnelConfig::settings, TunnelSettingsSchema());
    s.Sections("paths", &TunnelConfig::paths, PathRuleSchema(), 0, kMaxPathRules)
        .Why(
            "The paths that may carry payloads of this tunnel; without any, those of the peer's "
            "`paths`. The other paths are still probed.");
    s.Nested("gate", &TunnelConfig::gate, GateSchema())
        .Required()
        .Why("The application's door into the tunnel.");
    s.Check([](Reader& reader, const std::string& path, TunnelConfig& tunnel) {
      tunnel.policy = tunnel.settings.Policy();
      CheckFlows(reader, JoinPath(path, "flows"), tunnel);
      CheckDscp(reader, JoinPath(path, "dscp"), tunnel);
      if (!tunnel.gate.unix_socket || tunnel.gate.unix_socket->queue <= tunnel.queue) return;
      const std::string at = JoinPath(path, "gate.unix.queue");
      if (reader.Wrong(at) || reader.Wrong(JoinPath(path, "queue"))) return;
      reader.Fail(at, absl::StrCat(tunnel.gate.unix_socket->queue, " exceeds the tunnel's queue, ",
                                   tunnel.queue));
    });
  });
  return section;
}

const SectionOf<TunnelTerms>& TunnelTermsSchema() {
  static const SectionOf<TunnelTerms>& section = Declare<TunnelTerms>([](auto& s) {
    s.Embed(&TunnelTerms::settings, TunnelSettingsSchema());
    s.Scalar("deadline", &TunnelTerms::deadline, Deadline());
    s.Scalar("paths", &TunnelTerms::paths, PathRules());
  });
  return section;
}

absl::StatusOr<TunnelTerms> ChangeTerms(TunnelTerms terms, std::span<const std::string> changes) {
  Value map{.kind = Value::Kind::kMap};
  for (const std::string& change : changes) {
    const size_t equals = change.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quote(change), " is not a key and its value, such as order=100ms"));
    }
    Value value{.kind = Value::Kind::kScalar, .text = change.substr(equals + 1)};
    map.entries.push_back({.key = change.substr(0, equals), .line = 1, .value = std::move(value)});
    for (size_t i = 0; i + 1 < map.entries.size(); ++i) {
      if (map.entries[i].key != map.entries.back().key) continue;
      return absl::InvalidArgumentError(absl::StrCat(Quote(map.entries[i].key), " is given twice"));
    }
  }
  Problems problems("");
  Reader reader(TunnelTermsSchema(), problems);
  reader.Read(map, &terms);
  if (problems.empty()) return terms;
  // The mistakes stand in the place of a file and a line, which a request does not have.
  const std::string all(problems.ToStatus().message());
  absl::string_view first = absl::string_view(all).substr(0, all.find('\n'));
  absl::ConsumePrefix(&first, ":1: ");
  return absl::InvalidArgumentError(first);
}

std::vector<std::pair<std::string, std::string>> WriteTerms(const TunnelTerms& terms) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Key& key : TunnelTermsSchema().keys()) all.emplace_back(key.name, key.write(&terms));
  return all;
}

std::string TermsText(const TunnelTerms& terms) {
  return absl::StrJoin(WriteTerms(terms), " ", absl::PairFormatter("="));
}

}  // namespace warp::config
