// The parts that the two kinds of Unix gates share, and the count of payloads that a gate has taken from applications
// and that are not done. Control thread only.
#ifndef WARP_CONTROL_GATE_UNIX_UNIX_GATE_H_
#define WARP_CONTROL_GATE_UNIX_UNIX_GATE_H_

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "control/gate/gate.h"
#include "control/gate/unix/unix_receiver.h"
#include "control/loop/loop.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_path.h"

namespace warp::control {

// What a gate works with; all outlive it.
struct UnixGateContext {
  Loop& loop;
  UnixReceiver& receiver;
  GateSink& sink;
};

// A bound socket. Its file goes away before it is closed, so that nobody connects to a gate that is about to end.
struct UnixGateSocket {
  os::UniqueFd fd;
  os::UnixPath path;
};

// Payloads that the sink has taken and that are not done: neither sent nor dropped. The gate bounds them by its queue.
class HeldPayloads {
 public:
  void Add(size_t taken) { held_ += taken; }
  // Payloads are done. They count as held until Settle, because the sink may say so from within OnPayloads.
  void OnDone(size_t payloads) { done_ += payloads; }
  void Settle() { held_ -= std::exchange(done_, 0); }

  size_t held() const { return held_; }                               // as of the last Settle
  size_t not_done() const { return held_ - std::min(held_, done_); }  // as of now

 private:
  size_t held_ = 0;
  size_t done_ = 0;
};

// The outcome of a send to an application.
enum class UnixSend : uint8_t {
  kTaken,
  kFull,      // the receiver's queue or the system's memory is: later, perhaps
  kTooLarge,  // the payload exceeds what a socket takes
  kRefused,   // there is nobody, or nobody who takes payloads from this gate
};

// Returns the outcome of a send that failed with `error`, a positive errno other than EINTR.
inline UnixSend OutcomeOf(int error) {
  switch (error) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
      return UnixSend::kFull;
    case EMSGSIZE:
      return UnixSend::kTooLarge;
    default:
      return UnixSend::kRefused;
  }
}

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UNIX_UNIX_GATE_H_
