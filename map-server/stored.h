// How a store in memory keeps records: a million of them must fit one small machine, so every byte counts here, and a
// test holds the sizes.
#ifndef WARP_MAP_SERVER_STORED_H_
#define WARP_MAP_SERVER_STORED_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "control/protocol/map/map_message.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"
#include "map-server/flat/id_list.h"

namespace warp::map {

using protocol::AllowDigest;
using protocol::KeyId;
using wire::Duration;
using wire::Instant;

// The node chooses it, so it holds after a restart of the map and at other maps.
using Order = protocol::MapOrder;

// Which of the map's own addresses a datagram came to, and an answer must leave from. LocalAddresses gives the number.
using LocalAddressId = uint16_t;
// From this number on it is no address: the datagrams come and go in a TLS connection (stream/streams.h). Nobody but
// this map reaches the node by UDP at the address that the connection comes from.
inline constexpr LocalAddressId kFirstStreamId = 32768;
constexpr bool IsStream(LocalAddressId id) { return id >= kFirstStreamId; }

// A key's name in 8 bytes, where KeyId has 16: SipHash of the id under a secret of this process. Nobody outside can
// look for keys of one tag, so two of a million keys share one once in 30 million maps; a stranger has an allowed key's
// tag with each throw-away key once in 2^61 tries.
using KeyTag = uint64_t;
KeyTag TagOf(const KeyId& id);

// The keys that may ask for a key, in the order of their tags. Eight need no block of their own.
class AllowTags {
 public:
  static constexpr size_t kInside = 8;

  AllowTags() = default;
  ~AllowTags() { Set({}); }
  AllowTags(const AllowTags&) = delete;
  AllowTags& operator=(const AllowTags&) = delete;

  void Set(std::span<const KeyTag> sorted);
  std::span<const KeyTag> tags() const { return {size_ > kInside ? outside_ : inside_, size_}; }
  size_t size() const { return size_; }
  bool is_long() const { return size_ > kInside; }

 private:
  union {
    KeyTag inside_[kInside] = {};
    KeyTag* outside_;
  };
  uint32_t size_ = 0;
};

// Addresses of a port's own: three of IPv4, or one of IPv6, need no block of their own.
class PackedEndpoints {
 public:
  PackedEndpoints() = default;
  ~PackedEndpoints() { Set({}); }
  PackedEndpoints(const PackedEndpoints&) = delete;
  PackedEndpoints& operator=(const PackedEndpoints&) = delete;

  // Returns whether these are others than before.
  bool Set(std::span<const wire::Endpoint> endpoints);
  std::vector<wire::Endpoint> Unpack() const;

 private:
  static constexpr size_t kInside = 24;
  std::span<const uint8_t> bytes() const;

  // The packed bytes, or the address of their block.
  std::array<uint8_t, kInside> inside_{};
  uint16_t size_ = 0;
};

// One registration (record.h has the meaning of each). The links and numbers are the store's.
struct StoredRegistration {
  Order order;
  uint32_t expires_ticks = 0;
  Id record = kNoId;
  Id next = kNoId;     // of the record's
  Id network = kNoId;  // Shares'
  Links in_network;    // likewise
  uint16_t port = 0;
  LocalAddressId local_address = 0;
  wire::Endpoint observed;
  PackedEndpoints candidates;

  bool v6() const { return !observed.address.is_v4(); }
  bool live() const { return observed.port != 0; }
  // Datagrams get from elsewhere to where the map sees the port.
  bool reachable() const { return !IsStream(local_address); }

  // A tick is an eighth of a second of BootClock. A time between two of them becomes the later one.
  static constexpr Duration kTick = std::chrono::milliseconds(125);
  static uint32_t Ticks(Instant time) {
    return static_cast<uint32_t>((time.time_since_epoch() + kTick - Duration(1)) / kTick);
  }
  static Instant FromTicks(uint32_t ticks) { return Instant(ticks * kTick); }
  Instant expires() const { return FromTicks(expires_ticks); }
};

struct StoredRecord {
  wire::PublicKey key;
  KeyTag tag = 0;
  AllowDigest digest{};
  AllowTags allow;
  Id first = kNoId;  // of its registrations, the oldest
  // The network that the allow list is charged to, that of the first registration; and a long list's place there.
  Id allow_network = kNoId;
  Links long_list;
};

static_assert(sizeof(StoredRegistration) == 88);
static_assert(sizeof(StoredRecord) == 136);

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_STORED_H_
