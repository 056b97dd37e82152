// What is watched of a status document: links, paths, tunnels and drops at one moment. Pure.
//
// The document comes of another process and may be anything. What is missing, or of another type, is empty, zero or not
// known; numbers are finite and at least 0, and texts have no control characters.
#ifndef WARP_TOOLS_WATCH_MODEL_SAMPLE_H_
#define WARP_TOOLS_WATCH_MODEL_SAMPLE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace warp::tools {

// Entries of each list that are looked at; a document has room for many more. `Sample::left_out` counts the rest.
inline constexpr size_t kMaxWatched = 4096;
// Bytes of a text. What is longer is cut.
inline constexpr size_t kMaxTextSize = 400;

// A cumulative count of bytes, out and in.
struct Carried {
  double out = 0;
  double in = 0;
};

// What a link did for all peers together, since the daemon started: whether it is worth its money.
struct Worth {
  // Payloads are spread over links, so that nothing can be said of what would have been lost.
  bool spread = false;
  double came = 0;         // payloads, by all links
  double first_share = 0;  // 0 to 1: of the payloads that came, those that came by it first
  double saved = 0;        // payloads that no other link brought
  double saved_share = 0;  // 0 to 1: of those that came
  // How late a copy is that is not the first, in ms, the median of each peer weighed by its copies. Unset: none was.
  std::optional<double> behind_ms;
  Carried bytes;
};

// A port: a local interface.
struct LinkSample {
  std::string name;
  std::string state;   // missing, opening, down, up, stale
  std::string reason;  // why it carries nothing; empty: nothing to say
  std::string device;
  std::string interface;  // the kernel's, whose addresses and routes count
  std::string driver;
  std::string pattern;  // what all ports of its pattern are called together; empty: it is of none
  double tier = 1;
  std::optional<double> since_s;  // in this state
  std::optional<Carried> bytes;   // unset while the port is closed
  std::optional<Worth> worth;     // unset: the daemon is of a version that does not say it
  // Of its data cap; `cap_state` is empty where it has none.
  std::string cap_state;  // open, near, reached
  std::string cap_at_limit;
  std::string cap_ends;     // the day on which it begins anew
  std::string cap_problem;  // why it is not counted as it should be
  double cap_used = 0;      // bytes
  double cap_bytes = 0;     // bytes
};

struct PathSample {
  std::string peer;
  std::string link;  // the local port's name; empty while it is closed
  std::string endpoint;
  std::string state;  // candidate, active, lost
  std::string reason;
  double id = 0;
  double since_s = 0;  // in this state
  bool carries = false;
  bool relayed = false;     // through a map's relay
  bool suspect = false;     // spread: nothing arrives
  bool contested = false;   // spread: a queue that does not end
  bool black_hole = false;  // larger packets vanish
  std::optional<double> rtt_ms;
  std::optional<double> least_rtt_ms;  // since it became active
  std::optional<double> jitter_ms;
  std::optional<double> skew_ms;
  double loss = 0;  // 0 to 1; of a path that is lost 1, though its last probes were answered before
  double first_share = 0;  // 0 to 1
  double mtu = 0;
  Carried bytes;
};

struct PeerSample {
  std::string name;
  std::string state;  // connecting, connected
  std::string reason;
  double since_s = 0;
  std::vector<std::string> key_used_by;
};

struct TunnelSample {
  std::string name;
  std::string peer;
  std::string mode;
  std::string gate;     // its type
  std::string listen;   // where applications send to
  std::string trouble;  // why the gate's interface is not there
  double out = 0;       // bit/s, from applications
  double in = 0;        // bit/s, to applications
  double from_app = 0;  // payloads, as the following
  double to_app = 0;
  double queued = 0;
  std::optional<double> lost;  // for good, as far as the peer says; unset: nobody asks
  double dropped = 0;          // all of its drops
  std::vector<std::pair<std::string, double>> drops;  // by name
};

struct MapSample {
  std::string address;
  std::string state;
  std::string reason;
};

struct Sample {
  bool is_map = false;  // a warp-map's: it has counts, and none of the lists but drops
  std::string key;
  std::string version;
  std::string state;  // running, draining
  double uptime_s = 0;
  std::vector<LinkSample> links;
  std::vector<PeerSample> peers;
  std::vector<PathSample> paths;  // in the order of the peers
  std::vector<TunnelSample> tunnels;
  std::vector<MapSample> maps;
  std::vector<std::pair<std::string, double>> drops;   // by name
  std::vector<std::pair<std::string, double>> counts;  // of a map: registrations and so on
  size_t left_out = 0;                                 // entries beyond kMaxWatched
};

// Whether the link is worth its money: "saved 512 payloads (0.001%)".
std::string WorthText(const Worth& worth);
// The same with its figures: "saved 512 payloads (0.001%), first for 1.1%, 50.9 GB in, 9.8 GB out".
std::string WorthFigures(const Worth& worth);

// `json`: a status document of a version that this program knows. InvalidArgument, with one sentence, of another one,
// and of what is no status.
absl::StatusOr<Sample> ReadSample(absl::string_view json);

}  // namespace warp::tools

#endif  // WARP_TOOLS_WATCH_MODEL_SAMPLE_H_
