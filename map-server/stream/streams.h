// The map's streams: TLS connections of nodes whose UDP is blocked, each of which is a source of datagrams like a UDP
// address. A datagram that comes in one reaches Handler with the address of the connection and a LocalAddressId that
// leads back to it; what is sent by that id leaves in the connection, as long as it is that of the same address.
//
//   listener ──► StreamBook: may it? ──► handshake, a few in each turn ──► frames ──► `take`
//                                          Send(id, to, datagram) ──► queue of the connection ──► Flush
//
// Nothing but the map's own UDP ports can be reached through it. One thread: the loop's.
#ifndef WARP_MAP_SERVER_STREAM_STREAMS_H_
#define WARP_MAP_SERVER_STREAM_STREAMS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "control/loop/loop.h"
#include "control/stream/tls_context.h"
#include "control/stream/tls_stream.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/arrival.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/endpoint.h"
#include "map-server/stored.h"
#include "map-server/stream/stream_book.h"

namespace warp::map {

class Streams {
 public:
  // `udp_port` is the map's own, as the node says. The datagram is opened in place. Returns the key whose session it
  // was a message of, until the next call; null: it was a handshake, or nothing of worth.
  using Take =
      std::function<const wire::PublicKey*(wire::Instant now, const wire::Arrival& arrival,
                                           uint16_t udp_port, wire::MutableBytes datagram)>;

  // Both outlive this.
  Streams(control::Loop& loop, const stream::TlsContext& tls, Take take,
          const StreamBook::Limits& limits = {}, wire::Duration look = kStreamLook);
  ~Streams();

  // An error is one sentence that names the address, and leaves everything as it was.
  absl::Status Listen(const std::vector<wire::Endpoint>& endpoints);
  // Connections that come have this certificate from now on; those that there are go on. It outlives this.
  void SetContext(const stream::TlsContext& tls) { tls_ = &tls; }
  std::vector<wire::Endpoint> listening() const;

  // From the UDP port of the map's that `id` stands for. False: there is no such connection any more, or no room in its
  // queue. The datagram leaves with the next Flush.
  bool Send(LocalAddressId id, const wire::Endpoint& to, wire::Bytes datagram) {
    return Send(id, to, 0, datagram);
  }
  // The same from another UDP port of the map's. 0: from that one.
  bool Send(LocalAddressId id, const wire::Endpoint& to, uint16_t udp_port, wire::Bytes datagram);
  // Gives the connections what was sent since the last call.
  void Flush();

  // Why connections have ended; each word is of status and metrics.
  enum class Ended : uint8_t { kClosed, kCut, kTls, kMalformed, kUnproven, kIdle, kStalled };
  static constexpr std::array<absl::string_view, 7> kEndedWords = {
      "closed", "cut", "tls", "malformed", "unproven", "idle", "stalled"};
  struct Counts {
    uint64_t open = 0;
    uint64_t proven = 0;
    uint64_t accepted = 0;
    StreamBook::Refused refused;
    std::array<uint64_t, kEndedWords.size()> ended{};
  };
  Counts counts() const;
  // The same for `warp status`.
  nlohmann::json StatusJson() const;

 private:
  struct Listener;
  struct Connection;

  void Accept(Listener& listener);
  void Welcome(os::UniqueFd fd, const wire::Endpoint& from, const wire::IpAddress& to);
  void Work(size_t slot);
  void ShakeHands();
  void Receive(Connection& connection);
  void End(size_t slot, Ended why);
  // Closes one of which the end is counted. `rude`: what the system still has for it is thrown away, so that a
  // stranger's connections leave nothing behind.
  void Close(size_t slot, bool rude);
  void EndIfOver(size_t slot);
  void Look();
  void SetTimer();

  control::Loop& loop_;
  const stream::TlsContext* tls_;
  const Take take_;
  const wire::Duration look_every_;
  StreamBook book_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by slot; null: free
  std::vector<size_t> unsent_;                            // slots with something to flush
  uint64_t accepted_ = 0;
  std::array<uint64_t, kEndedWords.size()> ended_{};
  control::Task shake_hands_;
  control::Timer shake_later_;  // where the rate allows none yet
  control::Timer resume_;       // to accept again
  control::Timer due_;
  control::Timer look_;  // whether those that are sent to read
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_STREAM_STREAMS_H_
