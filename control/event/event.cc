#include "control/event/event.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace warp::control {
namespace {

using Json = nlohmann::ordered_json;

std::string Because(const std::string& reason) {
  return reason.empty() ? "" : absl::StrCat(" (", reason, ")");
}

std::string Path(const Event& event) {
  return absl::StrCat("peer ", event.peer, ": path ", event.port, " -> ", event.endpoint);
}

std::string Megabits(std::optional<uint64_t> rate) {
  return absl::StrFormat("%.1f Mbit/s", static_cast<double>(rate.value_or(0)) / 1e6);
}

std::string Cap(const Event& event, absl::string_view state) {
  return absl::StrCat("port ", event.port, ": its data cap is ", state, ": ",
                      event.value.value_or(0), " of ", event.before.value_or(0), " bytes",
                      event.reason.empty() ? "" : " ", event.reason);
}

}  // namespace

std::string EventText(const Event& event) {
  switch (event.kind) {
    case EventKind::kConfigApplied:
      return absl::StrCat("the configuration is in force", Because(event.reason));
    case EventKind::kConfigRefused:
      return absl::StrCat("the changed configuration is not followed", Because(event.reason));
    case EventKind::kPeerConnected:
      return absl::StrCat("peer ", event.peer, ": connected", Because(event.reason));
    case EventKind::kPeerDisconnected:
      return absl::StrCat("peer ", event.peer, ": connecting", Because(event.reason));
    case EventKind::kPeerMoved:
      return absl::StrCat("peer ", event.peer, ": moved from ", event.endpoint_before, " to ",
                          event.endpoint, ", as port ", event.port, " sees it");
    case EventKind::kRelayBegun:
      return absl::StrCat("peer ", event.peer, ": no other path works, so payloads go through a ",
                          "map's relay at ", event.endpoint, " from port ", event.port);
    case EventKind::kRelayEnded:
      return absl::StrCat("peer ", event.peer, ": no payloads go through a map's relay any more",
                          Because(event.reason));
    case EventKind::kKeyUsedTwice:
      return absl::StrCat("peer ", event.peer, ": two nodes seem to use this key: ", event.reason);
    case EventKind::kPathUp:
      return absl::StrCat(Path(event), " active", Because(event.reason));
    case EventKind::kPathDown:
      return absl::StrCat(Path(event), " lost", Because(event.reason));
    case EventKind::kCapacityChanged:
      return absl::StrCat(Path(event), " carries ", Megabits(event.value), ", and not ",
                          Megabits(event.before), " any more");
    case EventKind::kPortUp:
      return absl::StrCat("port ", event.port, ": up", Because(event.reason));
    case EventKind::kPortDown:
      return absl::StrCat("port ", event.port, ": down", Because(event.reason));
    case EventKind::kPortLost:
      return absl::StrCat("port ", event.port, ": closed", Because(event.reason));
    case EventKind::kCapNear:
      return Cap(event, "near");
    case EventKind::kCapReached:
      return Cap(event, "reached");
    case EventKind::kCapOpen:
      return Cap(event, "open");
    case EventKind::kTunnelChanged:
      return absl::StrCat("tunnel ", event.tunnel, " was changed: ", event.reason);
    case EventKind::kEventsMissed:
      return absl::StrCat(event.missed, " events were missed here, which came too fast");
  }
  return "";
}

std::string EventJson(const Event& event) {
  Json json = {{"version", kEventVersion},
               {"number", event.number},
               {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", event.time, absl::UTCTimeZone())},
               {"event", std::string(event.facts().name)},
               {"severity", event.facts().severity == Severity::kWarning ? "warning" : "info"}};
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) json[key] = value;
  };
  add("peer", event.peer);
  add("port", event.port);
  add("endpoint", event.endpoint);
  add("endpoint_before", event.endpoint_before);
  add("tunnel", event.tunnel);
  if (event.value.has_value()) json["value"] = *event.value;
  if (event.before.has_value()) json["before"] = *event.before;
  if (event.kind == EventKind::kEventsMissed) json["missed"] = event.missed;
  add("reason", event.reason);
  json["text"] = EventText(event);
  // In ASCII: a line that somebody looks at in a terminal has no control character, whatever names are in it.
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace warp::control
