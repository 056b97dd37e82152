// How `warp diff` and `warp reload` are called.
#ifndef WARP_TOOLS_RELOAD_RELOAD_COMMAND_H_
#define WARP_TOOLS_RELOAD_RELOAD_COMMAND_H_

namespace CLI {
class App;
}

namespace warp::tools {

// Adds both verbs, as DeclareWarp does with all of them.
void AddReload(CLI::App& app, int& result);

}  // namespace warp::tools

#endif  // WARP_TOOLS_RELOAD_RELOAD_COMMAND_H_
