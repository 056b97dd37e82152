#include "tools/top/screen.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/top/plot.h"
#include "tools/top/tables.h"

namespace warp::tools {
namespace {

constexpr size_t kLabelColumns = 19;
constexpr size_t kPageRows = 10;
constexpr char kKeys[] = " arrows choose  Tab turns  s sort  r reverse  p pause  h help  q quit";

constexpr std::array<std::pair<Tab, const char*>, 3> kTabs = {
    {{Tab::kPaths, "Paths"}, {Tab::kTunnels, "Tunnels"}, {Tab::kDrops, "Drops"}}};

constexpr std::array<const char*, 14> kHelp = {
    "up, down, j, k      choose a row; its last minute is plotted below",
    "Page up, Page down  ten rows; Home, End: the first, the last",
    "Tab, left, right    turn to paths, tunnels, drops",
    "s                   sort as configured, by rate, delay, loss, name",
    "r                   the other way round",
    "p, space            pause: what is shown stays; again to go on",
    "h, ?                this help",
    "q, Escape           quit",
    "",
    "OUT and IN are bits a second. DELAY is the round trip of probes in",
    "ms. LOSS is the share of the last 64 probes that nobody answered.",
    "FIRST is the share of payloads whose copy by this path came first.",
    "A plot has a column for each second; the newest is at the right, and",
    "a second of which nothing is known is empty."};

std::string SortText(const ScreenState& state) {
  const char* word = "as configured";
  switch (state.sort) {
    case Sort::kConfigured:
      break;
    case Sort::kRate:
      word = "by rate";
      break;
    case Sort::kDelay:
      word = "by delay";
      break;
    case Sort::kLoss:
      word = "by loss";
      break;
    case Sort::kName:
      word = "by name";
      break;
  }
  return absl::StrCat("sorted ", word, state.reverse ? ", reversed" : "");
}

std::string Age(double seconds) {
  const auto s = static_cast<uint64_t>(std::min(seconds, 1e12));
  if (s < 60) return absl::StrCat(s, "s");
  if (s < 3600) return absl::StrFormat("%dm%02ds", s / 60, s % 60);
  if (s < 86400) return absl::StrFormat("%dh%02dm", s / 3600, s / 60 % 60);
  return absl::StrFormat("%dd%02dh", s / 86400, s / 3600 % 24);
}

Look LookOf(Health health) {
  switch (health) {
    case Health::kGood:
      return Look::kGood;
    case Health::kWorn:
      return Look::kWorn;
    case Health::kBad:
      break;
  }
  return Look::kBad;
}

// How many rows each part has, from the top.
struct Layout {
  size_t troubles;
  size_t table;  // without its titles
  size_t plot;   // rows of each plot
};

Layout LayoutOf(size_t rows, size_t troubles) {
  constexpr size_t kFixed = 5;  // title, answer, tabs, titles of the table, keys
  Layout layout{};
  layout.troubles = std::min(std::max<size_t>(troubles, 1), std::max<size_t>(rows / 8, 3) - 2);
  layout.plot = rows < 16 ? 0 : std::min<size_t>((rows - 12) / 4, 8);
  const size_t plots = layout.plot == 0 ? 0 : 3 * layout.plot + 1;
  layout.table = rows - std::min(rows, kFixed + layout.troubles + plots);
  return layout;
}

void DrawHead(const Frame& frame, const ScreenState& state, Canvas* canvas) {
  std::string title = absl::StrCat("WARP ", frame.sample.version);
  if (frame.known) {
    absl::StrAppend(&title, frame.sample.is_map ? "  map" : "", "  up ", Age(frame.sample.uptime_s),
                    "  ", frame.sample.key);
  }
  const std::string clock = state.paused ? absl::StrCat("paused at ", frame.time) : frame.time;
  const size_t clock_size = Letters(clock).size();
  canvas->Write(0, 0, title, Look::kStrong, canvas->columns() - clock_size - 2);
  canvas->WriteRight(canvas->columns(), 0, clock, state.paused ? Look::kWorn : Look::kDim,
                     clock_size);
  canvas->Write(0, 1, "● ", LookOf(frame.judgement.health));
  canvas->Write(2, 1, frame.judgement.answer, LookOf(frame.judgement.health));
}

void DrawTroubles(const Frame& frame, size_t rows, Canvas* canvas) {
  const std::vector<Trouble>& troubles = frame.judgement.troubles;
  if (troubles.empty()) canvas->Write(2, 2, frame.judgement.reason, Look::kDim);
  for (size_t i = 0; i < std::min(rows, troubles.size()); ++i) {
    const Trouble& trouble = troubles[i];
    std::string text = trouble.what;
    if (trouble.since_s) absl::StrAppend(&text, " for ", Age(*trouble.since_s));
    if (!trouble.why.empty()) absl::StrAppend(&text, ": ", trouble.why);
    if (text.back() != '.') text += ".";
    absl::StrAppend(&text, " ", trouble.advice);
    if (i + 1 == rows && troubles.size() > rows) {
      text = absl::StrCat("(+", troubles.size() - rows, ") ", text);
    }
    canvas->Write(2, 2 + i, text, Look::kPlain);
  }
}

void DrawTabs(const ScreenState& state, size_t row, Canvas* canvas) {
  size_t column = 1;
  for (const auto& [tab, name] : kTabs) {
    const bool open = tab == state.tab;
    const std::string text = open ? absl::StrCat("[", name, "]") : absl::StrCat(" ", name, " ");
    canvas->Write(column, row, text, open ? Look::kStrong : Look::kDim);
    column += text.size() + 1;
  }
  const std::string sort = SortText(state);
  if (column + sort.size() < canvas->columns()) {
    canvas->WriteRight(canvas->columns() - 1, row, sort, Look::kDim, sort.size());
  }
}

// The columns of a table with the widths that they have on this screen.
std::vector<TableColumn> Fit(std::vector<TableColumn> columns, size_t width) {
  size_t used = 1;
  for (const TableColumn& column : columns) used += column.width + 1;
  // On a narrow screen the last columns are left out, until the one that takes what is left has room.
  constexpr size_t kLeast = 8;
  while (columns.size() > 2 && used + kLeast > width) {
    used -= columns.back().width + 1;
    columns.pop_back();
  }
  for (TableColumn& column : columns) {
    if (column.width == 0) column.width = width > used ? std::min<size_t>(width - used, 40) : 1;
  }
  return columns;
}

// Returns the column behind the last one.
size_t DrawRow(const std::vector<TableColumn>& columns, const std::vector<std::string>& cells,
               size_t row, Look look, Canvas* canvas) {
  size_t at = 1;
  for (size_t i = 0; i < columns.size(); ++i) {
    const size_t width = columns[i].width;
    if (columns[i].right) {
      canvas->WriteRight(at + width, row, cells[i], look, width);
    } else {
      canvas->Write(at, row, cells[i], look, width);
    }
    at += width + 1;
  }
  return at;
}

void DrawTable(const Table& table, const ScreenState& state, size_t top, size_t rows,
               Canvas* canvas) {
  const std::vector<TableColumn> columns = Fit(table.columns, canvas->columns());
  std::vector<std::string> titles;
  for (const TableColumn& column : columns) titles.push_back(column.title);
  const size_t behind = DrawRow(columns, titles, top, Look::kDim, canvas);
  for (size_t i = 0; i < rows && state.scrolled + i < table.rows.size(); ++i) {
    const TableRow& row = table.rows[state.scrolled + i];
    const bool chosen = state.scrolled + i == state.chosen;
    const size_t at = top + 1 + i;
    DrawRow(columns, row.cells, at, row.look, canvas);
    if (!row.spark.empty() && behind + 10 < canvas->columns()) {
      const size_t room = std::min(canvas->columns() - behind - 1, kSeconds);
      DrawPlot({.column = behind, .row = at, .columns = room, .rows = 1}, row.spark,
               RoundUp(Most(row.spark)), Look::kCurve, canvas);
    }
    if (chosen) canvas->Paint(at, Look::kChosen);
  }
  if (table.rows.empty() && rows > 0) canvas->Write(1, top + 1, "nothing", Look::kDim);
}

void DrawPlots(const Table& table, const ScreenState& state, size_t top, size_t rows,
               Canvas* canvas) {
  for (size_t column = 0; column < canvas->columns(); ++column) {
    canvas->Put(column, top, U'─', Look::kDim);
  }
  if (state.chosen >= table.rows.size()) return;
  canvas->Write(2, top, absl::StrCat(" ", table.titles[state.chosen], " "), Look::kStrong,
                canvas->columns() - 4);
  const size_t room = canvas->columns() - std::min(canvas->columns(), kLabelColumns);
  size_t at = top + 1;
  for (const RowPlot& plot : table.plots[state.chosen]) {
    for (size_t i = 0; i < std::min(rows, plot.label.size()); ++i) {
      canvas->Write(0, at + i, plot.label[i], i == 0 ? Look::kStrong : Look::kDim,
                    kLabelColumns - 1);
    }
    std::vector<float> values;
    const size_t times = std::max<size_t>(1, room / kSeconds);
    for (const float value : plot.values) values.insert(values.end(), times, value);
    DrawPlot({.column = kLabelColumns,
              .row = at,
              .columns = std::min(room, values.size()),
              .rows = rows},
             values, plot.most, plot.look, canvas);
    at += rows;
  }
}

void DrawHelp(Canvas* canvas) {
  canvas->Write(1, 3, "warp top", Look::kStrong);
  for (size_t i = 0; i < kHelp.size(); ++i) canvas->Write(1, 5 + i, kHelp[i]);
}

// So that the chosen row is there, and to be seen.
void Settle(size_t rows, size_t shown, ScreenState* state) {
  state->chosen = std::min(state->chosen, rows == 0 ? 0 : rows - 1);
  if (state->chosen < state->scrolled) state->scrolled = state->chosen;
  if (shown > 0 && state->chosen >= state->scrolled + shown) {
    state->scrolled = state->chosen + 1 - shown;
  }
  if (state->scrolled + shown > rows) state->scrolled = rows > shown ? rows - shown : 0;
}

}  // namespace

size_t RowsOf(const Frame& frame, Tab tab) {
  switch (tab) {
    case Tab::kPaths:
      return frame.sample.paths.size();
    case Tab::kTunnels:
      return frame.sample.tunnels.size();
    case Tab::kDrops:
      break;
  }
  return frame.sample.drops.size() + frame.sample.counts.size();
}

void Press(Key key, size_t rows, ScreenState* state) {
  constexpr auto kTabCount = static_cast<uint8_t>(kTabs.size());
  const auto turn = [&](uint8_t by) {
    state->tab = static_cast<Tab>((static_cast<uint8_t>(state->tab) + by) % kTabCount);
    state->chosen = state->scrolled = 0;
  };
  const size_t last = rows == 0 ? 0 : rows - 1;
  switch (key) {
    case Key::kNone:
      return;
    case Key::kUp:
      state->chosen -= std::min<size_t>(state->chosen, 1);
      return;
    case Key::kDown:
      state->chosen = std::min(state->chosen + 1, last);
      return;
    case Key::kPageUp:
      state->chosen -= std::min(state->chosen, kPageRows);
      return;
    case Key::kPageDown:
      state->chosen = std::min(state->chosen + kPageRows, last);
      return;
    case Key::kFirst:
      state->chosen = 0;
      return;
    case Key::kLast:
      state->chosen = last;
      return;
    case Key::kNextTab:
      return turn(1);
    case Key::kPreviousTab:
      return turn(kTabCount - 1);
    case Key::kSort:
      state->sort = static_cast<Sort>((static_cast<uint8_t>(state->sort) + 1) % 5);
      return;
    case Key::kReverse:
      state->reverse = !state->reverse;
      return;
    case Key::kPause:
      state->paused = !state->paused;
      return;
    case Key::kHelp:
      state->help = !state->help;
      return;
    case Key::kQuit:
      // Out of the help first.
      if (!std::exchange(state->help, false)) state->quit = true;
      return;
  }
}

void Draw(const Frame& frame, ScreenState* state, Canvas* canvas) {
  if (canvas->columns() < kLeastColumns || canvas->rows() < kLeastRows) {
    canvas->Write(0, 0, absl::StrCat("too small: ", kLeastColumns, "x", kLeastRows));
    return;
  }
  DrawHead(frame, *state, canvas);
  canvas->Write(0, canvas->rows() - 1, kKeys, Look::kDim);
  if (state->help) return DrawHelp(canvas);
  const Layout layout = LayoutOf(canvas->rows(), frame.judgement.troubles.size());
  DrawTroubles(frame, layout.troubles, canvas);
  const size_t tabs = 2 + layout.troubles;
  DrawTabs(*state, tabs, canvas);
  Settle(RowsOf(frame, state->tab), layout.table, state);
  const Table table = MakeTable(frame, *state, state->chosen);
  DrawTable(table, *state, tabs + 1, layout.table, canvas);
  if (layout.plot > 0) DrawPlots(table, *state, tabs + 2 + layout.table, layout.plot, canvas);
}

}  // namespace warp::tools
