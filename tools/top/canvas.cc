#include "tools/top/canvas.h"

#include <algorithm>

namespace warp::tools {
namespace {

constexpr char32_t kStrange = U'?';

// How many bytes a character of UTF-8 has that begins with this one; 0: none does.
size_t LengthOf(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  if (first >= 0xf0 && first < 0xf5) return 4;
  return 0;
}

// Names and reasons may be in any language of one column a letter. Others would push what follows out of its column.
bool IsNarrow(char32_t letter) {
  if (letter < 0x20 || (letter >= 0x7f && letter < 0xa0)) return false;
  if (letter >= 0x300 && letter < 0x370) return false;  // marks over the letter before
  return letter < 0x1100 || (letter >= 0x2010 && letter < 0x2028) ||
         (letter >= 0x2030 && letter < 0x2060) || (letter >= 0x20a0 && letter < 0x20d0) ||
         (letter >= 0x2190 && letter < 0x2300) || (letter >= 0x2500 && letter < 0x2600) ||
         (letter >= 0x2800 && letter < 0x2900);
}

}  // namespace

std::u32string Letters(absl::string_view text) {
  std::u32string letters;
  for (size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const size_t length = LengthOf(first);
    char32_t letter = length <= 1 ? first : first & (0xffu >> (length + 1));
    bool good = length > 0 && at + length <= text.size();
    for (size_t i = 1; good && i < length; ++i) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      good = (next & 0xc0) == 0x80;
      letter = letter << 6 | (next & 0x3fu);
    }
    letters.push_back(good && IsNarrow(letter) ? letter : kStrange);
    at += good ? length : 1;
  }
  return letters;
}

void AppendUtf8(char32_t letter, std::string* text) {
  const auto put = [text](uint32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (letter < 0x80) {
    put(letter);
  } else if (letter < 0x800) {
    put(0xc0 | letter >> 6);
    put(0x80 | (letter & 0x3f));
  } else {
    put(0xe0 | (letter >> 12 & 0xf));
    put(0x80 | (letter >> 6 & 0x3f));
    put(0x80 | (letter & 0x3f));
  }
}

void Canvas::Put(size_t column, size_t row, char32_t letter, Look look) {
  if (column < columns_ && row < rows_) {
    cells_[row * columns_ + column] = {.letter = letter, .look = look};
  }
}

void Canvas::Write(size_t column, size_t row, absl::string_view text, Look look, size_t width) {
  const std::u32string letters = Letters(text);
  const size_t room = std::min(width, column < columns_ ? columns_ - column : 0);
  for (size_t i = 0; i < std::min(room, letters.size()); ++i) {
    const bool cut = i + 1 == room && letters.size() > room;
    Put(column + i, row, cut ? U'…' : letters[i], look);
  }
}

void Canvas::WriteRight(size_t end, size_t row, absl::string_view text, Look look, size_t width) {
  const size_t size = std::min(Letters(text).size(), width);
  if (size <= end) Write(end - size, row, text, look, width);
}

void Canvas::Paint(size_t row, Look look) {
  for (size_t column = 0; column < columns_; ++column) {
    if (row < rows_) cells_[row * columns_ + column].look = look;
  }
}

std::string Canvas::ToString() const {
  std::string text;
  for (size_t row = 0; row < rows_; ++row) {
    std::string line;
    for (size_t column = 0; column < columns_; ++column) AppendUtf8(at(column, row).letter, &line);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace warp::tools
