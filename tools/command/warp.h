// The command line of `warp`, declared once: the program parses with it, and its manual pages and the completions of
// shells are made of it (tools/manual).
#ifndef WARP_TOOLS_COMMAND_WARP_H_
#define WARP_TOOLS_COMMAND_WARP_H_

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace warp::tools {

// Adds every command to `app`, which runs the one that it is asked for while it parses, and puts its exit status into
// `result`. `command`: the application of `warp run`, which stands behind --. Both outlive `app`. Called once in a
// process.
void DeclareWarp(CLI::App& app, const std::vector<std::string>& command, int& result);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_WARP_H_
