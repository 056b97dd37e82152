#include "control/config/relay/relay_schema.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/text/digits.h"

namespace warp::config {
namespace {

// "20000-20063", or a single port.
Codec<RelayPorts> RelayPortsText() {
  return {
      .type = "UDP ports",
      .read = [](absl::string_view text) -> absl::StatusOr<RelayPorts> {
        const std::pair<absl::string_view, absl::string_view> ends =
            absl::StrSplit(text, absl::MaxSplits('-', 1));
        const std::optional<uint64_t> first = ReadDigits(ends.first);
        const std::optional<uint64_t> last =
            ends.second.data() == nullptr ? first : ReadDigits(ends.second);
        if (!first || !last || *first == 0 || *last < *first || *last > UINT16_MAX)
          return Unacceptable(text, "is not a range of UDP ports such as 20000-20063");
        if (*last - *first >= RelayPorts::kMostPorts)
          return Unacceptable(text,
                              absl::StrCat("has more than ", RelayPorts::kMostPorts, " ports"));
        return RelayPorts{static_cast<uint16_t>(*first), static_cast<uint16_t>(*last - *first + 1)};
      },
      .write =
          [](const RelayPorts& range) {
            return range.count == 1 ? absl::StrCat(range.first)
                                    : absl::StrCat(range.first, "-", range.first + range.count - 1);
          }};
}

}  // namespace

const SectionOf<RelayConfig>& RelaySchema() {
  static const SectionOf<RelayConfig>& section =
      Declare<RelayConfig>([](SectionOf<RelayConfig>& s) {
        s.Scalar("ports", &RelayConfig::ports, RelayPortsText())
            .Why(
                "The UDP ports through which the map relays, at each address that it listens on, "
                "256 at most. All pairs of nodes share them: each port of a node has another one "
                "of these for each peer that it is relayed to.");
        s.Scalar("rate", &RelayConfig::rate, RateText())
            .Why(
                "The most that is relayed between two nodes, both directions together. What is "
                "more is dropped, and counted.");
        s.Scalar("bytes", &RelayConfig::bytes, SizeText(1'000'000, 1'000'000'000'000'000))
            .Why(
                "The most that is relayed between two nodes in a day, which begins with the first "
                "datagram. What is more is dropped, and the nodes get no relay until the day is "
                "over.");
        s.Scalar("pairs", &RelayConfig::pairs, WholeNumber<uint32_t>(1, 16'384, "pairs of nodes"))
            .Why("The most pairs of nodes at a time. A further one is refused.");
      });
  return section;
}

}  // namespace warp::config
