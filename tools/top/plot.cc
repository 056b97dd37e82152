#include "tools/top/plot.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace warp::tools {
namespace {

constexpr int kEighths = 8;
constexpr char32_t kGround = U'▁';  // and up to U+2588 in the order of their height

// The highest of the values that a column stands for.
float ColumnValue(const std::vector<float>& values, size_t column, size_t columns) {
  // Fewer values than columns stand at the right.
  if (values.size() <= columns) {
    const size_t empty = columns - values.size();
    return column < empty ? std::nanf("") : values[column - empty];
  }
  const size_t begin = column * values.size() / columns;
  const size_t end = (column + 1) * values.size() / columns;
  float most = std::nanf("");
  for (size_t i = begin; i < end; ++i) {
    if (!std::isnan(values[i])) most = std::isnan(most) ? values[i] : std::max(most, values[i]);
  }
  return most;
}

}  // namespace

void DrawPlot(const PlotArea& area, const std::vector<float>& values, float most, Look look,
              Canvas* canvas) {
  const int full = static_cast<int>(area.rows) * kEighths;
  for (size_t column = 0; column < area.columns; ++column) {
    const float value = ColumnValue(values, column, area.columns);
    if (std::isnan(value)) continue;
    const float share = most > 0 ? std::clamp(value / most, 0.0F, 1.0F) : 0;
    int height = std::max(1, static_cast<int>(std::lround(share * static_cast<float>(full))));
    for (size_t i = 0; i < area.rows && height > 0; ++i, height -= kEighths) {
      const auto eighths = static_cast<char32_t>(std::min(height, kEighths));
      canvas->Put(area.column + column, area.row + area.rows - 1 - i, kGround + eighths - 1, look);
    }
  }
}

float Most(const std::vector<float>& values) {
  float most = 0;
  for (const float value : values) {
    if (value > most) most = value;  // no value that is not known
  }
  return most;
}

float RoundUp(float value) {
  if (!(value > 0)) return 0;
  const float zeros = std::pow(10.0F, std::floor(std::log10(value)));
  for (const float digit : {1.0F, 2.0F, 5.0F}) {
    if (value <= digit * zeros) return digit * zeros;
  }
  return 10 * zeros;
}

std::string RateText(float bits) {
  if (std::isnan(bits)) return "-";
  constexpr const char* kUnits[] = {"", " k", " M", " G", " T"};
  size_t unit = 0;
  for (; bits >= 999.5F && unit < 4; ++unit) bits /= 1000;
  const int digits = unit == 0 || bits >= 99.95F ? 0 : 1;
  return absl::StrFormat("%.*f%s", digits, bits, kUnits[unit]);
}

std::string BitsText(float bits) {
  if (std::isnan(bits)) return RateText(bits);
  return absl::StrCat(RateText(bits), bits < 999.5F ? " bit/s" : "bit/s");
}

}  // namespace warp::tools
