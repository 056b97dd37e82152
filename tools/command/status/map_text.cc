#include "tools/command/status/map_text.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/ask/values.h"
#include "tools/terminal/plain.h"
#include "tools/terminal/text_table.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

// "new 3, confirmed 41": the members of an object, in its order, or of these alone that are not zero.
std::string Counts(const Json& json, bool zeros) {
  std::vector<std::string> words;
  if (!json.is_object()) return kNothing;
  for (const auto& [name, count] : json.items()) {
    if (zeros || count != 0) words.push_back(absl::StrCat(Plain(name), " ", Text(count)));
  }
  return words.empty() ? "nothing" : absl::StrJoin(words, ", ");
}

// Of a map that counts them.
std::string MapStates(const Json& map) {
  if (!At(map, "session_states").is_object()) return "";
  const std::string allowed = Text(map, "allowed_keys");
  return absl::StrCat(
      allowed == kNothing ? "every key may register" : absl::StrCat(allowed, " keys may register"),
      "\nsessions: ", Counts(At(map, "session_states"), true), "; ", Text(map, "sessions_expired"),
      " expired so far\nlook-ups: ", Counts(At(map, "lookup_answers"), true),
      "\nrefused: ", Counts(At(map, "refused"), false), "\n");
}

// Of a map that relays.
std::string RelayText(const Json& relay) {
  const Json& on = At(relay, "on");
  if (!on.is_boolean() || !on.get<bool>()) return "";
  return absl::StrCat("relay: ", Text(relay, "pairs"), " pairs of nodes, ", Text(relay, "open"),
                      " of ", Text(relay, "channels"), " channels open, ", Text(relay, "datagrams"),
                      " datagrams of ", Text(relay, "bytes"),
                      " bytes relayed\nnot relayed: ", Counts(At(relay, "dropped"), false),
                      "; refused: ", Counts(At(relay, "refused"), false), "\n");
}

// Of a map that shares its registrations with others: whether it can now, and why not.
std::string SharedStore(const Json& store) {
  if (Text(store, "kind") != "redis") return "";
  const bool up = Text(store, "state") == "up";
  return absl::StrCat("store: redis ", Text(store, "server"), " ", Text(store, "state"), ", ",
                      Text(store, "unsaved"), " unsaved",
                      up ? "" : absl::StrCat(": ", Text(store, "error")), "\n");
}

// Of a map that takes TLS connections.
std::string MapStreams(const Json& streams) {
  if (!streams.is_object()) return "";
  return absl::StrCat("TLS connections: ", Text(streams, "open"), " open, ",
                      Text(streams, "proven"),
                      " of them nodes'; ended: ", Counts(At(streams, "ended"), false),
                      "; refused: ", Counts(At(streams, "refused"), false), "\n");
}

}  // namespace

std::string MapText(const Json& status) {
  const Json& map = At(status, "map");
  std::vector<std::string> listen;
  for (const Json& address : Items(map, "listen")) listen.push_back(Text(address));
  TextTable table({">REGISTRATIONS", ">SESSIONS", ">LOOKUPS", ">PUSHES"});
  table.Add({Text(map, "registrations"), Text(map, "sessions"), Text(map, "lookups"),
             Text(map, "pushes")});
  return absl::StrCat("map ", Text(map, "public_key"), "\n  warp-map ", Text(map, "version"),
                      ", running for ", Age(map, "uptime_s"), ", listens on ",
                      absl::StrJoin(listen, ", "), ", loop ", Text(map, "loop"), "\n\n",
                      table.ToString(), MapStates(map), RelayText(At(map, "relay")),
                      SharedStore(At(status, "store")), MapStreams(At(status, "streams")));
}

}  // namespace warp::tools
