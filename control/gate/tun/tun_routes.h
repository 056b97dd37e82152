// Which tunnel of an interface a packet belongs to: the longest prefix that its address begins with. The prefixes of
// one length are a hash table, and an address is looked for in those of each length in use, the longest first: as many
// look-ups as there are lengths, of which configurations have a few. Control thread only.
#ifndef WARP_CONTROL_GATE_TUN_TUN_ROUTES_H_
#define WARP_CONTROL_GATE_TUN_TUN_ROUTES_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/gate/tun/packet/tun_prefix.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

// `Owner` is a pointer; null means none.
template <typename Owner>
class TunRoutes {
 public:
  // Takes the place of an equal prefix.
  void Add(const TunPrefix& prefix, Owner owner) {
    Lengths& lengths = LengthsOf(prefix.address);
    auto at = std::find_if(lengths.begin(), lengths.end(),
                           [&](const Table& table) { return table.length <= prefix.length; });
    if (at == lengths.end() || at->length != prefix.length) {
      at = lengths.insert(at, {.length = prefix.length, .owners = {}});
    }
    at->owners[PrefixKeyOf(prefix.address, prefix.length)] = owner;
  }

  void Remove(Owner owner) {
    for (Lengths* const lengths : {&v4_, &v6_}) {
      for (Table& table : *lengths) {
        absl::erase_if(table.owners, [owner](const auto& entry) { return entry.second == owner; });
      }
      std::erase_if(*lengths, [](const Table& table) { return table.owners.empty(); });
    }
  }

  bool empty() const { return v4_.empty() && v6_.empty(); }

  Owner Find(const wire::IpAddress& address) const {
    for (const Table& table : address.is_v4() ? v4_ : v6_) {
      const auto found = table.owners.find(PrefixKeyOf(address, table.length));
      if (found != table.owners.end()) return found->second;
    }
    return nullptr;
  }

 private:
  struct Table {
    uint8_t length = 0;
    absl::flat_hash_map<PrefixKey, Owner> owners;
  };
  using Lengths = std::vector<Table>;  // the longest first

  Lengths& LengthsOf(const wire::IpAddress& address) { return address.is_v4() ? v4_ : v6_; }

  Lengths v4_, v6_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_TUN_ROUTES_H_
