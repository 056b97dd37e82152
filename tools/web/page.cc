#include "tools/web/page.h"

#include "tools/web/page_text.h"

namespace warp::tools {

absl::string_view PageText() { return {kPageText, sizeof(kPageText) - 1}; }

const char* PagePolicy() { return kPagePolicy; }

}  // namespace warp::tools
