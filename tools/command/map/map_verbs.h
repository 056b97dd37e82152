// How `warp map` is called.
#ifndef WARP_TOOLS_COMMAND_MAP_MAP_VERBS_H_
#define WARP_TOOLS_COMMAND_MAP_MAP_VERBS_H_

namespace CLI {
class App;
}

namespace warp::tools {

// Adds the verb and those below it, as DeclareWarp does with all of them.
void AddMap(CLI::App& app, int& result);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_MAP_MAP_VERBS_H_
