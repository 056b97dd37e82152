#include "tools/init/init_config.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "control/config/node_config.h"
#include "control/config/text/problems.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::tools {
namespace {

using Halves = std::pair<absl::string_view, absl::string_view>;

constexpr int kFirstGatePort = 9000;

absl::Status Wrong(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(config::Quote(text), ": ", why));
}

// A scalar of YAML, whatever is in it. YAML would fold a line break into a space, so that control characters are
// written as escapes.
std::string Scalar(absl::string_view text) {
  std::string scalar = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppend(&scalar, "\\x", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    } else {
      if (c == '\\' || c == '"') scalar += '\\';
      scalar += c;
    }
  }
  return scalar + "\"";
}

Halves SplitAt(absl::string_view text, char separator) {
  return absl::StrSplit(text, absl::MaxSplits(separator, 1));
}

absl::StatusOr<std::string> Gate(absl::string_view text) {
  for (const absl::string_view kind : {"tun", "tap"}) {
    absl::string_view interface = text;
    if (!absl::ConsumePrefix(&interface, absl::StrCat(kind, ":"))) continue;
    if (interface.empty()) return Wrong(text, "the interface is missing");
    return absl::StrCat(kind, ": {interface: ", Scalar(interface), "}");
  }
  const auto [listen, deliver] = SplitAt(text, ',');
  if (!config::EndpointRange::Parse(listen).ok() ||
      !(deliver.empty() || config::EndpointRange::Parse(deliver).ok())) {
    return Wrong(text, "a gate is ADDRESS:PORT, tun:INTERFACE or tap:INTERFACE");
  }
  return absl::StrCat("loopback: {listen: ", Scalar(listen),
                      deliver.empty() ? "" : absl::StrCat(", deliver: ", Scalar(deliver)), "}");
}

}  // namespace

absl::Status CheckInitName(absl::string_view text) {
  const bool fits = !text.empty() && text.size() <= 63 &&
                    std::all_of(text.begin(), text.end(), [](unsigned char c) {
                      return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
                    });
  return fits ? absl::OkStatus() : Wrong(text, "a name has letters, digits, '-', '_' and '.'");
}

absl::Status CheckInitKey(absl::string_view text) {
  if (wire::PublicKey::FromBase64(text).ok()) return absl::OkStatus();
  return Wrong(text, "no public key, which has 44 characters and ends with =");
}

absl::StatusOr<std::string> InitAddress(absl::string_view text) {
  const std::string bare(text);
  std::string why;
  for (const std::string& whole : {bare, absl::StrCat(bare, ":", wire::kDefaultPort),
                                   absl::StrCat("[", bare, "]:", wire::kDefaultPort)}) {
    const auto address = config::HostPort::Parse(whole);
    if (address.ok()) return address->ToString();
    if (why.empty()) why = std::string(address.status().message());
  }
  return Wrong(text, why);
}

absl::StatusOr<InitPort> ParseInitPort(absl::string_view text) {
  const auto [name, interface] = SplitAt(text, '=');
  InitPort port{.name = std::string(name), .interface = std::string(interface)};
  if (!absl::StrContains(text, '=')) port.interface = port.name;
  if (absl::Status named = CheckInitName(port.name); !named.ok()) return named;
  if (port.interface.empty()) return Wrong(text, "the interface is missing");
  return port;
}

absl::StatusOr<InitPeer> ParseInitPeer(absl::string_view text) {
  const auto [name, rest] = SplitAt(text, '=');
  if (absl::Status named = CheckInitName(name); !named.ok()) return named;
  const auto [key, endpoint] = SplitAt(rest, '@');
  if (absl::Status good = CheckInitKey(key); !good.ok()) return good;
  InitPeer peer{.name = std::string(name), .public_key = std::string(key)};
  if (endpoint.empty()) return peer;
  absl::StatusOr<std::string> address = InitAddress(endpoint);
  if (!address.ok()) return address.status();
  peer.endpoint = *std::move(address);
  return peer;
}

absl::StatusOr<InitMap> ParseInitMap(absl::string_view text) {
  const auto [where, key] = SplitAt(text, '=');
  absl::StatusOr<std::string> address = InitAddress(where);
  if (!address.ok()) return address.status();
  if (absl::Status good = CheckInitKey(key); !good.ok()) return good;
  return InitMap{.address = *std::move(address), .public_key = std::string(key)};
}

absl::StatusOr<InitTunnel> ParseInitTunnel(absl::string_view text) {
  const auto [name, rest] = SplitAt(text, '=');
  if (absl::Status named = CheckInitName(name); !named.ok()) return named;
  const auto [where, peer] = SplitAt(rest, '@');
  absl::StatusOr<std::string> gate = Gate(where);
  if (!gate.ok()) return gate.status();
  return InitTunnel{.name = std::string(name), .gate = *std::move(gate), .peer = std::string(peer)};
}

absl::Status InitConfig::Complete() {
  if (tunnels.empty()) {
    for (size_t i = 0; i < peers.size(); ++i) {
      const std::string listen = absl::StrCat("127.0.0.1:", kFirstGatePort + i);
      tunnels.push_back({.name = peers[i].name, .gate = *Gate(listen), .peer = peers[i].name});
    }
  }
  for (InitTunnel& tunnel : tunnels) {
    if (tunnel.peer.empty() && peers.size() == 1) tunnel.peer = peers[0].name;
    if (tunnel.peer.empty()) return Wrong(tunnel.name, "which peer? NAME=GATE@PEER says it");
  }
  const absl::Status valid = config::ParseNodeConfig(ToYaml(), "the configuration").status();
  if (valid.ok()) return valid;
  return absl::InvalidArgumentError(absl::StrReplaceAll(valid.message(), {{"\n", "; "}}));
}

std::string InitConfig::ToYaml() const {
  std::string text = absl::StrCat(
      "# Written by `warp init`. `warp example-config` shows all keys with their reasons.\n",
      "node:\n  private_key_file: ", Scalar(private_key_file), "\n");
  if (!maps.empty()) absl::StrAppend(&text, "map:\n");
  for (const InitMap& map : maps) {
    absl::StrAppend(&text, "  - {address: ", Scalar(map.address),
                    ", public_key: ", Scalar(map.public_key), "}\n");
  }
  absl::StrAppend(&text, "ports:\n");
  for (const InitPort& port : ports) {
    absl::StrAppend(&text, "  - {name: ", Scalar(port.name),
                    ", interface: ", Scalar(port.interface), "}\n");
  }
  absl::StrAppend(&text, "peers:\n");
  for (const InitPeer& peer : peers) {
    absl::StrAppend(&text, "  - name: ", Scalar(peer.name),
                    "\n    public_key: ", Scalar(peer.public_key), "\n");
    if (peer.endpoint.empty()) continue;
    absl::StrAppend(&text, "    endpoints: [", Scalar(peer.endpoint), "]\n");
  }
  absl::StrAppend(&text, "tunnels:\n");
  std::map<std::string, int>
      ids;  // they count at each peer, so that both ends of a pair begin with the same one
  for (const InitTunnel& tunnel : tunnels) {
    absl::StrAppend(&text, "  - name: ", Scalar(tunnel.name), "\n    id: ", ++ids[tunnel.peer],
                    "\n    peer: ", Scalar(tunnel.peer), "\n    gate: {", tunnel.gate, "}\n");
  }
  return text;
}

}  // namespace warp::tools
