#include "control/config/map_config.h"

#include "absl/strings/str_cat.h"
#include "control/config/load.h"
#include "control/config/schema_text.h"
#include "dataplane/wire/constants.h"

namespace warp::config {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr size_t kMaxListen = 16;

const SectionOf<MapConfig>& MapSchema() {
  static const SectionOf<MapConfig>& section = *[] {
    auto* s = new SectionOf<MapConfig>();
    s->Scalar("private_key_file", &MapConfig::private_key_file, FilePath())
        .Required()
        .Example("/etc/warp/map.key")
        .Why(
            "The file that holds the map's private key, as `warp keygen` writes it. Refused if "
            "group or others have "
            "any right to it.");
    s->Scalars("listen", &MapConfig::listen, EndpointText(), 1, kMaxListen)
        .Why(
            "Where nodes reach the map. 0.0.0.0 and [::] stand for all addresses of their family.");
    s->Scalar("control_socket", &MapConfig::control_socket, FilePath())
        .Why("The Unix socket that `warp status --socket` asks.");
    s->Scalar("lifetime", &MapConfig::lifetime, DurationText(seconds(1), hours(1)))
        .Why(
            "A registration that is not refreshed for so long is forgotten. Nodes refresh six "
            "times as often.");
    s->Scalar("max_registrations", &MapConfig::max_registrations,
              WholeNumber<uint32_t>(1, 10'000'000, "registrations"))
        .Why("Bounds the memory; a registration beyond it is refused.");
    return s;
  }();
  return section;
}

absl::StatusOr<MapConfig> ParseMap(const Source& source) {
  return Parse<MapConfig>(source, MapSchema(), [&](Reader& reader, MapConfig& config) {
    Resolve(source, config.private_key_file);
    Resolve(source, config.control_socket);
    CheckSocketPath(reader, "control_socket", config.control_socket);
    Unique listen(reader);
    for (size_t i = 0; i < config.listen.size(); ++i) {
      listen.Claim(ItemPath("listen", i), config.listen[i].ToString());
    }
    ReadKey(source, reader, "private_key_file", config.private_key_file, config.private_key);
  });
}

}  // namespace

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
