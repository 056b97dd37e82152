#include "map-server/server/server.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "dataplane/os/errno_status.h"
#include "map-server/constants.h"

namespace warp::map {
namespace {

// What an epoll event is about: a UDP socket by its number, or one of these.
constexpr uint64_t kStatusEvent = uint64_t{1} << 32;
constexpr uint64_t kSignalEvent = kStatusEvent + 1;

Instant Now() {
  timespec time;
  clock_gettime(CLOCK_BOOTTIME, &time);
  return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

MemoryStore::Limits LimitsOf(const config::MapConfig& config) {
  MemoryStore::Limits limits;
  limits.registrations = config.max_registrations;
  limits.allow = kAllowPerRegistration * size_t{config.max_registrations};
  return limits;
}

Handler::Options OptionsOf(config::MapConfig& config) {
  Handler::Options options;
  options.secret_key = std::move(config.private_key);
  options.max_clients = config.max_registrations;
  options.registry.lifetime = config.lifetime;
  return options;
}

absl::Status Failure(absl::string_view what) { return os::ErrnoStatus(errno, "cannot ", what); }

absl::Status Watch(int epoll, int fd, uint64_t event) {
  epoll_event watched{.events = EPOLLIN, .data = {.u64 = event}};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &watched) == 0 ? absl::OkStatus()
                                                            : Failure("watch a descriptor");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(config::MapConfig config) {
  std::vector<std::unique_ptr<UdpSocket>> sockets;
  for (const wire::Endpoint& listen : config.listen) {
    absl::StatusOr<std::unique_ptr<UdpSocket>> socket = UdpSocket::Open(listen);
    if (!socket.ok()) return socket.status();
    sockets.push_back(*std::move(socket));
  }
  absl::StatusOr<std::unique_ptr<StatusSocket>> status = StatusSocket::Open(config.control_socket);
  if (!status.ok()) return status.status();

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  os::UniqueFd signal_fd(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  os::UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!signal_fd || !epoll) return Failure("make the event loop");

  absl::Status watched = Watch(epoll.get(), signal_fd.get(), kSignalEvent);
  watched.Update(Watch(epoll.get(), (*status)->fd(), kStatusEvent));
  for (size_t i = 0; i < sockets.size(); ++i)
    watched.Update(Watch(epoll.get(), sockets[i]->fd(), i));
  if (!watched.ok()) return watched;
  return std::unique_ptr<Server>(new Server(std::move(config), std::move(sockets),
                                            *std::move(status), std::move(epoll),
                                            std::move(signal_fd)));
}

Server::Server(config::MapConfig config, std::vector<std::unique_ptr<UdpSocket>> sockets,
               std::unique_ptr<StatusSocket> status, os::UniqueFd epoll, os::UniqueFd signals)
    : sockets_(std::move(sockets)),
      status_(std::move(status)),
      epoll_(std::move(epoll)),
      signals_(std::move(signals)),
      ways_(sockets_.size()),
      store_(LimitsOf(config)),
      handler_(OptionsOf(config), store_),
      started_(Now()) {}

std::vector<wire::Endpoint> Server::listening() const {
  std::vector<wire::Endpoint> endpoints;
  for (const auto& socket : sockets_) endpoints.push_back(socket->local());
  return endpoints;
}

void Server::Run() {
  for (bool running = true; running;) {
    std::array<epoll_event, 16> events;
    const int count =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), WaitMs());
    for (int i = 0; i < count; ++i) {
      const uint64_t event = events[static_cast<size_t>(i)].data.u64;
      if (event == kSignalEvent) {
        running = false;
      } else if (event == kStatusEvent) {
        status_->Serve([this] { return StatusText(); });
      } else {
        Receive(event);
      }
    }
    HandleTimers();
  }
  handler_.Shutdown();
  Flush();
}

// A few batches of one socket, then the others get their turn: epoll tells again of what is left.
void Server::Receive(size_t socket) {
  const Instant now = Now();
  const auto take = [&](const UdpSocket::Received& received) {
    if (!received.whole) {
      handler_.mutable_drops().Count(wire::Drop::kTooLarge);
      return;
    }
    const Via via = ways_.Number({static_cast<uint16_t>(socket), received.to, received.interface});
    handler_.HandleDatagram(now, {via, received.from, received.to}, received.datagram);
  };
  for (int batch = 0; batch < kBatchesPerTurn; ++batch) {
    const size_t count = sockets_[socket]->Receive(take);
    Flush();
    if (count < kBatch) break;
  }
  handler_.mutable_drops().Count(wire::Drop::kReceiverFull, sockets_[socket]->TakeOverflow());
}

void Server::HandleTimers() {
  const Instant now = Now();
  if (handler_.NextTimeout() > now) return;
  handler_.HandleTimeout(now);
  Flush();
}

void Server::Flush() {
  std::array<protocol::Transmit, kBatch> transmits;
  std::array<UdpSocket::Sent, kBatch> batch;
  size_t filled = 0;
  size_t socket = 0;
  const auto send = [&] {
    const size_t taken = filled == 0 ? 0 : sockets_[socket]->Send({batch.data(), filled});
    handler_.mutable_drops().Count(wire::Drop::kTxFull, filled - taken);
    filled = 0;
  };
  while (std::optional<protocol::Transmit> transmit = handler_.NextTransmit()) {
    const Way& way = ways_.Of(transmit->port);
    if (filled == kBatch || (filled > 0 && way.socket != socket)) send();
    socket = way.socket;
    transmits[filled] = *std::move(transmit);
    batch[filled] = {transmits[filled].to, way.from, way.interface, transmits[filled].datagram};
    ++filled;
  }
  send();
}

int Server::WaitMs() const {
  const Instant next = handler_.NextTimeout();
  if (next == wire::kNever) return -1;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - Now()).count();
  return static_cast<int>(std::clamp<int64_t>(wait, 0, 60'000));
}

std::string Server::StatusText() const {
  const Handler::Counts counts = handler_.counts();
  nlohmann::json listen = nlohmann::json::array();
  for (const wire::Endpoint& endpoint : listening()) listen.push_back(endpoint.ToString());
  nlohmann::json drops = nlohmann::json::object();
  for (size_t i = 0; i < wire::kDropCount; ++i) {
    const auto drop = static_cast<wire::Drop>(i);
    if (const uint64_t count = handler_.drops(drop); count != 0)
      drops[std::string(wire::DropName(drop))] = count;
  }
  const nlohmann::json status = {{"map",
                                  {{"public_key", handler_.public_key().ToBase64()},
                                   {"version", WARP_VERSION},
                                   {"uptime_s", (Now() - started_) / std::chrono::seconds(1)},
                                   {"listen", listen},
                                   {"registrations", counts.registrations},
                                   {"sessions", counts.sessions},
                                   {"lookups", counts.lookups},
                                   {"pushes", counts.pushes}}},
                                 {"drops", drops}};
  return status.dump() + "\n";
}

}  // namespace warp::map
