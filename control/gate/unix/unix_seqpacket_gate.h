// A gate at a Unix seqpacket socket. Applications connect to it, and each of their payloads is one record.
//
// From the applications (journey out, step 1): as at a datagram gate, a payload is looked at and removed only when it
// is done, so that the client's SIOCOUTQ falls to zero when its last payload was sent. `queue` bounds the payloads of
// all clients together, which take turns with one payload each. A connection also has room of its own, the client's
// SO_SNDBUF: send() fills that before it blocks.
//
// To the applications (journey in, step 6): every client gets each payload of the peer. A client that does not read has
// an outbox of its own; a client that has shut its reading half down is deaf and left out.
//
// docs/gates.md has what applications may rely on.
#ifndef WARP_CONTROL_GATE_UNIX_UNIX_SEQPACKET_GATE_H_
#define WARP_CONTROL_GATE_UNIX_UNIX_SEQPACKET_GATE_H_

#include <list>
#include <memory>

#include "absl/status/statusor.h"
#include "control/gate/gate.h"
#include "control/gate/unix/unix_gate.h"
#include "control/gate/unix/unix_outbox.h"
#include "control/gate/unix/unix_receiver.h"
#include "control/loop/loop.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_path.h"

namespace warp::control {

struct UnixSeqpacketGateOptions {
  os::UnixPathOptions path;
  size_t queue = 1;  // the most payloads that are taken and not done, of all clients together
  size_t max_clients = 128;  // a further connection is closed at once
  wire::Duration deadline = std::chrono::milliseconds(250);  // of payloads that wait for a client
};

class UnixSeqpacketGate : public Gate {
 public:
  // Errors are those of os::UnixPath.
  static absl::StatusOr<std::unique_ptr<UnixSeqpacketGate>> Open(
      const UnixGateContext& context, const UnixSeqpacketGateOptions& options);

  void Deliver(Delivery payload) override;
  void Flush() override {}
  void Resume() override { more_.Schedule(); }
  // Payloads that the sink did not take are still in the kernel.
  void Drain() override {}
  void OnDone(size_t payloads) override;
  const GateCounters& counters() const override { return counters_; }
  GateStatus status() const override;

 private:
  static constexpr size_t kPayloadsPerTurn = 64;
  static constexpr size_t kAcceptsPerTurn = 4;

  // A connection. Its room is watched only while a payload waits for it, because otherwise each payload that the client
  // reads would wake the loop.
  struct Client {
    Client(UnixSeqpacketGate& gate, os::UniqueFd connection);
    os::UniqueFd fd;
    bool readable = true;  // it may have sent something
    bool deaf = false;     // it has shut its reading half down
    UnixOutbox outbox;
    Timer expiry;
    std::unique_ptr<Watch> room;
    Watch watch;
  };
  using Clients = std::list<Client>;

  UnixSeqpacketGate(const UnixGateContext& context, UnixGateSocket socket,
                    const UnixSeqpacketGateOptions& options);

  void Accept();
  void Remove(Client& client);

  // Out of the applications.
  void Take();
  Client* NextReadable();
  bool TakeOne(Client& client);

  // These send to the applications.
  bool Send(Client& client, wire::Bytes payload);
  bool TrySend(Client& client, wire::Bytes payload);
  void SendWaiting(Client& client);

  Loop& loop_;
  UnixReceiver& receiver_;
  GateSink& sink_;
  const UnixGateSocket socket_;
  const UnixSeqpacketGateOptions options_;
  GateCounters counters_;

  HeldPayloads held_;
  bool peeked_ = false;       // the newest of the held payloads is still in its client's socket
  Client* holder_ = nullptr;  // that client; null where it has gone since
  Task more_;

  Clients clients_;  // in the order of their next turn
  Timer accept_later_;
  Task accept_more_;
  Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UNIX_UNIX_SEQPACKET_GATE_H_
