// A gate at a Unix seqpacket socket: applications connect, each payload of theirs is one record.
//
// From the applications (journey out, step 1): as at a datagram gate, a payload is looked at, and
// removed when it is done, so that SIOCOUTQ of the client falls to nothing when its last payload was
// sent; `queue` is for all of them together, and they take turns, a payload each. A connection
// has room of its own, though, the client's SO_SNDBUF: send() fills that before it blocks.
//
// To the applications (journey in, step 6): each payload of the peer to every client. One that does
// not read has an outbox of its own; one that has shut its reading half down is left out.
//
// docs/gates.md has what applications may rely on.
#ifndef WARP_CONTROL_GATE_UNIX_UNIX_SEQPACKET_GATE_H_
#define WARP_CONTROL_GATE_UNIX_UNIX_SEQPACKET_GATE_H_

#include <list>
#include <memory>

#include "absl/status/statusor.h"
#include "control/gate/gate.h"
#include "control/gate/unix/unix_outbox.h"
#include "control/gate/unix/unix_receiver.h"
#include "control/loop/loop.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_path.h"

namespace warp::control {

struct UnixSeqpacketGateOptions {
  os::UnixPathOptions path;
  size_t queue = 1;          // payloads taken and not done, at most, of all clients together
  size_t max_clients = 128;  // a further one is closed at once
  wire::Duration deadline = std::chrono::milliseconds(250);  // of what waits for a client
};

class UnixSeqpacketGate : public Gate {
 public:
  // All outlive the gate. Errors are those of os::UnixPath.
  static absl::StatusOr<std::unique_ptr<UnixSeqpacketGate>> Create(
      Loop& loop, UnixReceiver& receiver, const UnixSeqpacketGateOptions& options, GateSink& sink);

  void Deliver(Delivery payload) override;
  void Flush() override {}
  void Resume() override { more_.Schedule(); }
  void Drain() override {}  // what the sink did not take, the kernel has
  void OnDone(size_t payloads) override;
  const GateCounters& counters() const override { return counters_; }
  GateStatus status() const override;

 private:
  static constexpr size_t kPayloadsPerTurn = 64;
  static constexpr size_t kAcceptsPerTurn = 4;

  // A connection. Room is watched only while something waits for it: else each payload that the
  // client reads would wake the loop.
  struct Client {
    Client(UnixSeqpacketGate& gate, os::UniqueFd connection);
    os::UniqueFd fd;
    bool readable = true;  // it may have something: nobody has looked since it was told
    bool deaf = false;     // it has shut down its reading half
    UnixOutbox outbox;
    Timer expiry;
    std::unique_ptr<Watch> room;
    Watch watch;
  };
  using Clients = std::list<Client>;

  UnixSeqpacketGate(Loop& loop, os::UniqueFd fd, os::UnixPath path, UnixReceiver& receiver,
                    const UnixSeqpacketGateOptions& options, GateSink& sink);

  void Accept();
  void Remove(Client& client);

  // Out of the applications.
  void Take();
  Client* NextReadable();
  bool TakeOne(Client& client);

  // To them.
  bool Send(Client& client, wire::Bytes payload);
  bool TrySend(Client& client, wire::Bytes payload);
  void SendWaiting(Client& client);

  Loop& loop_;
  const os::UniqueFd fd_;
  const os::UnixPath path_;  // after fd_: the file goes away first
  UnixReceiver& receiver_;
  const UnixSeqpacketGateOptions options_;
  GateSink& sink_;
  GateCounters counters_;

  size_t holding_ = 0;        // payloads the sink has and is not done with
  size_t done_ = 0;           // of them, told since
  bool peeked_ = false;       // the newest of them is still in its socket:
  Client* holder_ = nullptr;  // this client's; null where that has gone
  Task more_;

  Clients clients_;  // in the order of their next turn
  Timer accept_later_;
  Task accept_more_;
  Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UNIX_UNIX_SEQPACKET_GATE_H_
