// The page that `warp web` serves: one document with its style and its script, embedded when the program is built
// (tools/web/page). It asks for nothing but the data of its own site.
#ifndef WARP_TOOLS_WEB_PAGE_H_
#define WARP_TOOLS_WEB_PAGE_H_

#include "absl/strings/string_view.h"

namespace warp::tools {

absl::string_view PageText();  // HTML in UTF-8
// Its Content-Security-Policy: only its own script and style, by their digests, and only its own site.
const char* PagePolicy();

}  // namespace warp::tools

#endif  // WARP_TOOLS_WEB_PAGE_H_
