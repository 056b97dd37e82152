#include "tools/link/link_units.h"

#include <cmath>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace warp::tools {
namespace {

struct Unit {
  absl::string_view name;
  double factor;
};

// The number before one of these units, times its factor. 0 may stand without a unit.
std::optional<double> Number(absl::string_view text, std::initializer_list<Unit> units) {
  const std::string lower = absl::AsciiStrToLower(text);
  const size_t end = lower.find_first_not_of("0123456789.");
  const absl::string_view digits = absl::string_view(lower).substr(0, end);
  const absl::string_view name = absl::string_view(lower).substr(digits.size());
  double number = 0;
  // Of "1.2.3" or "." SimpleAtod takes nothing.
  if (!absl::SimpleAtod(digits, &number) || !std::isfinite(number)) return std::nullopt;
  if (name.empty() && number == 0) return 0;
  for (const Unit& unit : units) {
    if (name == unit.name) return number * unit.factor;
  }
  return std::nullopt;
}

absl::Status Wrong(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no ", what));
}

}  // namespace

absl::StatusOr<double> ParseRate(absl::string_view text) {
  constexpr double kMost = 1e12;
  const auto rate = Number(text, {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}});
  if (!rate || *rate > kMost) return Wrong(text, "rate: write 20Mbit, 500kbit or 1.5Gbit");
  return *rate;
}

absl::StatusOr<Nanos> ParseTime(absl::string_view text) {
  constexpr double kMost = 365.0 * 86400 * 1e9;
  const auto time = Number(text, {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}});
  if (!time || *time > kMost) return Wrong(text, "time: write 30ms, 1.5s or 250us");
  return static_cast<Nanos>(std::llround(*time));
}

absl::StatusOr<double> ParseShare(absl::string_view text) {
  const auto share = Number(text, {{"%", 0.01}});
  if (!share || *share > 1) return Wrong(text, "share: write 2% or 0.05%, 100% at most");
  return *share;
}

}  // namespace warp::tools
