// The tables of `warp top`: their rows in the order that was asked for, and a row's plots.
#ifndef WARP_TOOLS_TOP_TABLES_H_
#define WARP_TOOLS_TOP_TABLES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "tools/top/canvas.h"
#include "tools/top/frame.h"
#include "tools/top/screen.h"

namespace warp::tools {

struct TableColumn {
  std::string title;
  size_t width = 0;    // 0: what is left
  bool right = false;  // aligned to the right
};

struct TableRow {
  std::vector<std::string> cells;
  Look look = Look::kPlain;
  std::vector<float> spark;  // a small plot behind the cells, where there is room
};

// One of the plots below the table.
struct RowPlot {
  std::vector<std::string> label;  // lines, of which the first is the value of now
  std::vector<float> values;
  float most = 0;  // of a full column
  Look look = Look::kCurve;
};

struct Table {
  std::vector<TableColumn> columns;
  std::vector<TableRow> rows;
  std::vector<std::string> titles;          // of each row's plots
  std::vector<std::vector<RowPlot>> plots;  // of each row
};

// `chosen`: the row whose plots are made; the others have none.
Table MakeTable(const Frame& frame, const ScreenState& state, size_t chosen);

}  // namespace warp::tools

#endif  // WARP_TOOLS_TOP_TABLES_H_
