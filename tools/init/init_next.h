// What a person types after `warp init`, here and at the other site.
#ifndef WARP_TOOLS_INIT_INIT_NEXT_H_
#define WARP_TOOLS_INIT_INIT_NEXT_H_

#include <string>

#include "tools/init/init_config.h"
#include "tools/machine/machine.h"

namespace warp::tools {

// After the configuration was written to `output`. Where the service of a package reads that file, it is what starts
// warpd. `public_key`: of this node. Lines of text.
std::string NextSteps(const Machine& machine, const InitConfig& config, const std::string& output,
                      const std::string& public_key);

// After the key alone was made.
std::string StepsToAPeer(const std::string& public_key);

}  // namespace warp::tools

#endif  // WARP_TOOLS_INIT_INIT_NEXT_H_
