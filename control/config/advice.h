// What a configuration allows although it cannot work as it is meant. `warp check` and the log of warpd show it; it
// keeps nobody from starting.
#ifndef WARP_CONTROL_CONFIG_ADVICE_H_
#define WARP_CONTROL_CONFIG_ADVICE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "control/config/node_config.h"
#include "control/config/schema/reader.h"

namespace warp::config {

// A line "FILE:LINE: KEY: ..." for each piece of advice, in the order of the file. Only of a configuration without
// mistakes; of another one, it is empty or means nothing. KeyFiles::kIgnore: the file is of another machine, at which
// advice about this one would be wrong.
std::string Advise(const Reader& reader, absl::string_view file, const NodeConfig& config,
                   KeyFiles key_files);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_ADVICE_H_
