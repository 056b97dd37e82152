// The thread of a carrier: sockets, TLS and the clock. What it shares with its owner stands first.
#ifndef WARP_CONTROL_CARRIER_CARRIER_THREAD_H_
#define WARP_CONTROL_CARRIER_CARRIER_THREAD_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "control/carrier/carrier.h"
#include "control/stream/tls_context.h"
#include "control/stream/tls_stream.h"
#include "dataplane/facade/carrier_message.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"

namespace warp::control {

struct Carrier::Shared {
  os::UniqueFd socket;
  os::UniqueFd wake;     // the thread's
  os::UniqueFd changed;  // the owner's

  std::atomic<bool> ended = false;  // the owner wants it to be
  std::atomic<bool> gone = false;   // the thread has let go of everything but this

  // Of what follows. The thread holds it for a few instructions at a time, and the owner only tries it: a thread may
  // stand still while it holds a lock.
  std::mutex mutex;
  std::vector<Target> targets;
  uint64_t aims = 0;  // grows where a connection is not to be trusted any more
  Status status;
};

class CarrierThread {
 public:
  CarrierThread(std::shared_ptr<Carrier::Shared> shared, Carrier::Options options)
      : shared_(std::move(shared)), options_(std::move(options)) {}

  void Run();

 private:
  bool TakeOrders();
  void Publish(const Carrier::Status& status);
  void Change(Carrier::State state, std::string reason);
  bool PrepareTls();
  void Dial(wire::Instant now);
  void Drop();
  // What the connection that there is, or the attempt, has cost so far.
  uint64_t Volume() const;
  void Lose(wire::Instant now, std::string reason);

  bool may_take() const;
  bool is_silent(wire::Instant now) const;
  void Sleep(wire::Instant now);
  void Work(wire::Instant now);
  void Establish(wire::Instant now);
  void Receive(wire::Instant now);
  void TakeFromPort();
  void Flush(wire::Instant now);
  void NotePortGone();

  const std::shared_ptr<Carrier::Shared> shared_;
  const Carrier::Options options_;
  std::unique_ptr<stream::TlsContext> tls_;  // null until it is needed first
  std::minstd_rand random_{std::random_device()()};

  std::vector<Carrier::Target> targets_;
  uint64_t aims_ = 0;
  size_t next_target_ = 0;
  Carrier::Target target_;  // of the connection, or of the attempt
  wire::Instant next_{};
  wire::Instant deadline_{};
  int retries_ = 0;
  Carrier::Status status_;
  uint64_t past_bytes_ = 0;  // of connections that have ended
  wire::Instant measured_{};
  os::UniqueFd connecting_;
  std::unique_ptr<stream::TlsStream> stream_;
  bool open_ = false;
  bool more_ = false;  // datagrams have come that are not taken yet
  bool connection_ready_ = false;
  wire::Instant opened_{};
  wire::Instant unanswered_ = wire::kNever;  // the first datagram that went since one came
  bool heard_ = false;                       // one has come through this connection
  wire::IpAddress local_;
  std::array<uint8_t, sizeof(lcore::CarrierHeader) + lcore::kMaxCarried> room_;
};

// An eventfd, and its end.
void Ring(int fd);
void Hush(int fd);

}  // namespace warp::control

#endif  // WARP_CONTROL_CARRIER_CARRIER_THREAD_H_
