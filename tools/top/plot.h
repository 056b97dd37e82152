// A plot of a minute, a column a second, in the eighths of a cell that terminals have.
#ifndef WARP_TOOLS_TOP_PLOT_H_
#define WARP_TOOLS_TOP_PLOT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "tools/top/canvas.h"

namespace warp::tools {

struct PlotArea {
  size_t column = 0;  // of its left top
  size_t row = 0;
  size_t columns = 60;
  size_t rows = 3;
};

// `values`: oldest first, at least 0; what is not known (NaN) stays empty. The newest is at the right. Where there are
// fewer columns than values, each shows the highest of its own: a peak is never left out. `most`: the value of a full
// column; 0: every value is at the ground, which shows that it is known.
void DrawPlot(const PlotArea& area, const std::vector<float>& values, float most, Look look,
              Canvas* canvas);

// The highest of the values that are known, or 0.
float Most(const std::vector<float>& values);
// The next number of 1, 2 or 5 and zeros that is not lower, so that the scale of a plot does not move all the time.
float RoundUp(float value);

// "12.3 M", "940 k", "-" where it is not known: of bits a second.
std::string RateText(float bits);
// The same with its unit: "12.3 Mbit/s".
std::string BitsText(float bits);

}  // namespace warp::tools

#endif  // WARP_TOOLS_TOP_PLOT_H_
