// The screen of `warp top`: what keys change, and how a frame is drawn. Pure.
//
//   WARP 0.1.0  up 3d04h  J8sk3d4v...                            12:03:11
//   ● It works, but link lte is down.
//     lte: no link, for 5m07s. Look at cable, modem and signal.
//    [Paths]  Tunnels  Drops                           sorted as configured
//    LINK     PEER     ENDPOINT             STATE    OUT     IN  DELAY  LOSS
//    fibre    hq       198.51.100.7:13116   active  12 M  3.4 M   21.4  0.0%
//   ── fibre to hq at 198.51.100.7:13116, the last minute ──────────────────
//   rate 15.7 Mbit/s  ▂▃▅▇▇▆
//   ...
//    arrows choose  Tab turns  s sort  p pause  h help  q quit
#ifndef WARP_TOOLS_TOP_SCREEN_H_
#define WARP_TOOLS_TOP_SCREEN_H_

#include <cstddef>
#include <cstdint>

#include "tools/top/canvas.h"
#include "tools/top/frame.h"

namespace warp::tools {

// Below this size it only says so.
inline constexpr size_t kLeastColumns = 40;
inline constexpr size_t kLeastRows = 10;

enum class Tab : uint8_t { kPaths, kTunnels, kDrops };
enum class Sort : uint8_t { kConfigured, kRate, kDelay, kLoss, kName };

enum class Key : uint8_t {
  kNone,
  kUp,
  kDown,
  kPageUp,
  kPageDown,
  kFirst,
  kLast,
  kNextTab,
  kPreviousTab,
  kSort,
  kReverse,
  kPause,
  kHelp,
  kQuit,
};

struct ScreenState {
  Tab tab = Tab::kPaths;
  Sort sort = Sort::kConfigured;
  bool reverse = false;
  bool paused = false;
  bool help = false;
  bool quit = false;
  size_t chosen = 0;    // row of the table, from its first one
  size_t scrolled = 0;  // rows above what is shown
};

// What the key does. `rows`: of the table.
void Press(Key key, size_t rows, ScreenState* state);

// Rows of the table of the tab.
size_t RowsOf(const Frame& frame, Tab tab);

// Draws all of it. Moves `state` where what was chosen is gone or out of sight.
void Draw(const Frame& frame, ScreenState* state, Canvas* canvas);

}  // namespace warp::tools

#endif  // WARP_TOOLS_TOP_SCREEN_H_
