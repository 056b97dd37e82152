#include "map-server/server/server.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/status/drops_json.h"
#include "control/status/status_version.h"
#include "dataplane/wire/message.h"
#include "map-server/constants.h"

namespace warp::map {
namespace {

constexpr size_t kEventsPerTurn = 64;

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

// A line on standard error, if there is room for it: somebody who does not read must not hold up the map.
void Complain(const std::string& what) {
  pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) return;
  const std::string line = absl::StrCat("warp-map: ", what, "\n");
  [[maybe_unused]] const ssize_t size = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Open(config::MapConfig config) {
  absl::StatusOr<std::unique_ptr<control::Loop>> loop = control::Loop::Open();
  if (!loop.ok()) return loop.status();
  const std::vector<wire::Endpoint> listen = config.listen;
  const std::string control_socket = config.control_socket;
  std::unique_ptr<SharedStore> shared;
  if (config.store.has_value()) {
    absl::StatusOr<std::unique_ptr<SharedStore>> opened =
        SharedStore::Open(**loop, config, LimitsOf(config));
    if (!opened.ok()) return opened.status();
    shared = *std::move(opened);
  }
  std::unique_ptr<Server> server(
      new Server(std::move(config), *std::move(loop), std::move(shared)));
  if (absl::Status status = server->Open(listen, control_socket); !status.ok()) return status;
  return server;
}

Server::Server(config::MapConfig config, std::unique_ptr<control::Loop> loop,
               std::unique_ptr<SharedStore> shared)
    : loop_(std::move(loop)),
      local_addresses_(config.listen.size()),
      shared_(std::move(shared)),
      memory_(shared_ == nullptr ? std::make_unique<MemoryStore>(LimitsOf(config)) : nullptr),
      store_(shared_ == nullptr ? static_cast<Store&>(*memory_) : shared_->store()),
      handler_(OptionsOf(config), store_),
      started_(loop_->now()) {}

absl::Status Server::Open(const std::vector<wire::Endpoint>& listen,
                          const std::string& control_socket) {
  absl::StatusOr<std::unique_ptr<control::ServiceManager>> service_manager =
      control::ServiceManager::Open(*loop_, control::ServiceEnvironment::Take());
  if (!service_manager.ok()) return service_manager.status();
  service_manager_ = *std::move(service_manager);
  absl::StatusOr<std::unique_ptr<control::Signals>> signals = control::Signals::OpenForDaemon(
      *loop_, [this] { stopping_ = true; }, Complain);
  if (!signals.ok()) return signals.status();
  signals_ = *std::move(signals);
  loop_->set_warn(Complain);
  if (shared_ != nullptr) {
    if (absl::Status started = shared_->Start(); !started.ok()) return started;
  }
  for (const wire::Endpoint& endpoint : listen) {
    absl::StatusOr<std::unique_ptr<UdpSocket>> socket = UdpSocket::Open(endpoint);
    if (!socket.ok()) return socket.status();
    listeners_.push_back(std::make_unique<Listener>(*this, listeners_.size(), *std::move(socket)));
  }
  absl::StatusOr<std::unique_ptr<control::StatusServer>> status = control::StatusServer::Open(
      *loop_, {.path = control_socket}, [this](const control::StatusServer::Request& request) {
        return request.line == "status"
                   ? control::StatusServer::Whole(StatusText())
                   : control::StatusServer::Error("a map takes one request: status");
      });
  if (!status.ok()) return status.status();
  status_ = *std::move(status);
  return absl::OkStatus();
}

Server::Listener::Listener(Server& server, size_t number, std::unique_ptr<UdpSocket> udp)
    : socket(std::move(udp)),
      more(*server.loop_, [&server, number] { server.Receive(number); }),
      watch(*server.loop_, socket->fd(), POLLIN, [&server, number](uint32_t) {
        if (!server.listeners_[number]->more.scheduled()) server.Receive(number);
      }) {}

std::vector<wire::Endpoint> Server::listening() const {
  std::vector<wire::Endpoint> endpoints;
  for (const auto& listener : listeners_) endpoints.push_back(listener->socket->local());
  return endpoints;
}

void Server::Run() {
  service_manager_->Ready();
  while (!stopping_) {
    const size_t work = loop_->RunOnce(kEventsPerTurn);
    HandleTimers();
    if (work == 0) loop_->Wait(handler_.NextTimeout() - loop_->now());
  }
  service_manager_->Stopping();
  handler_.Shutdown(loop_->now());
  Flush();
}

// Takes a few batches of one socket; then the others get their turn, and a task goes on with what is left.
void Server::Receive(size_t listener) {
  const Instant now = loop_->now();
  UdpSocket& socket = *listeners_[listener]->socket;
  const auto take = [&](const UdpSocket::Received& received) {
    if (!received.whole) {
      handler_.mutable_drops().Add(wire::Drop::kTooLarge);
      return;
    }
    const LocalAddressId id =
        local_addresses_.Number({static_cast<uint16_t>(listener), received.to, received.interface});
    handler_.HandleDatagram(now, {id, received.from, received.to}, received.datagram);
  };
  size_t count = kBatch;
  for (int batch = 0; batch < kBatchesPerTurn && count == kBatch; ++batch) {
    count = socket.Receive(take);
    Flush();
  }
  if (count == kBatch) listeners_[listener]->more.Schedule();
  handler_.mutable_drops().Add(wire::Drop::kReceiverFull, socket.TakeOverflow());
}

void Server::HandleTimers() {
  if (handler_.NextTimeout() > loop_->now()) return;
  handler_.HandleTimeout(loop_->now());
  Flush();
}

void Server::Flush() {
  std::array<protocol::Transmit, kBatch> transmits;
  std::array<UdpSocket::Sent, kBatch> batch;
  size_t filled = 0;
  size_t socket = 0;
  const auto send = [&] {
    const size_t taken = filled == 0 ? 0 : listeners_[socket]->socket->Send({batch.data(), filled});
    handler_.mutable_drops().Add(wire::Drop::kTxFull, filled - taken);
    filled = 0;
  };
  while (std::optional<protocol::Transmit> transmit = handler_.NextTransmit()) {
    assert(wire::ClassifyDatagram(transmit->datagram).has_value());
    const LocalAddress& local = local_addresses_.Of(transmit->port);
    if (filled == kBatch || (filled > 0 && local.socket != socket)) send();
    socket = local.socket;
    transmits[filled] = *std::move(transmit);
    batch[filled] = {transmits[filled].to, local.from, local.interface, transmits[filled].datagram};
    ++filled;
  }
  send();
}

std::string Server::StatusText() const {
  const Handler::Counts counts = handler_.counts();
  nlohmann::json listen = nlohmann::json::array();
  for (const wire::Endpoint& endpoint : listening()) listen.push_back(endpoint.ToString());
  const nlohmann::json status = {
      {"version", control::kStatusVersion},
      {"map",
       {{"public_key", handler_.public_key().ToBase64()},
        {"version", WARP_VERSION},
        {"uptime_s", (loop_->now() - started_) / std::chrono::seconds(1)},
        {"listen", listen},
        {"loop", std::string(loop_->back_end_name())},
        {"registrations", counts.registrations},
        {"sessions", counts.sessions},
        {"lookups", counts.lookups},
        {"pushes", counts.pushes}}},
      {"store", StoreStatus(shared_.get())},
      {"drops", control::DropsJson([this](wire::Drop drop) { return handler_.drops(drop); })}};
  return status.dump() + "\n";
}

}  // namespace warp::map
