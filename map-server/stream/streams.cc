#include "map-server/stream/streams.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_address.h"

namespace warp::map {
namespace {

using stream::TlsStream;
using wire::Endpoint;

constexpr size_t kPortsOfStream = 8;
static_assert(kFirstStreamId + kMaxStreams * kPortsOfStream <= size_t{UINT16_MAX} + 1);

constexpr int kBacklog = 512;
// Before those who wait are taken, where there is no token or no descriptor for them.
constexpr auto kAcceptPause = std::chrono::milliseconds(20);

bool Set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

std::optional<Endpoint> LocalOf(int fd) {
  os::SocketAddress address;
  socklen_t size = os::SocketAddress::capacity();
  if (getsockname(fd, address.get(), &size) != 0) return std::nullopt;
  return address.ToEndpoint();
}

absl::StatusOr<os::UniqueFd> Open(const Endpoint& listen) {
  const os::SocketAddress address(listen);
  os::UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // Connections of a map that was here a moment ago may linger, and hold no address up.
  const bool bound = fd && Set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1) &&
                     (listen.address.is_v4() || Set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
                     bind(fd.get(), address.get(), address.size()) == 0 &&
                     ::listen(fd.get(), kBacklog) == 0;
  if (bound) return fd;
  return os::ErrnoStatus(errno, "cannot listen on TCP ", listen.ToString());
}

// What the system holds for a connection is bounded like its queue here, and one that has vanished is not kept. One
// that does not read is found out by Look before the system gives it up.
void Prepare(int fd) {
  Set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  Set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 45'000);
  Set(fd, SOL_SOCKET, SO_SNDBUF, static_cast<int>(2 * kStreamQueue));
  Set(fd, SOL_SOCKET, SO_RCVBUF, static_cast<int>(2 * kStreamQueue));
}

}  // namespace

struct Streams::Listener {
  Listener(Streams& streams, os::UniqueFd socket)
      : fd(std::move(socket)), watch(streams.loop_, fd.get(), POLLIN, [&streams, this](uint32_t) {
          streams.Accept(*this);
        }) {}
  const os::UniqueFd fd;
  const control::Watch watch;
};

struct Streams::Connection {
  Connection(Streams& streams, size_t number, os::UniqueFd socket, const Endpoint& peer,
             const wire::IpAddress& local)
      : slot(number),
        from(peer),
        to(local),
        tls(*streams.tls_, std::move(socket), kStreamQueue),
        more(streams.loop_, [&streams, number] { streams.Work(number); }),
        watch(streams.loop_, tls.fd(), POLLIN | POLLOUT, [&streams, number](uint32_t) {
          if (!streams.connections_[number]->more.scheduled()) streams.Work(number);
        }) {}

  const size_t slot;
  const Endpoint from;
  const wire::IpAddress to;
  TlsStream tls;
  control::Task more;  // the budget of a turn was used up
  const control::Watch watch;
  // The map's ports that it has written to. An answer comes from the one that the question went to, as a LocalAddressId
  // says. The last place is that of all that find none before it.
  std::array<uint16_t, kPortsOfStream> ports{};
  bool unsent = false;     // is in unsent_
  bool displaced = false;  // it has proved itself where there is no room
  uint64_t seen_sent = 0;  // by Look
  int looks = 0;           // in a row, in which it took nothing
};

Streams::Streams(control::Loop& loop, const stream::TlsContext& tls, Take take,
                 const StreamBook::Limits& limits, wire::Duration look)
    : loop_(loop),
      tls_(&tls),
      take_(std::move(take)),
      look_every_(look),
      book_(limits),
      shake_hands_(loop, [this] { ShakeHands(); }),
      shake_later_(loop, [this] { ShakeHands(); }),
      resume_(loop,
              [this] {
                for (const auto& listener : listeners_) Accept(*listener);
              }),
      due_(loop,
           [this] {
             while (const std::optional<size_t> slot = book_.TakeDue(loop_.now()))
               End(*slot, book_.proven(*slot) ? Ended::kIdle : Ended::kUnproven);
             SetTimer();
           }),
      look_(loop, [this] { Look(); }) {}

Streams::~Streams() = default;

absl::Status Streams::Listen(const std::vector<Endpoint>& endpoints) {
  std::vector<os::UniqueFd> opened;
  for (const Endpoint& endpoint : endpoints) {
    absl::StatusOr<os::UniqueFd> fd = Open(endpoint);
    if (!fd.ok()) return fd.status();
    opened.push_back(*std::move(fd));
  }
  for (os::UniqueFd& fd : opened)
    listeners_.push_back(std::make_unique<Listener>(*this, std::move(fd)));
  return absl::OkStatus();
}

std::vector<Endpoint> Streams::listening() const {
  std::vector<Endpoint> endpoints;
  for (const auto& listener : listeners_) {
    if (const auto local = LocalOf(listener->fd.get())) endpoints.push_back(*local);
  }
  return endpoints;
}

// --- Connections come. ---

// Those for which there is no token wait in the system's queue, whose end the system looks after.
void Streams::Accept(Listener& listener) {
  for (int i = 0; i < kStreamsAcceptedPerTurn && book_.TakeToken(loop_.now()); ++i) {
    os::SocketAddress from;
    socklen_t size = os::SocketAddress::capacity();
    os::UniqueFd fd(accept4(listener.fd.get(), from.get(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd && errno == EAGAIN) return;
    if (!fd && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) break;
    const std::optional<Endpoint> peer = from.ToEndpoint();
    if (!fd || !peer.has_value()) continue;
    const std::optional<Endpoint> local = LocalOf(fd.get());
    if (local.has_value()) Welcome(std::move(fd), *peer, local->address);
  }
  resume_.Set(kAcceptPause);
}

void Streams::Welcome(os::UniqueFd fd, const Endpoint& from, const wire::IpAddress& to) {
  std::optional<size_t> evicted;
  const std::optional<size_t> slot = book_.Admit(loop_.now(), from.address, &evicted);
  if (evicted.has_value()) Close(*evicted, /*rude=*/true);
  if (!slot.has_value()) return;
  Prepare(fd.get());
  ++accepted_;
  if (connections_.size() <= *slot) connections_.resize(*slot + 1);
  connections_[*slot] = std::make_unique<Connection>(*this, *slot, std::move(fd), from, to);
  SetTimer();
  if (!look_.running()) look_.Set(look_every_);
}

// --- A connection's socket is ready. ---

void Streams::Work(size_t slot) {
  Connection& connection = *connections_[slot];
  if (connection.tls.open()) {
    Receive(connection);
    if (connections_[slot] == nullptr) return;
    connection.tls.Flush();
  } else if (connection.tls.end() == stream::End::kNone) {
    book_.Queue(slot);
    shake_hands_.Schedule();
  }
  EndIfOver(slot);
}

// Each costs as much as dozens of datagrams, so that the sockets are looked at between a few of them.
void Streams::ShakeHands() {
  for (int i = 0; i < kStreamHandshakesPerTurn; ++i) {
    const std::optional<size_t> slot = book_.TakeHandshake(loop_.now());
    if (!slot.has_value()) break;
    Receive(*connections_[*slot]);
    EndIfOver(*slot);
  }
  const wire::Instant next = book_.NextHandshake();
  if (next == wire::kNever) return;
  if (next <= loop_.now()) {
    shake_hands_.Schedule();
  } else {
    shake_later_.SetAt(next);
  }
}

void Streams::Receive(Connection& connection) {
  const size_t slot = connection.slot;
  const size_t first = kFirstStreamId + slot * kPortsOfStream;
  const bool more =
      connection.tls.Receive(kStreamDatagramsPerTurn, [&](const wire::StreamFrame& frame) {
        size_t place = 0;
        while (place + 1 < kPortsOfStream && connection.ports[place] != 0 &&
               connection.ports[place] != frame.udp_port)
          ++place;
        connection.ports[place] = frame.udp_port;
        const wire::Arrival arrival{.port = static_cast<wire::PortId>(first + place),
                                    .from = connection.from,
                                    .to = connection.to};
        const wire::PublicKey* const key =
            take_(loop_.now(), arrival, frame.udp_port, frame.datagram);
        if (key == nullptr) return true;
        const std::optional<size_t> gone = book_.NoteAuthentic(loop_.now(), slot, *key);
        if (!gone.has_value()) return true;
        connection.displaced = *gone == slot;
        if (connection.displaced) return false;
        book_.Release(*gone);
        Close(*gone, /*rude=*/false);
        return true;
      });
  if (connection.displaced) {
    book_.Release(slot);
    return Close(slot, /*rude=*/true);
  }
  if (more) connection.more.Schedule();
}

// --- Sending. ---

bool Streams::Send(LocalAddressId id, const Endpoint& to, uint16_t udp_port, wire::Bytes datagram) {
  const size_t number = static_cast<size_t>(id) - kFirstStreamId;
  const size_t slot = number / kPortsOfStream;
  if (slot >= connections_.size() || connections_[slot] == nullptr) return false;
  Connection& connection = *connections_[slot];
  if (udp_port == 0) udp_port = connection.ports[number % kPortsOfStream];
  if (connection.from != to || udp_port == 0) return false;
  const bool taken = connection.tls.Send(udp_port, datagram);
  if (taken && !std::exchange(connection.unsent, true)) unsent_.push_back(slot);
  return taken;
}

void Streams::Flush() {
  for (const size_t slot : std::exchange(unsent_, {})) {
    Connection* const connection = connections_[slot].get();
    if (connection == nullptr || !std::exchange(connection->unsent, false)) continue;
    connection->tls.Flush();
    // Ended by its own event: the caller may be in the midst of one of its datagrams.
    if (connection->tls.end() != stream::End::kNone) connection->more.Schedule();
  }
}

// --- Connections go. ---

void Streams::EndIfOver(size_t slot) {
  if (connections_[slot] == nullptr) return;
  switch (connections_[slot]->tls.end()) {
    case stream::End::kNone:
      return;
    case stream::End::kClosed:
      return End(slot, Ended::kClosed);
    case stream::End::kCut:
      return End(slot, Ended::kCut);
    case stream::End::kTls:
      return End(slot, Ended::kTls);
    case stream::End::kMalformed:
      return End(slot, Ended::kMalformed);
  }
}

void Streams::End(size_t slot, Ended why) {
  ++ended_[static_cast<size_t>(why)];
  book_.Release(slot);
  Close(slot, /*rude=*/why != Ended::kClosed && why != Ended::kIdle);
}

void Streams::Close(size_t slot, bool rude) {
  const linger now = {.l_onoff = 1, .l_linger = 0};
  if (rude) setsockopt(connections_[slot]->tls.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  connections_[slot] = nullptr;
}

void Streams::Look() {
  for (size_t slot = 0; slot < connections_.size(); ++slot) {
    Connection* const connection = connections_[slot].get();
    if (connection == nullptr) continue;
    const uint64_t sent = connection->tls.sent();
    const bool stalls = connection->tls.waiting() > 0 && sent == connection->seen_sent;
    connection->seen_sent = sent;
    connection->looks = stalls ? connection->looks + 1 : 0;
    if (connection->looks > 2) End(slot, Ended::kStalled);
  }
  if (book_.size() > 0) look_.Set(look_every_);
}

void Streams::SetTimer() {
  const wire::Instant next = book_.NextTimeout();
  if (next == wire::kNever) {
    due_.Cancel();
  } else if (!due_.running() || next < due_.due()) {
    due_.SetAt(next);
  }
}

Streams::Counts Streams::counts() const {
  return {.open = book_.size(),
          .proven = book_.size() - book_.unproven(),
          .accepted = accepted_,
          .refused = book_.refused(),
          .ended = ended_};
}

nlohmann::json Streams::StatusJson() const {
  const Counts now = counts();
  nlohmann::json listen = nlohmann::json::array();
  for (const Endpoint& endpoint : listening()) listen.push_back(endpoint.ToString());
  nlohmann::json ended;
  for (size_t i = 0; i < now.ended.size(); ++i) ended[std::string(kEndedWords[i])] = now.ended[i];
  return {{"listen", listen},
          {"open", now.open},
          {"proven", now.proven},
          {"accepted", now.accepted},
          {"refused",
           {{"source", now.refused.source},
            {"full", now.refused.full},
            {"evicted", now.refused.evicted},
            {"key", now.refused.key}}},
          {"ended", ended}};
}

}  // namespace warp::map
