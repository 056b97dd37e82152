// Who is at this map, for its operator: nodes with a session, registrations, or both. Pure.
//
//   Walk: numbers of records ──► numbers of clients without a record ──► the end
//
// A million nodes are looked through a few at a time, by the numbers that they have in the map's tables: nothing is
// copied, and nothing stands still. So a node that is there from the beginning to the end is seen once, and one that
// comes or goes meanwhile may or may not be.
#ifndef WARP_MAP_SERVER_SESSION_ROLL_H_
#define WARP_MAP_SERVER_SESSION_ROLL_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "map-server/session/client_table.h"
#include "map-server/store/store.h"

namespace warp::map {

struct RollPlace {
  enum class Part : uint8_t { kRecords, kClients, kEnd };
  Part part = Part::kRecords;
  Id next = 0;

  bool ended() const { return part == Part::kEnd; }
  // "r17", "c0"; the end has none.
  std::string ToString() const;
  static std::optional<RollPlace> Parse(absl::string_view text);
  friend bool operator==(const RollPlace&, const RollPlace&) = default;
};

// Looks at the next `most` numbers, calls `see` for each key that has one, and returns where to go on. `see` must
// change nothing of both.
RollPlace Walk(const ClientTable& clients, const Store& store, RollPlace from, size_t most,
               absl::FunctionRef<void(const wire::PublicKey&)> see);

struct NodeView {
  struct Registration {
    uint16_t port = 0;
    bool live = false;                      // otherwise withdrawn
    wire::Endpoint observed;                // where the map sees the port; of a live one
    std::vector<wire::Endpoint> addresses;  // the port's own, as the node names them
    Instant expires;
  };
  std::optional<ClientView> client;  // the node has a session, or had one a moment ago
  std::vector<Registration> registrations;
  size_t allowed = 0;  // keys that may ask for it
};
// nullopt where there is neither a session nor a registration of the key.
std::optional<NodeView> ViewOf(const ClientTable& clients, const Store& store,
                               const wire::PublicKey& key);

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_ROLL_H_
