// One end of a session in 104 bytes, for a map that has a million of them: the two keys as they are, two counters, and
// a replay window of 128, which its owner may widen where much comes at once. It speaks ChaCha20-Poly1305 alone, whose
// keys need no expansion, and belongs to one thread. On the wire it is a session like any other (session.h).
#ifndef WARP_DATAPLANE_WIRE_SESSION_COMPACT_SESSION_H_
#define WARP_DATAPLANE_WIRE_SESSION_COMPACT_SESSION_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/session/session.h"

namespace warp::wire {

class CompactSession {
 public:
  // Counters that are told apart, and those after Widen.
  static constexpr uint64_t kWindow = 128;
  static constexpr uint64_t kWideWindow = kMapWindow;

  CompactSession() = default;  // no session
  ~CompactSession();
  CompactSession(const CompactSession&) = delete;
  CompactSession& operator=(const CompactSession&) = delete;

  // `local_index` is not zero.
  void Start(uint32_t local_index, uint32_t remote_index, const SymmetricKey& seal_key,
             const SymmetricKey& open_key);

  uint32_t local_index() const { return local_index_; }  // 0: no session

  // Gives the session the wide window, in a block of its own. What the narrow one has forgotten stays forgotten.
  void Widen();
  bool wide() const { return wide_ != 0; }

  // The whole datagram. nullopt once all counters are used up. The caller knows when the keys' time is over.
  std::optional<std::vector<uint8_t>> Seal(Bytes plaintext);

  // Looks at the window, opens in place, and claims the counter. `datagram` is the whole UDP payload, whose receiver
  // index is this session's. On a drop nothing has changed.
  std::variant<Session::Opened, Drop> Open(MutableBytes datagram);

 private:
  static constexpr size_t kWords = kWindow / 64;
  static constexpr size_t kWideWords = kWideWindow / 64;

  Drop Look(uint64_t counter) const;
  void Claim(uint64_t counter);
  // Bit i % 64 of word i / 64 stands for the counter expected_ - 1 - i.
  std::span<const uint64_t> words() const;
  std::span<uint64_t> words();

  SymmetricKey seal_key_;
  SymmetricKey open_key_;
  uint32_t local_index_ = 0;
  uint32_t remote_index_ = 0;
  uint64_t sent_ : 63 = 0;  // counters handed out
  uint64_t wide_ : 1 = 0;
  uint64_t expected_ = 0;  // one above the highest that was opened
  union {
    std::array<uint64_t, kWords> narrow_window_ = {};
    uint64_t* wide_window_;
  };
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_SESSION_COMPACT_SESSION_H_
