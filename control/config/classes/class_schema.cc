#include "control/config/classes/class_schema.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "control/config/text/digits.h"
#include "control/config/text/problems.h"
#include "control/config/text/suggest.h"

namespace warp::config {
namespace {

constexpr uint8_t kMaxDscp = 63;
constexpr size_t kMaxValues = 64;  // of one condition

struct Word {
  absl::string_view word;
  uint8_t value;
};
// RFC 2474, 2597, 3246, 5865 and 8622.
constexpr std::array<Word, 23> kDscpWords = {
    {{"cs0", 0},   {"cs1", 8},   {"cs2", 16},  {"cs3", 24},  {"cs4", 32},  {"cs5", 40},
     {"cs6", 48},  {"cs7", 56},  {"af11", 10}, {"af12", 12}, {"af13", 14}, {"af21", 18},
     {"af22", 20}, {"af23", 22}, {"af31", 26}, {"af32", 28}, {"af33", 30}, {"af41", 34},
     {"af42", 36}, {"af43", 38}, {"ef", 46},   {"va", 44},   {"le", 1}}};
constexpr std::array<Word, 3> kProtocolWords = {{{"icmp", 1}, {"tcp", 6}, {"udp", 17}}};

// One of the words, or a number up to `most`.
template <size_t N>
Codec<uint8_t> WordOrNumber(const std::array<Word, N>& words, uint8_t most,
                            absl::string_view type) {
  const std::string takes = absl::StrCat(type, ", or 0 to ", most);
  return {.type = takes,
          .read = [&words, most, takes](absl::string_view text) -> absl::StatusOr<uint8_t> {
            for (const Word& one : words) {
              if (one.word == text) return one.value;
            }
            const std::optional<uint64_t> number = ReadDigits(text);
            if (number.has_value() && *number <= most) return static_cast<uint8_t>(*number);
            std::vector<std::string> known;
            for (const Word& one : words) known.emplace_back(one.word);
            return Unacceptable(text, absl::StrCat("is not ", takes, DidYouMean(text, known)));
          },
          .write =
              [&words](const uint8_t& value) {
                for (const Word& one : words) {
                  if (one.value == value) return std::string(one.word);
                }
                return absl::StrCat(value);
              }};
}

Codec<PortRange> PortRangeText() {
  constexpr absl::string_view kType = "port, or two with a dash between";
  return {.type = std::string(kType),
          .read = [](absl::string_view text) -> absl::StatusOr<PortRange> {
            const size_t dash = text.find('-');
            const auto first = ReadDigits(text.substr(0, dash));
            const auto last =
                dash == absl::string_view::npos ? first : ReadDigits(text.substr(dash + 1));
            if (!first || !last || *first < 1 || *first > *last || *last > 65535) {
              return Unacceptable(text,
                                  "is neither a port, 1 to 65535, nor a range such as "
                                  "10000-20000");
            }
            return PortRange{.first = static_cast<uint16_t>(*first),
                             .last = static_cast<uint16_t>(*last)};
          },
          .write =
              [](const PortRange& range) {
                return range.first == range.last ? absl::StrCat(range.first)
                                                 : absl::StrCat(range.first, "-", range.last);
              }};
}

void CheckMatch(Reader& reader, const std::string& path, ClassMatch& match) {
  const auto said = [&](absl::string_view key) { return reader.LineOf(JoinPath(path, key)) > 0; };
  if (match.says_nothing() && !reader.Wrong(path)) {
    for (const char* const key : {"dscp", "protocol", "port", "address"}) {
      if (said(key)) return reader.Fail(JoinPath(path, key), "has no value");
    }
    reader.Fail(path,
                "needs dscp, protocol, port, address or interactive: without any it would be "
                "everything");
  }
  if (match.ports.empty() || match.protocols.empty()) return;
  const bool has_ports = std::any_of(match.protocols.begin(), match.protocols.end(),
                                     [](uint8_t one) { return one == 6 || one == 17; });
  if (!has_ports) reader.Fail(JoinPath(path, "port"), "goes with protocol: tcp and udp");
}

const SectionOf<ClassMatch>& MatchSchema() {
  static const SectionOf<ClassMatch>& section = Declare<ClassMatch>([](auto& s) {
    s.Scalars("dscp", &ClassMatch::dscp, WordOrNumber(kDscpWords, kMaxDscp, "ef, af41, cs5, ..."),
              0, kMaxValues)
        .Example("[ef, cs5]")
        .Otherwise("any")
        .Why("The mark of the packets (DSCP), by its name or as a number.");
    s.Scalars("protocol", &ClassMatch::protocols,
              WordOrNumber(kProtocolWords, UINT8_MAX, "icmp, tcp, udp"), 0, kMaxValues)
        .Example("[udp]")
        .Otherwise("any")
        .Why("What is in the packets, by its name or its number; icmp means that of IPv6, too.");
    s.Scalars("port", &ClassMatch::ports, PortRangeText(), 0, kMaxValues)
        .Example("[5060, 10000-20000]")
        .Otherwise("any")
        .Why(
            "The ports of TCP or UDP, at either end, so that both ends of the tunnel may have the "
            "same classes. Fragments have none, nor have encrypted packets.");
    s.Scalars("address", &ClassMatch::addresses, PrefixText(), 0, kMaxValues)
        .Example("[192.168.1.50, 192.168.9.0/24]")
        .Otherwise("any")
        .Why("The addresses, or networks, at either end.");
    s.Scalar("interactive", &ClassMatch::interactive,
             Choice<bool>({{"false", false}, {"true", true}}))
        .Why(
            "With true, only small packets that others wait for: segments of TCP without data "
            "(SYN, ACK), unless their connection has sent data within a second, and DNS.");
    s.Check(CheckMatch);
  });
  return section;
}

// Where a class leads to.
void CheckTarget(Reader& reader, std::span<const ClassedTunnel> tunnels, const ClassedTunnel& owner,
                 const std::string& at, const std::string& name) {
  if (!reader.Sound(at)) return;
  std::vector<std::string> names;
  for (const ClassedTunnel& tunnel : tunnels) names.push_back(tunnel.name);
  const auto target = std::find_if(tunnels.begin(), tunnels.end(),
                                   [&](const ClassedTunnel& one) { return one.name == name; });
  if (target == tunnels.end()) {
    reader.Fail(at, absl::StrCat("there is no tunnel ", Quote(name), DidYouMean(name, names)));
  } else if (target->class_of != owner.name) {
    reader.Fail(at, absl::StrCat("the gate of ", name, " must be {class_of: ", owner.name, "}"));
  }
}

}  // namespace

const SectionOf<TrafficClass>& TrafficClassSchema() {
  static const SectionOf<TrafficClass>& section = Declare<TrafficClass>([](auto& s) {
    s.Nested("match", &TrafficClass::match, MatchSchema())
        .Required()
        .Why("What the packets have in common: all of the keys that are given must hold.");
    s.Scalar("tunnel", &TrafficClass::tunnel, Name())
        .Required()
        .Example("voice")
        .Why("The name of the tunnel that carries them, whose gate is `{class_of: ...}`.");
  });
  return section;
}

void CheckClasses(Reader& reader, std::span<const ClassedTunnel> tunnels) {
  for (const ClassedTunnel& tunnel : tunnels) {
    if (tunnel.classes != nullptr) {
      const std::string classes = JoinPath(tunnel.interface, "classes");
      for (size_t i = 0; i < tunnel.classes->size(); ++i) {
        CheckTarget(reader, tunnels, tunnel, JoinPath(ItemPath(classes, i), "tunnel"),
                    (*tunnel.classes)[i].tunnel);
      }
    }
    const std::string at = JoinPath(tunnel.gate, "class_of");
    if (tunnel.class_of.empty() || !reader.Sound(at)) continue;
    std::vector<std::string> owners;
    for (const ClassedTunnel& other : tunnels) {
      if (other.classes != nullptr) owners.push_back(other.name);
    }
    const auto owner = std::find_if(tunnels.begin(), tunnels.end(), [&](const ClassedTunnel& one) {
      return one.name == tunnel.class_of;
    });
    if (owner == tunnels.end() || owner->classes == nullptr) {
      reader.Fail(at,
                  absl::StrCat("there is no tunnel ", Quote(tunnel.class_of),
                               " with a gate of tun or tap", DidYouMean(tunnel.class_of, owners)));
    } else if (owner->peer != tunnel.peer) {
      reader.Fail(at, absl::StrCat("tunnel ", owner->name, " has another peer, ", owner->peer));
    }
  }
}

}  // namespace warp::config
