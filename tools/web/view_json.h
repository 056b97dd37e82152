// What the page shows, as JSON: the answer, what is bad, and the numbers with their last minute. docs/web.md has it.
#ifndef WARP_TOOLS_WEB_VIEW_JSON_H_
#define WARP_TOOLS_WEB_VIEW_JSON_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/watch/model/judgement.h"
#include "tools/watch/model/minute.h"
#include "tools/watch/model/sample.h"
#include "tools/web/change.h"

namespace warp::tools {

struct View {
  const Sample* sample = nullptr;                          // null: the daemon does not answer
  const Minute* minute = nullptr;                          // never null
  const Judgement* judgement = nullptr;                    // never null
  const std::vector<TunnelPaths>* tunnel_paths = nullptr;  // never null
  uint64_t number = 0;  // of this view; the next one has the next
};

// One line of JSON. `seconds`: how many of the minute's values each series has, at its end: all of them, or those since
// the view before, which who has that one adds to what he has.
std::string ViewJson(const View& view, size_t seconds);

}  // namespace warp::tools

#endif  // WARP_TOOLS_WEB_VIEW_JSON_H_
