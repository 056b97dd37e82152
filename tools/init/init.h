// `warp init`: a key and a first configuration for this node.
#ifndef WARP_TOOLS_INIT_INIT_H_
#define WARP_TOOLS_INIT_INIT_H_

#include <string>
#include <vector>

namespace warp::tools {

// What was said on the command line; each text has the form that its parser in init_config.h reads.
struct InitOptions {
  std::vector<std::string> ports;    // empty: all interfaces with a default route
  std::vector<std::string> peers;    // empty: the key alone is made, unless a terminal is asked
  std::vector<std::string> maps;     // may be empty
  std::vector<std::string> tunnels;  // empty: one to each peer
  std::string output = "/etc/warp/warpd.yaml";
  std::string key;     // the private key's file; empty: private.key beside the output
  bool force = false;  // replace a configuration that is there; a key is never replaced
};

// Makes the private key where there is none, shows its public key, and writes the configuration where a peer is known.
// What is missing is asked for where stdin and stdout are a terminal. Writes to stdout, complains on stderr in one line
// that begins with "warp: ", and returns the exit status. Where something is wrong, nothing but the key was written.
int RunInit(const InitOptions& options);

}  // namespace warp::tools

#endif  // WARP_TOOLS_INIT_INIT_H_
