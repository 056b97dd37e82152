// The manual page of the configuration: every key that the schemas declare, with what it takes, its default and its
// reason.
#ifndef WARP_TOOLS_MANUAL_CONFIG_PAGE_H_
#define WARP_TOOLS_MANUAL_CONFIG_PAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "control/config/schema/schema.h"
#include "tools/manual/man_page.h"

namespace warp::tools {

// A program, and the schema of its file.
struct ConfiguredProgram {
  std::string name;
  const config::Section& schema;
};

// warp.yaml(5), for all programs together.
ManualFile ConfigPage(const std::vector<ConfiguredProgram>& programs, const PageNotes& notes);

// The files that a program uses unless its configuration names others: the path of each, and the reason of its key.
std::vector<std::pair<std::string, std::string>> DefaultFiles(const config::Section& schema);

}  // namespace warp::tools

#endif  // WARP_TOOLS_MANUAL_CONFIG_PAGE_H_
