#include "tools/manual/roff.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace warp::tools {
namespace {

// The character that begins at `text[at]`, which must be UTF-8; `at` moves behind it.
uint32_t NextCharacter(absl::string_view text, size_t& at) {
  const auto first = static_cast<uint8_t>(text[at++]);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  uint32_t character = first & (0x3F >> more);
  for (int i = 0; i < more && at < text.size(); ++i) {
    character = (character << 6) | (static_cast<uint8_t>(text[at++]) & 0x3F);
  }
  return character;
}

// A hyphen of roff may become another character than ASCII's, which nobody could copy to a shell, and a quote becomes a
// typographic one.
void AppendCharacter(uint32_t character, std::string& out) {
  switch (character) {
    case '\\':
      out += "\\e";
      return;
    case '-':
      out += "\\-";
      return;
    case '\'':
      out += "\\(aq";
      return;
    case '"':
      out += "\\(dq";
      return;
    case '~':
      out += "\\(ti";
      return;
    case '^':
      out += "\\(ha";
      return;
    case '\n':
      out += ' ';
      return;
    default:
      break;
  }
  if (character < 0x80) {
    out += static_cast<char>(character);
  } else {
    absl::StrAppendFormat(&out, "\\[u%04X]", character);
  }
}

std::string InOneFont(absl::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) AppendCharacter(NextCharacter(text, at), out);
  return out;
}

// A line that begins with a dot or a quote would be a macro.
std::string AsLine(absl::string_view roff) {
  const bool macro = !roff.empty() && (roff[0] == '.' || roff[0] == '\'');
  return absl::StrCat(macro ? "\\&" : "", roff, "\n");
}

}  // namespace

Roff::Roff(absl::string_view name, int section) {
  out_ = absl::StrCat(".TH ", InOneFont(absl::AsciiStrToUpper(name)), " ", section, " \"\" \"WARP ",
                      WARP_VERSION, "\" \"WARP\"\n");
}

void Roff::Heading(absl::string_view title) { absl::StrAppend(&out_, ".SH ", title, "\n"); }

void Roff::Subheading(absl::string_view title) {
  absl::StrAppend(&out_, ".SS ", InOneFont(title), "\n");
}

void Roff::Paragraph(absl::string_view text) {
  absl::StrAppend(&out_, ".PP\n", AsLine(Escape(text)));
}

void Roff::Entry(absl::string_view term, absl::string_view text) {
  absl::StrAppend(&out_, ".TP\n", AsLine(term), AsLine(Escape(text)));
}

void Roff::Line(absl::string_view roff) { out_ += AsLine(roff); }

void Roff::Break() { out_ += ".br\n"; }

std::string Roff::Escape(absl::string_view text) {
  std::string out;
  bool bold = false;
  for (size_t at = 0; at < text.size();) {
    const uint32_t character = NextCharacter(text, at);
    if (character == '`') {
      bold = !bold;
      out += bold ? "\\fB" : "\\fR";
    } else {
      AppendCharacter(character, out);
    }
  }
  return bold ? out + "\\fR" : out;
}

std::string Roff::Bold(absl::string_view text) {
  return absl::StrCat("\\fB", InOneFont(text), "\\fR");
}

std::string Roff::Italic(absl::string_view text) {
  return absl::StrCat("\\fI", InOneFont(text), "\\fR");
}

std::string Roff::Sentence(absl::string_view text) {
  return absl::StrCat(text, absl::EndsWith(text, ".") ? "" : ".");
}

}  // namespace warp::tools
