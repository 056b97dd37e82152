// `warp lab link`: the link with text options, signals and output.
#ifndef WARP_TOOLS_COMMAND_LINK_COMMAND_H_
#define WARP_TOOLS_COMMAND_LINK_COMMAND_H_

#include <cstdint>
#include <string>

namespace warp::tools {

struct LabLinkOptions {
  std::string near;
  std::string far;
  std::string both;  // properties of both directions (link_text.h)
  std::string up;    // more of NEAR to FAR; a key replaces that of `both`
  std::string down;
  uint64_t seed = 1;
  double seconds = 0;           // 0: until SIGINT or SIGTERM
  uint32_t memory = 256;        // MiB a direction, at most
  std::string log;              // a file; empty: none
  uint32_t log_interval = 100;  // ms
  bool joined = false;          // pass joined frames whole
  bool spin = false;
  bool json = false;
};
// Runs until its time is up or SIGINT or SIGTERM comes, and then prints the summary. Returns the exit status.
int RunLabLink(const LabLinkOptions& options);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_LINK_COMMAND_H_
