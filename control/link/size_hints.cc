#include "control/link/size_hints.h"

#include <optional>
#include <utility>

namespace warp::control {

SizeHints::SizeHints(Loop& loop, int fd, std::function<void(const SizeHint&)> tell)
    : fd_(fd),
      tell_(std::move(tell)),
      more_(loop, [this] { Take(); }),
      watch_(loop, fd, 0, [this](uint32_t) { Take(); }) {}

void SizeHints::Take() {
  constexpr int kMostHints = 8, kMostRead = 128;
  int told = 0;
  std::optional<SizeHint> hint;
  for (int i = 0; i < kMostRead; ++i) {
    if (!ReadIcmpError(fd_, &hint)) return;
    if (hint.has_value() && told++ < kMostHints) tell_(*hint);
  }
  more_.Schedule();
}

}  // namespace warp::control
