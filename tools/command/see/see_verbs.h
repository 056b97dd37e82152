// Declares the verbs by which a running daemon is watched over time, beside `status`.
#ifndef WARP_TOOLS_COMMAND_SEE_SEE_VERBS_H_
#define WARP_TOOLS_COMMAND_SEE_SEE_VERBS_H_

namespace CLI {
class App;
}

namespace warp::tools {

// Adds `watch`, `history` and `metrics`, as DeclareWarp (tools/command/warp.h) has it. Called once in a process.
void AddSeeVerbs(CLI::App& app, int& result);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_SEE_SEE_VERBS_H_
