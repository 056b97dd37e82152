// The first configuration of a node: what people say in a word each, and the file that comes of it. Pure.
#ifndef WARP_TOOLS_INIT_INIT_CONFIG_H_
#define WARP_TOOLS_INIT_INIT_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace warp::tools {

struct InitPort {
  std::string name;
  std::string interface;
};

struct InitPeer {
  std::string name;
  std::string public_key;
  std::string endpoint;  // empty: a map knows it, or the peer comes to us
};

struct InitMap {
  std::string address;
  std::string public_key;
};

struct InitTunnel {
  std::string name;
  std::string gate;  // in YAML: "loopback: {listen: ...}"
  std::string peer;  // empty: the only one
};

// Each returns InvalidArgument, with a sentence for people, where the text is none.
// "eth0" or "fibre=eth0".
absl::StatusOr<InitPort> ParseInitPort(absl::string_view text);
// "NAME=KEY" or "NAME=KEY@ENDPOINT".
absl::StatusOr<InitPeer> ParseInitPeer(absl::string_view text);
// "ADDRESS=KEY".
absl::StatusOr<InitMap> ParseInitMap(absl::string_view text);
// "NAME=GATE" or "NAME=GATE@PEER", in which GATE is LISTEN or LISTEN,DELIVER (loopback), tun:INTERFACE or
// tap:INTERFACE.
absl::StatusOr<InitTunnel> ParseInitTunnel(absl::string_view text);

// The parts of these texts, for questions that ask for one at a time.
absl::Status CheckInitName(absl::string_view text);
absl::Status CheckInitKey(absl::string_view text);
// "HOST", "HOST:PORT", "[ADDRESS]:PORT": with WARP's port where none is said.
absl::StatusOr<std::string> InitAddress(absl::string_view text);

struct InitConfig {
  std::string private_key_file;  // relative to the configuration's own directory, or absolute
  std::vector<InitPort> ports;
  std::vector<InitPeer> peers;
  std::vector<InitMap> maps;
  std::vector<InitTunnel> tunnels;

  // Gives each tunnel its peer. Without tunnels, makes one to each peer, with its name and gates from 127.0.0.1:9000
  // on. InvalidArgument where a tunnel's peer is not said or not there, or where a configuration would not be valid.
  absl::Status Complete();
  // As it stands in the file. Complete() said that warpd accepts it.
  std::string ToYaml() const;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_INIT_INIT_CONFIG_H_
