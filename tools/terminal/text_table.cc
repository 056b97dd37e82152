#include "tools/terminal/text_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace warp::tools {
namespace {

// Counts characters: all bytes but those that continue one.
size_t WidthOf(absl::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

TextTable::TextTable(std::vector<std::string> headers) : headers_(std::move(headers)) {
  for (std::string& header : headers_) {
    right_.push_back(header[0] == '>');
    if (right_.back()) header.erase(0, 1);
  }
}

void TextTable::Add(std::vector<std::string> cells) {
  cells.resize(headers_.size());
  rows_.push_back(std::move(cells));
}

std::string TextTable::ToString(absl::string_view indent) const {
  std::vector<size_t> widths;
  for (const std::string& header : headers_) widths.push_back(WidthOf(header));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], WidthOf(row[i]));
  }
  std::string out;
  const auto append = [&](const std::vector<std::string>& cells) {
    std::string line(indent);
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(widths[i] - WidthOf(cells[i]), ' ');
      absl::StrAppend(&line, i > 0 ? "  " : "", right_[i] ? padding : "", cells[i],
                      right_[i] ? "" : padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&out, line, "\n");
  };
  append(headers_);
  for (const auto& row : rows_) append(row);
  return out;
}

}  // namespace warp::tools
