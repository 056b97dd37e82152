#include "tools/watch/model/sample.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/ask/values.h"
#include "tools/terminal/plain.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

constexpr int kKnownVersion = 1;
constexpr double kMost = 1e18;  // exact enough for counts, and far from infinity

std::string Word(const Json& json) {
  if (!json.is_string()) return "";
  std::string text = Plain(json.get<std::string>());
  if (text.size() > kMaxTextSize) {
    size_t end = kMaxTextSize;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text.resize(end);  // between two characters of UTF-8
  }
  return text;
}

std::string Word(const Json& json, const char* key) { return Word(At(json, key)); }

std::optional<double> Known(const Json& json, const char* key) {
  const Json& value = At(json, key);
  if (!value.is_number()) return std::nullopt;
  return std::clamp(value.get<double>(), 0.0, kMost);
}

double Number(const Json& json, const char* key) { return Known(json, key).value_or(0); }

double Share(const Json& json, const char* key) { return std::min(Number(json, key), 1.0); }

bool True(const Json& json, const char* key) {
  const Json& value = At(json, key);
  return value.is_boolean() && value.get<bool>();
}

Carried BytesOf(const Json& json) {
  return {.out = Number(json, "tx_bytes"), .in = Number(json, "rx_bytes")};
}

std::vector<std::pair<std::string, double>> Counts(const Json& json, const char* key) {
  std::vector<std::pair<std::string, double>> counts;
  const Json& object = At(json, key);
  if (!object.is_object()) return counts;
  for (const auto& [name, count] : object.items()) {
    if (counts.size() == kMaxWatched || !count.is_number()) continue;
    counts.emplace_back(Word(name), std::clamp(count.get<double>(), 0.0, kMost));
  }
  return counts;
}

double Sum(const std::vector<std::pair<std::string, double>>& counts) {
  double sum = 0;
  for (const auto& [name, count] : counts) sum += count;
  return std::min(sum, kMost);
}

// Calls `add` with each object of the list, up to the limit of what is watched.
template <typename Add>
void Each(const Json& json, const char* key, Sample* sample, Add add) {
  size_t count = 0;
  for (const Json& one : Items(json, key)) {
    if (!one.is_object()) continue;
    if (++count > kMaxWatched) {
      ++sample->left_out;
    } else {
      add(one);
    }
  }
}

LinkSample ReadLink(const Json& port) {
  LinkSample link{.name = Word(port, "name"),
                  .state = Word(port, "state"),
                  .reason = Word(port, "reason"),
                  .device = Word(port, "device"),
                  .interface = Word(port, "kernel_interface"),
                  .driver = Word(port, "driver"),
                  .pattern = Word(port, "pattern"),
                  .tier = Number(port, "tier"),
                  .since_s = Known(port, "since_s")};
  if (At(port, "tx_bytes").is_number()) link.bytes = BytesOf(port);
  if (const Json& cap = At(port, "cap"); cap.is_object()) {
    link.cap_state = Word(cap, "state");
    link.cap_at_limit = Word(cap, "at_limit");
    link.cap_ends = Word(cap, "ends");
    link.cap_problem = Word(cap, "problem");
    link.cap_used = Number(cap, "used");
    link.cap_bytes = Number(cap, "bytes");
  }
  return link;
}

PathSample ReadPath(const std::string& peer, const Json& path) {
  const Json& bond = At(path, "bond");
  return {.peer = peer,
          .link = Word(path, "port"),
          .endpoint = Word(path, "endpoint"),
          .state = Word(path, "state"),
          .reason = Word(path, "reason"),
          .id = Number(path, "id"),
          .since_s = Number(path, "since_s"),
          .carries = True(path, "carries"),
          .relayed = True(path, "relayed"),
          .suspect = True(bond, "suspect"),
          .contested = True(bond, "contested"),
          .black_hole = True(path, "black_hole"),
          .rtt_ms = Known(path, "rtt_ms"),
          .least_rtt_ms = Known(path, "least_rtt_ms"),
          .jitter_ms = Known(path, "jitter_ms"),
          .skew_ms = Known(path, "skew_ms"),
          .loss = Word(path, "state") == "lost" ? 1 : Share(path, "loss"),
          .first_share = Share(path, "first_share"),
          .mtu = Number(path, "mtu"),
          .bytes = BytesOf(path)};
}

PeerSample ReadPeer(const Json& json) {
  PeerSample peer{.name = Word(json, "name"),
                  .state = Word(json, "state"),
                  .reason = Word(json, "reason"),
                  .since_s = Number(json, "since_s")};
  for (const Json& address : Items(json, "key_used_by")) {
    if (peer.key_used_by.size() < 2) peer.key_used_by.push_back(Word(address));
  }
  return peer;
}

TunnelSample ReadTunnel(const Json& json) {
  const Json& gate = At(json, "gate");
  std::vector<std::pair<std::string, double>> drops = Counts(json, "drops");
  return {.name = Word(json, "name"),
          .peer = Word(json, "peer"),
          .mode = Word(json, "mode"),
          .gate = Word(gate, "type"),
          .listen = Word(gate, "listen"),
          .trouble = Word(gate, "trouble"),
          .out = Number(json, "from_app_rate"),
          .in = Number(json, "to_app_rate"),
          .from_app = Number(json, "from_app"),
          .to_app = Number(json, "to_app"),
          .queued = Number(json, "queued"),
          .lost = Known(At(json, "spread"), "lost"),
          .dropped = Sum(drops),
          .drops = std::move(drops)};
}

// Fewer copies of a payload than this arrive where tunnels spread them instead of sending each over all links.
constexpr double kSpreadBelow = 1.2;

// What a link did for one peer, added to what it did for others. Shares and medians are divided at the end.
void AddLink(const Json& one, Worth* worth) {
  const double duplicates = Number(one, "duplicates");
  worth->first_share += Number(one, "first");
  worth->saved += Number(one, "sole");
  worth->bytes.out += Number(one, "tx_bytes");
  worth->bytes.in += Number(one, "rx_bytes");
  if (const std::optional<double> skew = Known(one, "skew_ms"); skew && duplicates > 0) {
    worth->behind_ms = worth->behind_ms.value_or(0) + *skew * duplicates;
  }
}

// Of several peers the sums count, and a peer that gets each payload once says nothing of what was saved.
void AddWorth(const Json& peers, Sample* sample) {
  double came = 0;
  bool copies = false;
  std::vector<double> duplicates(sample->links.size());
  for (const Json& peer : peers) {
    copies = copies || Number(peer, "copies") >= kSpreadBelow;
    for (const Json& one : Items(peer, "links")) {
      came += Number(one, "first");
      const auto link = std::find_if(
          sample->links.begin(), sample->links.end(),
          [port = Word(one, "port")](const LinkSample& known) { return known.name == port; });
      if (link == sample->links.end()) continue;
      if (!link->worth) link->worth.emplace();
      AddLink(one, &*link->worth);
      if (Known(one, "skew_ms")) {
        duplicates[static_cast<size_t>(link - sample->links.begin())] += Number(one, "duplicates");
      }
    }
  }
  for (size_t i = 0; i < sample->links.size(); ++i) {
    if (!sample->links[i].worth) continue;
    Worth& worth = *sample->links[i].worth;
    worth.spread = !copies;
    worth.came = came;
    worth.first_share = came > 0 ? worth.first_share / came : 0;
    worth.saved_share = came > 0 ? worth.saved / came : 0;
    if (worth.behind_ms) *worth.behind_ms /= duplicates[i];
  }
}

void ReadNode(const Json& json, Sample* sample) {
  const Json& node = At(json, "node");
  sample->key = Word(node, "public_key");
  sample->version = Word(node, "version");
  sample->state = Word(node, "state");
  sample->uptime_s = Number(node, "uptime_s");
  Each(json, "ports", sample, [&](const Json& one) { sample->links.push_back(ReadLink(one)); });
  Each(json, "peers", sample, [&](const Json& one) {
    sample->peers.push_back(ReadPeer(one));
    Each(one, "paths", sample, [&](const Json& path) {
      if (sample->paths.size() < kMaxWatched) {
        sample->paths.push_back(ReadPath(sample->peers.back().name, path));
      } else {
        ++sample->left_out;
      }
    });
  });
  AddWorth(Items(json, "peers"), sample);
  Each(json, "tunnels", sample,
       [&](const Json& one) { sample->tunnels.push_back(ReadTunnel(one)); });
  Each(json, "maps", sample, [&](const Json& one) {
    sample->maps.push_back({.address = Word(one, "address"),
                            .state = Word(one, "state"),
                            .reason = Word(one, "reason")});
  });
}

void ReadMap(const Json& json, Sample* sample) {
  const Json& map = At(json, "map");
  sample->is_map = true;
  sample->key = Word(map, "public_key");
  sample->version = Word(map, "version");
  sample->state = "running";
  sample->uptime_s = Number(map, "uptime_s");
  for (const char* name : {"registrations", "sessions", "lookups", "pushes"}) {
    sample->counts.emplace_back(name, Number(map, name));
  }
}

}  // namespace

std::string WorthText(const Worth& worth) {
  if (worth.came == 0) return "no payloads yet";
  if (worth.spread) return absl::StrFormat("brings %.1f%% of what comes", 100 * worth.first_share);
  if (worth.saved > 0) {
    return absl::StrFormat("saved %.0f payloads (%.3f%%)", worth.saved, 100 * worth.saved_share);
  }
  return worth.first_share >= 0.5 ? "the fastest; others would have brought all as well"
                                  : "others brought everything as well, and sooner";
}

std::string WorthFigures(const Worth& worth) {
  return absl::StrCat(
      WorthText(worth),
      worth.spread ? "" : absl::StrFormat(", first for %.1f%%", 100 * worth.first_share),
      absl::StrFormat(", %.2f GB in, %.2f GB out", worth.bytes.in / 1e9, worth.bytes.out / 1e9));
}

absl::StatusOr<Sample> ReadSample(absl::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !(At(json, "node").is_object() || At(json, "map").is_object())) {
    return absl::InvalidArgumentError("what the daemon says is no status");
  }
  const Json& version = At(json, "version");
  if (!version.is_null() && version != kKnownVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("the daemon writes another version of the status than this program knows (",
                     kKnownVersion, "): upgrade the older of the two"));
  }
  Sample sample;
  if (At(json, "map").is_object()) {
    ReadMap(json, &sample);
  } else {
    ReadNode(json, &sample);
  }
  sample.drops = Counts(json, "drops");
  return sample;
}

}  // namespace warp::tools
