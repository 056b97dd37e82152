// Quantities that may have a decimal point, with a unit behind them. The configuration and the tools read them here, so
// that both take the same words.
#ifndef WARP_CONTROL_CONFIG_TEXT_QUANTITY_H_
#define WARP_CONTROL_CONFIG_TEXT_QUANTITY_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace warp::config {

struct DecimalUnit {
  absl::string_view name;  // in small letters
  double factor;
};

// The number before one of these units, times its factor: finite, 0 or more. 0 may stand without a unit. Capitals do
// not matter.
std::optional<double> ReadDecimal(absl::string_view text, std::initializer_list<DecimalUnit> units);

// Bits a second: "20Mbit", "500kbit", "1.5Gbit", "64000bit".
std::optional<double> ReadRate(absl::string_view text);
std::string WriteRate(uint64_t bits_per_second);  // without a decimal point

// Bytes, in decimal units as bills have them: "50GB", "1.5TB", "700MB", "800kB", "1000B".
std::optional<double> ReadSize(absl::string_view text);
std::string WriteSize(uint64_t bytes);  // without a decimal point

// 0 to 1: "2%", "0.05%".
std::optional<double> ReadShare(absl::string_view text);
std::string WriteShare(double share);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TEXT_QUANTITY_H_
