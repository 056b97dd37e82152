#include "control/config/text/quantity.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace warp::config {

std::optional<double> ReadDecimal(absl::string_view text,
                                  std::initializer_list<DecimalUnit> units) {
  const std::string lower = absl::AsciiStrToLower(text);
  const size_t end = lower.find_first_not_of("0123456789.");
  const absl::string_view digits = absl::string_view(lower).substr(0, end);
  const absl::string_view name = absl::string_view(lower).substr(digits.size());
  double number = 0;
  // Of "1.2.3" or "." SimpleAtod takes nothing.
  if (!absl::SimpleAtod(digits, &number) || !std::isfinite(number)) return std::nullopt;
  if (name.empty() && number == 0) return 0;
  for (const DecimalUnit& unit : units) {
    if (name == unit.name) return number * unit.factor;
  }
  return std::nullopt;
}

std::optional<double> ReadRate(absl::string_view text) {
  return ReadDecimal(text, {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}});
}

std::string WriteRate(uint64_t bits_per_second) {
  const struct {
    absl::string_view name;
    uint64_t factor;
  } units[] = {{"Gbit", 1'000'000'000}, {"Mbit", 1'000'000}, {"kbit", 1'000}};
  for (const auto& unit : units) {
    if (bits_per_second >= unit.factor && bits_per_second % unit.factor == 0) {
      return absl::StrCat(bits_per_second / unit.factor, unit.name);
    }
  }
  return absl::StrCat(bits_per_second, "bit");
}

std::optional<double> ReadShare(absl::string_view text) {
  const std::optional<double> share = ReadDecimal(text, {{"%", 0.01}});
  return share && *share <= 1 ? share : std::nullopt;
}

std::string WriteShare(double share) { return absl::StrFormat("%g%%", 100 * share); }

}  // namespace warp::config
