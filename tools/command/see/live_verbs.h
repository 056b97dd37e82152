// The verbs that go on showing a running daemon: `warp top` and `warp web`.
#ifndef WARP_TOOLS_COMMAND_SEE_LIVE_VERBS_H_
#define WARP_TOOLS_COMMAND_SEE_LIVE_VERBS_H_

namespace CLI {
class App;
}

namespace warp::tools {

// As DeclareWarp (tools/command/warp.h) does with all of them.
void AddLiveVerbs(CLI::App& app, int& result);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_SEE_LIVE_VERBS_H_
