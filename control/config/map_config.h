// The configuration of warp-map, parsed and valid. Rules and messages are those of node_config.h.
#ifndef WARP_CONTROL_CONFIG_MAP_CONFIG_H_
#define WARP_CONTROL_CONFIG_MAP_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/config/file/key_files.h"
#include "control/config/file/key_list.h"
#include "control/config/relay/relay_config.h"
#include "control/config/store/store_config.h"
#include "control/config/stream/stream_config.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/endpoint.h"

namespace warp::config {

struct MapConfig {
  // At least one address. The unspecified address of a family stands for all addresses of that family.
  std::vector<wire::Endpoint> listen = DefaultListen();
  std::string private_key_file;
  wire::SecretKey private_key;  // of that file; zero with KeyFiles::kIgnore
  std::string control_socket = "/run/warp-map/map.sock";
  // Of a registration that is not refreshed.
  std::chrono::nanoseconds lifetime = std::chrono::seconds(60);
  uint32_t max_registrations = 1'000'000;
  std::optional<StoreConfig> store;    // unset: this process's memory
  std::optional<RelayConfig> relay;    // unset: nothing is relayed
  std::optional<StreamConfig> stream;  // unset: it takes no TLS connections
  std::vector<wire::PublicKey> allow_keys;
  std::string allow_keys_file;
  // The keys of both, which alone may register; null: neither is there, and every key may. With KeyFiles::kIgnore,
  // nothing is known of the file, and it is null where that is named.
  std::shared_ptr<const KeyList> allowed;

  static std::vector<wire::Endpoint> DefaultListen();  // 0.0.0.0:13116 and [::]:13116
};

absl::StatusOr<MapConfig> LoadMapConfig(const std::string& path,
                                        KeyFiles key_files = KeyFiles::kRead);
absl::StatusOr<MapConfig> ParseMapConfig(absl::string_view text, absl::string_view file,
                                         KeyFiles key_files = KeyFiles::kIgnore);

std::string ExampleMapConfig();
std::string MapConfigReference();

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_MAP_CONFIG_H_
