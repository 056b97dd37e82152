// The carrier of a port whose datagrams travel in a TLS connection (dataplane/lcore/port/carrier): it has the other end
// of the port's socket, and a thread of its own, on which TLS and TCP take the time that they take. Nobody waits for
// it.
//
//                 Aim            connected              TLS is up
//   idle ───────────────► waiting ◄──────► connecting ─────────────► open
//     ▲                      ▲  tried again, with back-off and jitter  │
//     └── Aim(nothing) ──────┴───────── the connection is lost ────────┘
//
// A connection proves nothing: a box in the network may have it, behind which is no map. So one through which nothing
// comes back is lost as well, and the next target has its turn.
//
// A connection that is behind takes nothing: then the port's socket fills, and the port refuses. So it adds no queue to
// TCP's own, of which it keeps what is not sent yet small.
#ifndef WARP_CONTROL_CARRIER_CARRIER_H_
#define WARP_CONTROL_CARRIER_CARRIER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class Carrier {
 public:
  // Where a map takes connections. Several are tried in turn.
  struct Target {
    wire::Endpoint tcp;
    std::string name;  // of the host, which TLS tells the network; empty: it has none
    friend bool operator==(const Target&, const Target&) = default;
  };
  enum class State : uint8_t { kIdle, kWaiting, kConnecting, kOpen };
  static constexpr std::array<absl::string_view, 4> kStateWords = {"idle", "waiting", "connecting",
                                                                   "open"};
  struct Status {
    State state = State::kIdle;
    wire::Endpoint at;      // while connecting or open
    wire::IpAddress local;  // while open
    std::string reason;     // why the last attempt, or connection, has ended; empty: there was none
    uint64_t attempts = 0;
    uint64_t connections = 0;
    // Datagrams of the port for which there was no connection, or none with room, or to which it does not lead; and
    // those of the connection that the port had no room for.
    uint64_t astray = 0;
    uint64_t unread = 0;
    uint64_t bytes =
        0;  // of IP packets, both ways, of all connections and attempts: what the interface has carried
  };
  struct Options {
    std::string interface;                                  // that all connections leave by
    wire::Duration retry = std::chrono::milliseconds(250);  // doubled up to ...
    wire::Duration retry_max = std::chrono::seconds(15);
    wire::Duration patience = std::chrono::seconds(8);  // with one attempt
    // With a connection through which nothing comes back. Maps answer something every ten seconds.
    wire::Duration silence = std::chrono::seconds(20);
  };

  // `socket` is the carrier's end (PortInfo::carrier_fd), or a copy of it. Unavailable where the process is out of
  // threads or descriptors.
  static absl::StatusOr<std::unique_ptr<Carrier>> Start(os::UniqueFd socket, Options options);
  // The thread ends by itself, and touches nothing of the owner's.
  ~Carrier();
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  // Ends the thread and waits for that, for so long at most: for the end of the process, which takes OpenSSL down.
  void End(wire::Duration patience);

  // It connects to one of these from now on; none: it closes what there is. A connection that leads elsewhere, or is
  // not to be trusted any more (`anew`), is closed.
  void Aim(std::vector<Target> targets, bool anew = false);

  // Readable while the status has changed since TakeStatus.
  int fd() const;
  // Neither this nor Aim waits: where the thread has the lock at the moment, the status is that of before, and what was
  // aimed at is told by the next call. So call it once a second, too.
  const Status& TakeStatus();

 private:
  friend class CarrierThread;
  struct Shared;
  explicit Carrier(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  const std::shared_ptr<Shared> shared_;
  Status status_;  // as it was taken last
  std::vector<Target> targets_;
  uint64_t aims_ = 0;
  bool aimed_ = true;  // the thread knows these
};

}  // namespace warp::control

#endif  // WARP_CONTROL_CARRIER_CARRIER_H_
