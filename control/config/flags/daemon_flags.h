// The command lines of the two daemons, each declared once: the daemon parses with the declaration, which also writes
// its --help, and the manual page and the completions of shells are made of the same one (tools/manual).
//
// A header without CLI11, whose templates take seconds to compile; daemon_flags.cc alone knows them.
#ifndef WARP_CONTROL_CONFIG_FLAGS_DAEMON_FLAGS_H_
#define WARP_CONTROL_CONFIG_FLAGS_DAEMON_FLAGS_H_

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace warp::config {

struct NodeFlags {
  std::string config_file = "/etc/warp/warpd.yaml";
  bool check = false;  // the daemon ends when it has read the configuration
};

// What is not empty counts for more than the file.
struct MapFlags {
  std::string config_file;  // empty: none is read
  std::vector<std::string> listen;
  std::string private_key_file;
  std::string control_socket;
  bool check = false;  // as above
};

// Adds the program's name, what it is for and its options to `app`, which fills `flags` when it parses. `flags`
// outlives `app`.
void DeclareNodeFlags(CLI::App& app, NodeFlags& flags);
void DeclareMapFlags(CLI::App& app, MapFlags& flags);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_FLAGS_DAEMON_FLAGS_H_
