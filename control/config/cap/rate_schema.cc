#include "control/config/cap/rate_schema.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "control/config/schema/codec.h"
#include "control/config/text/quantity.h"

namespace warp::config {
namespace {

// Bits a second; "none" is 0.
Codec<uint64_t> Rate() {
  const Codec<uint64_t> rate = RateText();
  return {.type = absl::StrCat("none, or ", rate.type),
          .read = [rate](absl::string_view text) -> absl::StatusOr<uint64_t> {
            if (text == "none") return uint64_t{0};
            if (!ReadRate(text))
              return Unacceptable(text, "is not a rate such as 20Mbit, 500kbit or none");
            return rate.read(text);
          },
          .write =
              [rate](const uint64_t& value) {
                return value == 0 ? std::string("none") : rate.write(value);
              }};
}

}  // namespace

const SectionOf<PortRates>& PortRatesSchema() {
  static const SectionOf<PortRates>& section = Declare<PortRates>([](auto& s) {
    s.Scalar("up", &PortRates::up, Rate())
        .Example("20Mbit")
        .Why("The most that this node sends by the port.");
    s.Scalar("down", &PortRates::down, Rate())
        .Example("50Mbit")
        .Why(
            "The most that peers send to the port. They are told, and keep to it with what they "
            "spread; several that send at once share it.");
  });
  return section;
}

}  // namespace warp::config
