// What shells complete of a program's command line: verbs, options, and files where a value names one.
//
// Each text is a script as the shell's own convention for completions wants it; nothing of ours runs while somebody
// types.
#ifndef WARP_TOOLS_MANUAL_COMPLETION_H_
#define WARP_TOOLS_MANUAL_COMPLETION_H_

#include <string>

#include "tools/manual/command.h"

namespace warp::tools {

std::string BashCompletion(const Command& program);
std::string ZshCompletion(const Command& program);
std::string FishCompletion(const Command& program);

}  // namespace warp::tools

#endif  // WARP_TOOLS_MANUAL_COMPLETION_H_
