#include "control/config/map_schema.h"

#include "control/config/relay/relay_schema.h"
#include "control/config/store/store_schema.h"
#include "control/config/stream/stream_schema.h"

namespace warp::config {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr size_t kMaxListen = 16;
constexpr size_t kMaxAllowKeys = 4096;  // of the file itself; each takes a Diffie-Hellman to check

}  // namespace

const SectionOf<MapConfig>& MapSchema() {
  static const SectionOf<MapConfig>& section = *[] {
    auto* s = new SectionOf<MapConfig>();
    s->Scalar("private_key_file", &MapConfig::private_key_file, FilePath())
        .Required()
        .Example("/etc/warp/map.key")
        .Why(
            "The file that holds the map's private key, as `warp keygen` writes it. It is refused "
            "if group or others have any right to it.");
    s->Scalars("listen", &MapConfig::listen, EndpointText(), 1, kMaxListen)
        .Why(
            "The addresses at which nodes reach the map. 0.0.0.0 and [::] stand for all addresses "
            "of their family.");
    s->Scalar("control_socket", &MapConfig::control_socket, FilePath())
        .Why("The Unix socket at which `warp status --socket` asks the map.");
    s->Scalar("lifetime", &MapConfig::lifetime, DurationText(seconds(1), hours(1)))
        .Why(
            "A registration that is not refreshed for this long is forgotten. Nodes refresh six "
            "times as often.");
    s->Scalar("max_registrations", &MapConfig::max_registrations,
              WholeNumber<uint32_t>(1, 10'000'000, "registrations"))
        .Why(
            "The most registrations at a time, which bounds the memory. A further one is refused.");
    s->Scalars("allow_keys", &MapConfig::allow_keys, PublicKeyText(), 1, kMaxAllowKeys)
        .Example("[XzZzrtzTC6AGpth5bNms/zutwrbczRj6Dyn/AjH+4HQ=]")
        .Otherwise("every key, unless there is an allow_keys_file")
        .Why(
            "The public keys of the nodes that may register and look up. All others get no answer "
            "and are counted as unknown_peer.");
    s->Scalar("allow_keys_file", &MapConfig::allow_keys_file, FilePath())
        .Example("/etc/warp/allow_keys")
        .Otherwise("none")
        .Why(
            "A file of more such keys, one a line, with comments behind #, for up to 10,000,000 "
            "of them. Each takes 32 bytes of memory.");
    s->Nested("store", &MapConfig::store, StoreSchema())
        .Why(
            "A redis server through which several maps serve the same nodes. Without it, "
            "registrations are in this map's memory alone.");
    s->NestedOrTrue("relay", &MapConfig::relay, RelaySchema())
        .Why(
            "Forwards what two registered nodes that allow each other send to each other, where "
            "no path leads from one to the other. Without it, nothing is relayed.");
    s->Nested("stream", &MapConfig::stream, StreamSchema())
        .Why(
            "TLS connections for nodes whose UDP is blocked: they carry the datagrams between a "
            "node and the map, and nothing else. Without it, the map takes none.");
    return s;
  }();
  return section;
}

}  // namespace warp::config
