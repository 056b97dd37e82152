#include <iostream>

#include "control/config/kind.h"
#include "control/config/map_config.h"
#include "control/config/node_config.h"
#include "dataplane/wire/crypto/keys.h"
#include "tools/command/commands.h"
#include "tools/terminal/complain.h"

namespace warp::tools {

int RunCheck(const CheckOptions& options) {
  if (absl::Status ready = wire::InitCrypto(); !ready.ok()) return Complain(ready.message());
  const config::KeyFiles key_files =
      options.no_keys ? config::KeyFiles::kIgnore : config::KeyFiles::kRead;
  const bool map = options.map || config::KindOfFile(options.file) == config::Kind::kMap;
  const absl::Status status = map ? config::LoadMapConfig(options.file, key_files).status()
                                  : config::LoadNodeConfig(options.file, key_files).status();
  if (!status.ok()) {
    std::cerr << status.message() << std::endl;
    return 1;
  }
  std::cout << options.file << ": ok" << std::endl;
  return 0;
}

int RunExampleConfig(const ExampleConfigOptions& options) {
  if (options.reference) {
    std::cout << (options.map ? config::MapConfigReference() : config::NodeConfigReference());
  } else {
    std::cout << (options.map ? config::ExampleMapConfig() : config::ExampleNodeConfig());
  }
  std::cout.flush();
  return std::cout ? 0 : Complain("cannot write the example");
}

}  // namespace warp::tools
