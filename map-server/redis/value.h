// What maps write into a shared redis, and read from it. All maps that share one have one private key, from which the
// keys of these values are derived; so whoever has the redis alone reads no key and no address, and makes no value.
//
//   record name = BLAKE2b-128, keyed with name-key, of the key id
//   name-key    = BLAKE2b-256, keyed with the map's private key, of "WARP/1 map store name"
//   value-key   = likewise of "WARP/1 map store value"
//
// A record is a redis hash named <prefix>:r:<record name in hex>. Its fields:
//
//   "r" | port u16 | "4" or "6"  = order | expiry u64 | body     a registration, or that it was withdrawn
//   "a"                          = order | zero u64   | body     the keys that may ask for it
//
//   order  = epoch u64 | number u64                              big-endian, as all numbers here: redis compares bytes
//   expiry = milliseconds of redis's clock, written by its script
//   body   = print u64 | form u8 | nonce [24] | sealed           XChaCha20-Poly1305 with value-key and a random nonce
//   print  = the first bytes of BLAKE2b, keyed with value-key, of the plaintext: whether two say the same
//   form   = 01 registration, 02 withdrawn, 03 allow list, 04 registration that no datagram reaches
//   additional data = form | record name | field ("w" in form 02) | order
//
//   plaintext of 01, 04 = key [32] | endpoint | count u8 | endpoint ...     observed, then the port's own
//                02 = key [32]
//                03 = key [32] | digest [8] | key id [16] ...
//   endpoint        = 04 or 06 | address | port u16
//
// Another form is of another version of WARP: it is left alone, and counted.
#ifndef WARP_MAP_SERVER_REDIS_VALUE_H_
#define WARP_MAP_SERVER_REDIS_VALUE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "dataplane/wire/crypto/keys.h"
#include "map-server/stored.h"

namespace warp::map {

inline constexpr size_t kRecordNameSize = 16;
using RecordName = std::array<uint8_t, kRecordNameSize>;

std::string EncodeOrder(const Order& order);
std::optional<Order> DecodeOrder(absl::string_view bytes);  // of the first 16

std::string RegistrationField(uint16_t port, bool v6);
inline constexpr absl::string_view kAllowField = "a";

// The keys that may ask for a key, by name: what a StoredRecord has as tags of this process.
struct NamedList {
  AllowDigest digest{};
  std::vector<KeyId> ids;
};

class ValueCodec {
 public:
  explicit ValueCodec(const wire::SecretKey& map_key);

  RecordName NameOf(const KeyId& id) const;

  // Bodies.
  std::string Seal(const wire::PublicKey& key, const StoredRegistration& registration) const;
  std::string SealWithdrawn(const wire::PublicKey& key, const Order& order) const;
  std::string Seal(const wire::PublicKey& key, const Order& order, const NamedList& list) const;

  // Reads a field's whole value. False where no map with this key wrote it there.
  struct Opened {
    wire::PublicKey key;
    Order order;
    std::optional<NamedList> list;  // of kAllowField
    bool live = false;
    uint16_t port = 0;
    bool v6 = false;
    bool reachable = true;  // while live, as the next two
    wire::Endpoint observed;
    std::vector<wire::Endpoint> candidates;
  };
  bool Open(const RecordName& name, absl::string_view field, absl::string_view value,
            Opened* opened) const;

 private:
  std::string SealPlain(uint8_t form, const wire::PublicKey& key, absl::string_view field,
                        const Order& order, const std::string& plain) const;

  wire::SymmetricKey name_key_;
  wire::SymmetricKey value_key_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REDIS_VALUE_H_
