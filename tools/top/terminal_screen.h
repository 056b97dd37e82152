// The terminal itself, by ncurses: its size, its keys, and a canvas on it.
#ifndef WARP_TOOLS_TOP_TERMINAL_SCREEN_H_
#define WARP_TOOLS_TOP_TERMINAL_SCREEN_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "tools/top/canvas.h"
#include "tools/top/screen.h"

namespace warp::tools {

class TerminalScreen {
 public:
  // Takes stdin and stdout, which must be a terminal. FailedPrecondition, with one sentence, where they are none, or
  // where nobody knows what TERM understands. One at a time.
  static absl::StatusOr<std::unique_ptr<TerminalScreen>> Open();
  virtual ~TerminalScreen() = default;  // leaves the terminal as it was

  virtual size_t columns() const = 0;
  virtual size_t rows() const = 0;
  virtual void Show(const Canvas& canvas) = 0;
  // Waits for a key, for a new size or for 200 ms.
  virtual Key Read() = 0;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_TOP_TERMINAL_SCREEN_H_
