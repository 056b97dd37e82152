// Asks a person for what the command line did not say.
#ifndef WARP_TOOLS_INIT_INIT_QUESTIONS_H_
#define WARP_TOOLS_INIT_INIT_QUESTIONS_H_

#include <iosfwd>

#include "absl/status/status.h"
#include "tools/init/init_config.h"

namespace warp::tools {

// Asks for a peer, and for a map, where `config` has none. `config.ports` are proposed, and may be replaced. An answer
// that is wrong is explained and asked for again. Without a peer's key nothing more is asked. Cancelled: the input
// ended.
absl::Status AskForInit(std::istream& in, std::ostream& out, InitConfig& config);

}  // namespace warp::tools

#endif  // WARP_TOOLS_INIT_INIT_QUESTIONS_H_
