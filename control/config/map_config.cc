#include "control/config/map_config.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "control/config/map_schema.h"
#include "control/config/map_source.h"
#include "control/config/schema/load.h"
#include "control/config/schema/schema_text.h"
#include "control/config/store/store_schema.h"
#include "control/config/stream/stream_schema.h"
#include "dataplane/wire/constants.h"

namespace warp::config {
namespace {

// Both lists as one. `KeyList` keeps it, whatever becomes of the file.
void ReadAllowed(const Source& source, Reader& reader, MapConfig& config) {
  std::vector<wire::PublicKey> keys;
  if (!config.allow_keys_file.empty()) {
    if (source.key_files == KeyFiles::kIgnore || !reader.Sound("allow_keys_file")) return;
    absl::StatusOr<std::vector<wire::PublicKey>> listed = ReadKeyListFile(config.allow_keys_file);
    if (!listed.ok()) return reader.Fail("allow_keys_file", listed.status().message());
    keys = *std::move(listed);
  }
  for (const wire::PublicKey& key : keys) {
    RefusePrivate(reader, "allow_keys_file", key, config.private_key);
  }
  for (size_t i = 0; i < config.allow_keys.size(); ++i) {
    RefusePrivate(reader, ItemPath("allow_keys", i), config.allow_keys[i], config.private_key);
  }
  keys.insert(keys.end(), config.allow_keys.begin(), config.allow_keys.end());
  if (!keys.empty()) config.allowed = std::make_shared<const KeyList>(std::move(keys));
}

}  // namespace

absl::StatusOr<MapConfig> ParseMap(const Source& source) {
  return Parse<MapConfig>(source, MapSchema(), [&](Reader& reader, MapConfig& config) {
    Resolve(source, config.private_key_file);
    Resolve(source, config.control_socket);
    Resolve(source, config.allow_keys_file);
    CheckSocketPath(reader, "control_socket", config.control_socket);
    Unique listen(reader);
    for (size_t i = 0; i < config.listen.size(); ++i) {
      listen.Claim(ItemPath("listen", i), config.listen[i].ToString());
    }
    if (config.relay.has_value()) {
      const RelayPorts& ports = config.relay->ports;
      for (size_t i = 0; i < config.listen.size(); ++i) {
        if (config.listen[i].port < ports.first ||
            config.listen[i].port - ports.first >= ports.count)
          continue;
        reader.Fail("relay.ports", absl::StrCat("has the port of ", config.listen[i].ToString(),
                                                ", at which the map listens"));
      }
    }
    ReadKey(source, reader, "private_key_file", config.private_key_file, config.private_key);
    if (config.store.has_value()) ReadStoreFiles(source, reader, *config.store);
    if (config.stream.has_value()) ReadStreamFiles(source, reader, *config.stream);
    ReadAllowed(source, reader, config);
  });
}

std::vector<wire::Endpoint> MapConfig::DefaultListen() {
  return {{wire::IpAddress::V4({0, 0, 0, 0}), wire::kDefaultPort},
          {wire::IpAddress(), wire::kDefaultPort}};
}

absl::StatusOr<MapConfig> LoadMapConfig(const std::string& path, KeyFiles key_files) {
  return LoadFile<MapConfig>(path, key_files, ParseMap);
}

absl::StatusOr<MapConfig> ParseMapConfig(absl::string_view text, absl::string_view file,
                                         KeyFiles key_files) {
  return ParseMap({text, file, "", key_files});
}

std::string ExampleMapConfig() {
  return absl::StrCat(
      "# Configuration of warp-map. `warp check --map FILE` says what is wrong with it.\n"
      "# Keys written #key: are optional and stand for their default.\n\n",
      ExampleText(MapSchema()));
}

std::string MapConfigReference() { return ReferenceTables(MapSchema()); }

}  // namespace warp::config
