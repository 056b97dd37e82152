// Says anything to `warp init`: a letter for an option and then its value, for each word between zero bytes, which no
// argument of a program has. What it accepts becomes a file that says to warpd exactly what was said to it.
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "control/config/node_config.h"
#include "control/config/text/utf8.h"
#include "tests/fuzz/fuzz_target.h"
#include "tools/init/init_config.h"

using namespace warp;
using namespace warp::tools;

namespace {

template <typename Item>
bool Take(absl::StatusOr<Item> item, std::vector<Item>& items) {
  if (item.ok()) items.push_back(*std::move(item));
  WARP_FUZZ_CHECK(item.ok() || !config::FirstNotText(item.status().message()));
  return item.ok();
}

bool Say(char option, absl::string_view value, InitConfig& said) {
  switch (option) {
    case 'i':
      return Take(ParseInitPort(value), said.ports);
    case 'p':
      return Take(ParseInitPeer(value), said.peers);
    case 'm':
      return Take(ParseInitMap(value), said.maps);
    case 't':
      return Take(ParseInitTunnel(value), said.tunnels);
    default:
      said.private_key_file = std::string(value);
      return true;
  }
}

void CheckSame(const InitConfig& said, const config::NodeConfig& read) {
  WARP_FUZZ_CHECK(read.node.private_key_file == said.private_key_file);
  WARP_FUZZ_CHECK(read.ports.size() == said.ports.size());
  for (size_t i = 0; i < said.ports.size(); ++i) {
    WARP_FUZZ_CHECK(read.ports[i].name == said.ports[i].name);
    WARP_FUZZ_CHECK(read.ports[i].is_pattern() ||
                    read.ports[i].kernel_side() == said.ports[i].interface);
  }
  WARP_FUZZ_CHECK(read.maps.size() == said.maps.size());
  WARP_FUZZ_CHECK(read.peers.size() == said.peers.size());
  for (size_t i = 0; i < said.peers.size(); ++i) {
    WARP_FUZZ_CHECK(read.peers[i].name == said.peers[i].name);
    WARP_FUZZ_CHECK(read.peers[i].public_key.ToBase64() == said.peers[i].public_key);
    WARP_FUZZ_CHECK(read.peers[i].endpoints.size() == (said.peers[i].endpoint.empty() ? 0 : 1));
  }
  WARP_FUZZ_CHECK(read.tunnels.size() == said.tunnels.size());
  for (size_t i = 0; i < said.tunnels.size(); ++i) {
    WARP_FUZZ_CHECK(read.tunnels[i].name == said.tunnels[i].name);
    WARP_FUZZ_CHECK(read.tunnels[i].peer == said.tunnels[i].peer);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  InitConfig said{.private_key_file = "private.key"};
  for (const absl::string_view line : absl::StrSplit(text, '\0', absl::SkipEmpty())) {
    if (!Say(line[0], line.substr(1), said)) return 0;
  }
  if (const absl::Status whole = said.Complete(); !whole.ok()) {
    WARP_FUZZ_CHECK(!config::FirstNotText(whole.message()));
    return 0;
  }
  const auto read = config::ParseNodeConfig(said.ToYaml(), "f");
  WARP_FUZZ_CHECK(read.ok());
  CheckSame(said, *read);
  return 0;
}
