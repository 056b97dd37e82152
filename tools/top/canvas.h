// A screen of cells before a terminal shows it: what is drawn, and how it looks. Pure, so that a test reads it as text.
#ifndef WARP_TOOLS_TOP_CANVAS_H_
#define WARP_TOOLS_TOP_CANVAS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace warp::tools {

enum class Look : uint8_t {
  kPlain,
  kDim,
  kStrong,
  kGood,    // green
  kWorn,    // yellow
  kBad,     // red
  kCurve,   // of plots
  kChosen,  // the row that arrows have chosen
};

struct Cell {
  char32_t letter = U' ';
  Look look = Look::kPlain;
};

class Canvas {
 public:
  Canvas(size_t columns, size_t rows) : columns_(columns), rows_(rows), cells_(columns * rows) {}

  size_t columns() const { return columns_; }
  size_t rows() const { return rows_; }
  const Cell& at(size_t column, size_t row) const { return cells_[row * columns_ + column]; }

  // What is beyond the edges is left out.
  void Put(size_t column, size_t row, char32_t letter, Look look = Look::kPlain);
  // `text` is UTF-8; what is none, and each character that is not one column wide as far as is known, is a question
  // mark. It ends in an ellipsis where it is wider than `width`.
  void Write(size_t column, size_t row, absl::string_view text, Look look = Look::kPlain,
             size_t width = SIZE_MAX);
  // The same, so that it ends in the column before `end`.
  void WriteRight(size_t end, size_t row, absl::string_view text, Look look, size_t width);
  // All letters of the row keep, and look so.
  void Paint(size_t row, Look look);

  // In lines, without trailing spaces.
  std::string ToString() const;

 private:
  const size_t columns_;
  const size_t rows_;
  std::vector<Cell> cells_;
};

// The characters of a text, as Write shows them.
std::u32string Letters(absl::string_view text);
void AppendUtf8(char32_t letter, std::string* text);

}  // namespace warp::tools

#endif  // WARP_TOOLS_TOP_CANVAS_H_
