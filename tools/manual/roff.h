// A manual page as it is written: the macros of man(7), and text in which nothing is taken for one.
#ifndef WARP_TOOLS_MANUAL_ROFF_H_
#define WARP_TOOLS_MANUAL_ROFF_H_

#include <string>

#include "absl/strings/string_view.h"

namespace warp::tools {

class Roff {
 public:
  // Begins the page `name`(`section`): "warp-status", 1.
  Roff(absl::string_view name, int section);

  void Heading(absl::string_view title);     // a section: "OPTIONS"
  void Subheading(absl::string_view title);  // below it
  void Paragraph(absl::string_view text);
  // An entry of a list. `term` is roff already: see Bold and Italic.
  void Entry(absl::string_view term, absl::string_view text);
  // A line that stands as it is: `roff` is roff already.
  void Line(absl::string_view roff);
  void Break();  // what follows begins a line

  const std::string& text() const { return out_; }

  // Text in which no character has a meaning to roff. What stands in backticks, as in the project's documents, is bold.
  static std::string Escape(absl::string_view text);
  // The same in one font, where backticks are only characters.
  static std::string Bold(absl::string_view text);
  static std::string Italic(absl::string_view text);
  // With a full stop at its end, unless it has one.
  static std::string Sentence(absl::string_view text);

 private:
  std::string out_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_MANUAL_ROFF_H_
