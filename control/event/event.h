// What happens to a node that people, programs or hooks may want to hear of: one small record with a stable name. The
// whole project has this one list: the names, their severity and their rows in docs/events.md all come from here.
//
// Events are for what changes seldom, and not for packets: a node raises a few in a second at most. Control thread.
#ifndef WARP_CONTROL_EVENT_EVENT_H_
#define WARP_CONTROL_EVENT_EVENT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace warp::control {

// It rises when a field or an event goes, or changes its name, type, unit or meaning. One that is added changes nothing
// for those who ignore what they do not know.
inline constexpr int kEventVersion = 1;

// X(enumerator, name in the log, in JSON and in documents, severity, what it means in one sentence)
#define WARP_EVENTS(X)                                                                             \
  X(kConfigApplied, "config_applied", kInfo, "a configuration is in force from now on")            \
  X(kConfigRefused, "config_refused", kWarning,                                                    \
    "a changed file is not followed, or what it has changed is undone")                            \
  X(kPeerConnected, "peer_connected", kInfo, "there is a session with the peer, and it answers")   \
  X(kPeerDisconnected, "peer_disconnected", kWarning,                                              \
    "the session with the peer ended, or nothing comes back")                                      \
  X(kPeerMoved, "peer_moved", kInfo, "a port of the peer is reached at another endpoint")          \
  X(kRelayBegun, "relay_begun", kWarning,                                                          \
    "no other path works, so payloads go through a map's relay from now on")                       \
  X(kRelayEnded, "relay_ended", kInfo, "no payloads go through a map's relay any more")            \
  X(kKeyUsedTwice, "key_used_twice", kWarning, "two nodes seem to use the key of the peer")        \
  X(kPathUp, "path_up", kInfo, "the path may carry payloads")                                      \
  X(kPathDown, "path_down", kWarning, "the path carries no payloads any more")                     \
  X(kCapacityChanged, "capacity_changed", kInfo, "the path carries much more or less than before") \
  X(kPortUp, "port_up", kInfo, "payloads may leave by the port")                                   \
  X(kPortDown, "port_down", kWarning, "the port is open, and nothing leaves by it")                \
  X(kPortLost, "port_lost", kWarning, "the port was closed")                                       \
  X(kCapNear, "cap_near", kWarning, "80 % of the data cap of the port are used")                   \
  X(kCapReached, "cap_reached", kWarning, "the data cap of the port is used up")                   \
  X(kCapOpen, "cap_open", kInfo, "a period began, or the count was corrected: the cap is open")    \
  X(kTunnelChanged, "tunnel_changed", kInfo, "somebody changed how the tunnel uses its paths")     \
  X(kEventsMissed, "events_missed", kWarning, "a reader was too slow for some events")

enum class EventKind : uint8_t {
#define WARP_EVENT_ENUMERATOR(enumerator, name, severity, meaning) enumerator,
  WARP_EVENTS(WARP_EVENT_ENUMERATOR)
#undef WARP_EVENT_ENUMERATOR
};
inline constexpr size_t kEventKinds = static_cast<size_t>(EventKind::kEventsMissed) + 1;

enum class Severity : uint8_t { kInfo, kWarning };

struct EventKindFacts {
  absl::string_view name;
  Severity severity;
  absl::string_view meaning;
};
inline constexpr std::array<EventKindFacts, kEventKinds> kEventFacts = {{
#define WARP_EVENT_FACTS(enumerator, name, severity, meaning) \
  EventKindFacts{name, Severity::severity, meaning},
    WARP_EVENTS(WARP_EVENT_FACTS)
#undef WARP_EVENT_FACTS
}};

struct Event {
  EventKind kind = EventKind::kConfigApplied;
  // The subject. Names are as configured, and empty where the event concerns no such thing.
  std::string peer = {};
  std::string port = {};
  std::string endpoint = {};  // the peer's: of the path, or where the peer is now
  std::string tunnel = {};
  std::string reason = {};  // for people; empty where there is none
  // What changed, where that is an endpoint (peer_moved), bits a second (capacity_changed), or bytes of a data cap
  // (cap_*, of which `before` is the cap).
  std::string endpoint_before = {};
  std::optional<uint64_t> value = {};
  std::optional<uint64_t> before = {};
  uint64_t missed = 0;  // of events_missed: how many

  // The log gives them.
  uint64_t number =
      0;  // from 1 on, one after the other; 0: of events_missed, which a single reader gets
  absl::Time time = {};

  const EventKindFacts& facts() const { return kEventFacts[static_cast<size_t>(kind)]; }
};

// One sentence for people, without its time and name: "peer hq: path wan0 -> 10.2.0.2:13116 lost (no answer)".
std::string EventText(const Event& event);

// One object on one line, without a newline at its end. docs/events.md explains each field. Members that do not apply
// are left out.
std::string EventJson(const Event& event);

}  // namespace warp::control

#endif  // WARP_CONTROL_EVENT_EVENT_H_
