#include "tools/top/terminal_screen.h"

#include <langinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tools/terminal/plain.h"

// Last, because its macros have the names of everybody's functions.
#define NCURSES_NOMACROS 1
#include <curses.h>

namespace warp::tools {
namespace {

constexpr int kWaitMs = 200;
constexpr int kEscape = 27;

// Colour pairs, and what there is besides.
enum Pair : short { kGreen = 1, kYellow, kRed, kCyan };  // NOLINT: ncurses counts in short

Key KeyOf(int key) {
  switch (key) {
    case KEY_UP:
    case 'k':
      return Key::kUp;
    case KEY_DOWN:
    case 'j':
      return Key::kDown;
    case KEY_PPAGE:
      return Key::kPageUp;
    case KEY_NPAGE:
      return Key::kPageDown;
    case KEY_HOME:
    case 'g':
      return Key::kFirst;
    case KEY_END:
    case 'G':
      return Key::kLast;
    case KEY_RIGHT:
    case '\t':
      return Key::kNextTab;
    case KEY_LEFT:
    case KEY_BTAB:
      return Key::kPreviousTab;
    case 's':
      return Key::kSort;
    case 'r':
      return Key::kReverse;
    case 'p':
    case ' ':
      return Key::kPause;
    case 'h':
    case '?':
      return Key::kHelp;
    case 'q':
    case 'Q':
    case kEscape:
      return Key::kQuit;
    default:
      return Key::kNone;
  }
}

// What a terminal without Unicode shows instead.
char Simple(char32_t letter) {
  if (letter < 0x80) return static_cast<char>(letter);
  if (letter >= U'▁' && letter <= U'█') return ".:-=+*##"[letter - U'▁'];
  switch (letter) {
    case U'─':
      return '-';
    case U'●':
      return '*';
    case U'…':
      return '~';
    case U'▲':
      return '^';
    case U'▼':
      return 'v';
    default:
      return '?';
  }
}

class NcursesScreen : public TerminalScreen {
 public:
  explicit NcursesScreen(SCREEN* screen)
      : screen_(screen), unicode_(std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0) {
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    keypad(stdscr, TRUE);
    set_escdelay(50);
    wtimeout(stdscr, kWaitMs);
    const char* const no_color = std::getenv("NO_COLOR");
    colors_ = (no_color == nullptr || *no_color == '\0') && has_colors();
    if (!colors_) return;
    start_color();
    use_default_colors();
    init_pair(kGreen, COLOR_GREEN, -1);
    init_pair(kYellow, COLOR_YELLOW, -1);
    init_pair(kRed, COLOR_RED, -1);
    init_pair(kCyan, COLOR_CYAN, -1);
  }
  ~NcursesScreen() override {
    endwin();
    delscreen(screen_);
  }

  size_t columns() const override { return static_cast<size_t>(std::max(getmaxx(stdscr), 1)); }
  size_t rows() const override { return static_cast<size_t>(std::max(getmaxy(stdscr), 1)); }

  void Show(const Canvas& canvas) override {
    werase(stdscr);
    for (size_t row = 0; row < canvas.rows(); ++row) ShowRow(canvas, row);
    wrefresh(stdscr);
  }

  Key Read() override { return KeyOf(wgetch(stdscr)); }

 private:
  // A run of cells that look the same is written at once.
  void ShowRow(const Canvas& canvas, size_t row) {
    size_t begin = 0;
    while (begin < canvas.columns()) {
      const Look look = canvas.at(begin, row).look;
      std::string text;
      size_t end = begin;
      for (; end < canvas.columns() && canvas.at(end, row).look == look; ++end) {
        const char32_t letter = canvas.at(end, row).letter;
        if (unicode_) {
          AppendUtf8(letter, &text);
        } else {
          text.push_back(Simple(letter));
        }
      }
      wattrset(stdscr, static_cast<int>(AttributeOf(look)));
      mvwaddstr(stdscr, static_cast<int>(row), static_cast<int>(begin), text.c_str());
      begin = end;
    }
    wattrset(stdscr, A_NORMAL);
  }

  attr_t AttributeOf(Look look) const {
    const auto color = [this](Pair pair, attr_t otherwise) {
      return colors_ ? static_cast<attr_t>(COLOR_PAIR(pair)) : otherwise;
    };
    switch (look) {
      case Look::kPlain:
        return A_NORMAL;
      case Look::kDim:
        return A_DIM;
      case Look::kStrong:
        return A_BOLD;
      case Look::kGood:
        return color(kGreen, A_NORMAL) | A_BOLD;
      case Look::kWorn:
        return color(kYellow, A_BOLD);
      case Look::kBad:
        return color(kRed, A_BOLD) | A_BOLD;
      case Look::kCurve:
        return color(kCyan, A_NORMAL);
      case Look::kChosen:
        return A_REVERSE;
    }
    return A_NORMAL;
  }

  SCREEN* const screen_;
  const bool unicode_;
  bool colors_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TerminalScreen>> TerminalScreen::Open() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) {
    return absl::FailedPreconditionError(
        "top needs a terminal to show itself in and to read keys from; `warp status` says the same "
        "once");
  }
  std::setlocale(LC_CTYPE, "");
  SCREEN* const screen = newterm(nullptr, stdout, stdin);
  if (screen == nullptr) {
    const char* const term = std::getenv("TERM");
    return absl::FailedPreconditionError(
        absl::StrCat("nobody knows what the terminal \"", Plain(term == nullptr ? "" : term),
                     "\" (TERM) understands; TERM=vt100 is understood by nearly all"));
  }
  set_term(screen);
  return std::make_unique<NcursesScreen>(screen);
}

}  // namespace warp::tools
