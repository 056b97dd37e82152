// A session: what one handshake agreed with one remote node, which is keys, the send counter and the replay window. The
// control thread and all workers share it by pointer; it is never copied.
#ifndef WARP_DATAPLANE_WIRE_SESSION_SESSION_H_
#define WARP_DATAPLANE_WIRE_SESSION_SESSION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/crypto/aead.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/handshake/introduction.h"
#include "dataplane/wire/session/opening_hints.h"
#include "dataplane/wire/session/window.h"
#include "dataplane/wire/time.h"

namespace warp::wire {

class Session {
 public:
  struct Params {
    uint32_t local_index = 0;   // what the remote writes as receiver index
    uint32_t remote_index = 0;  // what we write
    Cipher cipher = Cipher::kChaCha20Poly1305;
    bool initiator = false;  // we began the handshake
    size_t window = kDefaultWindow;
    Introduction remote{};  // what the remote said of itself
    // The keys are not used from then on. Whoever makes the session sets it, by the protocol's session_lifetime.
    Instant expires = kNever;
  };
  Session(const Params& params, const SymmetricKey& seal_key, const SymmetricKey& open_key);

  uint32_t local_index() const { return params_.local_index; }
  uint32_t remote_index() const { return params_.remote_index; }
  Cipher cipher() const { return params_.cipher; }
  bool initiator() const { return params_.initiator; }
  // Bits of Feature: what the remote understands.
  uint32_t remote_features() const { return params_.remote.features; }
  // 0: the remote did not say. Otherwise another one where the remote was started anew.
  uint32_t remote_life() const { return params_.remote.life; }
  // Whoever seals or opens looks at this, and needs nobody's help: a control thread that hangs, or comes late to take
  // the session away, keeps no keys alive.
  Instant expires() const { return params_.expires; }
  bool has_expired(Instant now) const { return params_.expires <= now; }
  const BulkKey& seal_key() const { return seal_key_; }
  const BulkKey& open_key() const { return open_key_; }
  ReplayWindow& window() { return window_; }
  // Null where the window is no wider than kMapWindow: one thread opens all packets of a session with a map. A peer's
  // session with so small a window does without, and opens a few packets twice.
  OpeningHints* opening_hints() { return opening_hints_.get(); }

  // Any thread. Reserves `count` consecutive counters and returns the first. nullopt once the session is used up
  // (kCounterLimit); it never seals again then. A counter is never handed out twice.
  std::optional<uint64_t> ReserveCounters(uint32_t count);
  // Any thread. How many counters were handed out.
  uint64_t sent() const { return next_counter_.load(std::memory_order_relaxed); }

  // --- One message at a time, for control messages and the map. ---

  // Any thread; the engine is the caller's. The whole datagram: header, ciphertext, tag. nullopt when the session is
  // used up, or has expired.
  std::optional<std::vector<uint8_t>> Seal(Instant now, AeadEngine& engine, Bytes plaintext);

  struct Opened {
    uint64_t counter = 0;
    MutableBytes plaintext;  // inside the datagram
  };
  // Looks, opens in place and claims. `datagram` is the whole UDP payload; the caller has found this session by its
  // receiver index.
  std::variant<Opened, Drop> Open(Instant now, AeadEngine& engine, MutableBytes datagram);

 private:
  const Params params_;
  const BulkKey seal_key_;
  const BulkKey open_key_;
  ReplayWindow window_;
  const std::unique_ptr<OpeningHints> opening_hints_;
  alignas(64) std::atomic<uint64_t> next_counter_{0};
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_SESSION_SESSION_H_
