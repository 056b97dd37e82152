#include "control/config/nat64/nat64_choice.h"

#include <string>

#include "control/config/text/ip_prefix.h"

namespace warp::config {

Codec<Nat64Choice> Nat64Text() {
  return {.type = "auto, none, or an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits",
          .read = [](absl::string_view text) -> absl::StatusOr<Nat64Choice> {
            if (text == "auto") return Nat64Choice();
            if (text == "none") return Nat64Choice{.finds_out = false};
            const absl::StatusOr<IpPrefix> prefix = IpPrefix::Parse(text);
            if (!prefix.ok()) return Unacceptable(text, prefix.status().message());
            const auto nat64 = wire::Nat64Prefix::Make(prefix->address, prefix->length);
            if (!nat64) {
              return Unacceptable(text,
                                  "is not auto, none or a prefix of RFC 6052, such as "
                                  "64:ff9b::/96: IPv6, of 32, 40, 48, 56, 64 or 96 bits");
            }
            return Nat64Choice{.finds_out = false, .prefix = nat64};
          },
          .write =
              [](const Nat64Choice& choice) {
                if (choice.finds_out) return std::string("auto");
                if (!choice.prefix) return std::string("none");
                return choice.prefix->ToString();
              }};
}

}  // namespace warp::config
