// Lays text out in aligned columns.
#ifndef WARP_TOOLS_TERMINAL_TEXT_TABLE_H_
#define WARP_TOOLS_TERMINAL_TEXT_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace warp::tools {

class TextTable {
 public:
  // A header that begins with '>' aligns its column to the right.
  explicit TextTable(std::vector<std::string> headers);

  // Missing cells are empty. There may not be more cells than headers.
  void Add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // Puts `indent` before each line, and leaves no trailing spaces. Widths count characters of UTF-8.
  std::string ToString(absl::string_view indent = "") const;

 private:
  std::vector<std::string> headers_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_TERMINAL_TEXT_TABLE_H_
