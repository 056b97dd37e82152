#include "control/config/text/quantity.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace warp::config {
namespace {

// In the largest of the units, which come largest first, that makes it a whole number.
std::string WriteWhole(uint64_t number, std::initializer_list<DecimalUnit> units,
                       absl::string_view least) {
  for (const DecimalUnit& unit : units) {
    const auto factor = static_cast<uint64_t>(unit.factor);
    if (number >= factor && number % factor == 0) {
      return absl::StrCat(number / factor, unit.name);
    }
  }
  return absl::StrCat(number, least);
}

}  // namespace

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
  return WriteWhole(bits_per_second, {{"Gbit", 1e9}, {"Mbit", 1e6}, {"kbit", 1e3}}, "bit");
}

std::optional<double> ReadSize(absl::string_view text) {
  return ReadDecimal(text, {{"b", 1}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}});
}

std::string WriteSize(uint64_t bytes) {
  return WriteWhole(bytes, {{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}}, "B");
}

std::optional<double> ReadShare(absl::string_view text) {
  const std::optional<double> share = ReadDecimal(text, {{"%", 0.01}});
  return share && *share <= 1 ? share : std::nullopt;
}

std::string WriteShare(double share) { return absl::StrFormat("%g%%", 100 * share); }

}  // namespace warp::config
