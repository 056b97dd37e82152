#include "tools/link/link_units.h"

#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "control/config/text/quantity.h"

namespace warp::tools {
namespace {

absl::Status Wrong(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no ", what));
}

}  // namespace

absl::StatusOr<double> ParseRate(absl::string_view text) {
  constexpr double kMost = 1e12;
  const std::optional<double> rate = config::ReadRate(text);
  if (!rate || *rate > kMost) return Wrong(text, "rate: write 20Mbit, 500kbit or 1.5Gbit");
  return *rate;
}

absl::StatusOr<Nanos> ParseTime(absl::string_view text) {
  constexpr double kMost = 365.0 * 86400 * 1e9;
  const auto time = config::ReadDecimal(text, {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}});
  if (!time || *time > kMost) return Wrong(text, "time: write 30ms, 1.5s or 250us");
  return static_cast<Nanos>(std::llround(*time));
}

absl::StatusOr<double> ParseShare(absl::string_view text) {
  const std::optional<double> share = config::ReadShare(text);
  if (!share) return Wrong(text, "share: write 2% or 0.05%, 100% at most");
  return *share;
}

}  // namespace warp::tools
