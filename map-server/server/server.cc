#include "map-server/server/server.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/status/drops_json.h"
#include "control/status/reload_requests.h"
#include "control/status/status_version.h"
#include "dataplane/wire/message.h"
#include "map-server/constants.h"
#include "map-server/server/map_requests.h"
#include "map-server/server/relay_status.h"

namespace warp::map {
namespace {

constexpr size_t kEventsPerTurn = 64;
constexpr char kNoFile[] = "warp-map was started without --config, so there is no file to follow";

MemoryStore::Limits LimitsOf(const config::MapConfig& config) {
  MemoryStore::Limits limits;
  limits.registrations = config.max_registrations;
  limits.allow = kAllowPerRegistration * size_t{config.max_registrations};
  return limits;
}

Handler::Options OptionsOf(const config::MapConfig& config) {
  Handler::Options options;
  options.secret_key = config.private_key.Clone();
  options.max_clients = config.max_registrations;
  options.registry.lifetime = config.lifetime;
  return options;
}

// Whatever is in it: a status may have words of servers that are not ours.
std::string Dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// A line on standard error, if there is room for it: somebody who does not read must not hold up the map.
void Complain(const std::string& what) {
  pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) return;
  const std::string line = absl::StrCat("warp-map: ", what, "\n");
  [[maybe_unused]] const ssize_t size = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Open(config::MapConfig config, Source source) {
  absl::StatusOr<std::unique_ptr<control::Loop>> loop = control::Loop::Open();
  if (!loop.ok()) return loop.status();
  std::unique_ptr<SharedStore> shared;
  if (config.store.has_value()) {
    absl::StatusOr<std::unique_ptr<SharedStore>> opened =
        SharedStore::Open(**loop, config, LimitsOf(config));
    if (!opened.ok()) return opened.status();
    shared = *std::move(opened);
  }
  std::unique_ptr<Server> server(
      new Server(std::move(config), *std::move(loop), std::move(shared)));
  if (absl::Status status = server->Open(std::move(source)); !status.ok()) return status;
  return server;
}

Server::Server(config::MapConfig config, std::unique_ptr<control::Loop> loop,
               std::unique_ptr<SharedStore> shared)
    : loop_(std::move(loop)),
      local_addresses_(RelaySockets::kFirst + RelaySockets::kMost),
      shared_(std::move(shared)),
      memory_(shared_ == nullptr ? std::make_unique<MemoryStore>(LimitsOf(config)) : nullptr),
      store_(shared_ == nullptr ? static_cast<Store&>(*memory_) : shared_->store()),
      handler_(OptionsOf(config), store_),
      relay_sockets_(*loop_, handler_, local_addresses_, [this] { Flush(); }),
      started_(loop_->now()),
      target_(std::move(config),
              {.listen = [this](const auto& before,
                                const auto& after) { return CertifyAndListen(after, before); },
               .retune =
                   [this](const config::MapConfig& after) {
                     handler_.SetLifetime(after.lifetime);
                     Allow(after.allowed);
                     Relay(after);
                   }}) {}

absl::Status Server::Open(Source source) {
  absl::StatusOr<std::unique_ptr<control::ServiceManager>> service_manager =
      control::ServiceManager::Open(*loop_, control::ServiceEnvironment::Take());
  if (!service_manager.ok()) return service_manager.status();
  service_manager_ = *std::move(service_manager);
  absl::StatusOr<std::unique_ptr<control::Signals>> signals = control::Signals::OpenForDaemon(
      *loop_, [this] { stopping_ = true; }, Complain, [this] { BeginReload(); });
  if (!signals.ok()) return signals.status();
  signals_ = *std::move(signals);
  loop_->set_warn(Complain);
  if (shared_ != nullptr) {
    if (absl::Status started = shared_->Start(); !started.ok()) return started;
  }
  Allow(target_.config().allowed);
  if (absl::Status status = ListenAs(target_.config(), target_.config(), /*patient=*/true);
      !status.ok())
    return status;
  Relay(target_.config());
  if (absl::Status status = OpenStreams(); !status.ok()) return status;
  if (source.load != nullptr) {
    reload_.emplace(*loop_, target_,
                    control::BasicReload<config::MapFile>::Options{.file = source.file,
                                                                   .info = Complain,
                                                                   .warn = Complain,
                                                                   .load = source.load,
                                                                   .program = "warp-map"});
  }
  absl::StatusOr<std::unique_ptr<control::StatusServer>> status = control::StatusServer::Open(
      *loop_, {.path = target_.config().control_socket},
      [this](const control::StatusServer::Request& request) { return Answer(request); });
  if (!status.ok()) return status.status();
  status_ = *std::move(status);
  return absl::OkStatus();
}

Server::Listener::Listener(Server& server, size_t number, const wire::Endpoint& configured,
                           std::unique_ptr<UdpSocket> udp)
    : wanted(configured),
      socket(std::move(udp)),
      more(*server.loop_, [&server, number] { server.Receive(number); }),
      watch(*server.loop_, socket->fd(), POLLIN, [&server, number](uint32_t) {
        if (!server.listeners_[number]->more.scheduled()) server.Receive(number);
      }) {}

// What is new is opened before anything closes, so that nothing has changed where that fails.
absl::Status Server::Listen(const std::vector<wire::Endpoint>& wanted, bool patient) {
  const auto is_wanted = [&](const wire::Endpoint& endpoint) {
    return std::find(wanted.begin(), wanted.end(), endpoint) != wanted.end();
  };
  const auto is_open = [this](const wire::Endpoint& endpoint) {
    return std::any_of(listeners_.begin(), listeners_.end(), [&](const auto& listener) {
      return listener != nullptr && listener->wanted == endpoint;
    });
  };
  std::vector<std::pair<wire::Endpoint, std::unique_ptr<UdpSocket>>> opened;
  for (const wire::Endpoint& endpoint : wanted) {
    // Port 0 is another one each time.
    if (endpoint.port != 0 && is_open(endpoint)) continue;
    if (endpoint.port == 0 && !listeners_.empty()) continue;
    absl::StatusOr<std::unique_ptr<UdpSocket>> socket = UdpSocket::Open(endpoint, patient);
    if (!socket.ok()) return socket.status();
    opened.emplace_back(endpoint, *std::move(socket));
  }
  for (std::unique_ptr<Listener>& listener : listeners_) {
    if (listener != nullptr && !is_wanted(listener->wanted)) listener = nullptr;
  }
  for (auto& [endpoint, socket] : opened) {
    auto place = std::find(listeners_.begin(), listeners_.end(), nullptr);
    if (place == listeners_.end()) place = listeners_.insert(place, nullptr);
    *place = std::make_unique<Listener>(*this, static_cast<size_t>(place - listeners_.begin()),
                                        endpoint, std::move(socket));
  }
  return absl::OkStatus();
}

absl::Status Server::ListenAs(const config::MapConfig& config, const config::MapConfig& before,
                              bool patient) {
  const auto relay = [&](const config::MapConfig& as) {
    const bool on = as.relay.has_value();
    return relay_sockets_.Listen(as.listen, on ? as.relay->ports : config::RelayPorts{0, 0},
                                 patient);
  };
  if (absl::Status status = relay(config); !status.ok()) return status;
  absl::Status status = Listen(config.listen, patient);
  if (!status.ok() && &config != &before) (void)relay(before);
  return status;
}

void Server::Relay(const config::MapConfig& config) {
  const config::RelayConfig terms = config.relay.value_or(config::RelayConfig());
  handler_.SetRelay({.rate = terms.rate, .bytes = terms.bytes, .pairs = terms.pairs},
                    terms.ports.first, config.relay.has_value() ? terms.ports.count : 0);
}

void Server::BeginReload() {
  const absl::Status status =
      reload_.has_value() ? reload_->Begin() : absl::FailedPreconditionError(kNoFile);
  if (!status.ok()) Complain(absl::StrCat("SIGHUP: ", status.message()));
}

std::vector<wire::Endpoint> Server::listening() const {
  std::vector<wire::Endpoint> endpoints;
  for (const auto& listener : listeners_) {
    if (listener != nullptr) endpoints.push_back(listener->socket->local());
  }
  return endpoints;
}

void Server::Run() {
  service_manager_->Ready();
  while (!stopping_) {
    relay_sockets_.BeginTurn();
    const size_t work = loop_->RunOnce(kEventsPerTurn);
    HandleTimers();
    if (work == 0) loop_->Wait(handler_.NextTimeout() - loop_->now());
  }
  service_manager_->Stopping();
  if (reload_.has_value()) reload_->Halt();
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
    handler_.AnswerInitiations(now, kHandshakesPerBatch + count / kDatagramsPerHandshake);
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
    // The address that it came to may be one that the map listens on no more.
    UdpSocket* const open = SocketOf(socket);
    const size_t taken = filled > 0 && open != nullptr ? open->Send({batch.data(), filled}) : 0;
    handler_.mutable_drops().Add(wire::Drop::kTxFull, filled - taken);
    filled = 0;
  };
  while (std::optional<protocol::Transmit> transmit = handler_.NextTransmit()) {
    assert(wire::ClassifyDatagram(transmit->datagram).has_value());
    if (IsStream(transmit->port)) {
      if (streams_ == nullptr || !streams_->Send(transmit->port, transmit->to, transmit->datagram))
        handler_.mutable_drops().Add(wire::Drop::kTxFull);
      continue;
    }
    const LocalAddress& local = local_addresses_.Of(transmit->port);
    if (filled == kBatch || (filled > 0 && local.socket != socket)) send();
    socket = local.socket;
    transmits[filled] = *std::move(transmit);
    batch[filled] = {transmits[filled].to, local.from, local.interface, transmits[filled].datagram};
    ++filled;
  }
  send();
  if (streams_ != nullptr) streams_->Flush();
}

void Server::Allow(const std::shared_ptr<const config::KeyList>& allowed) {
  allowed_ = allowed;
  if (allowed == nullptr) return handler_.SetAdmission(nullptr);
  handler_.SetAdmission([allowed](const wire::PublicKey& key) { return allowed->Contains(key); });
}

control::StatusServer::Text Server::Answer(const control::StatusServer::Request& request) {
  const std::vector<std::string> words = absl::StrSplit(request.line, ' ', absl::SkipEmpty());
  if (words.size() == 1 && words[0] == "status") return control::StatusServer::Whole(StatusText());
  absl::StatusOr<control::StatusServer::Text> answer =
      absl::InvalidArgumentError("a map takes the requests status, map and reload");
  if (!words.empty() && words[0] == "map") {
    answer = AnswerMapRequest(
        handler_, [this] { return loop_->now(); }, words, request.may_change);
    Flush();
  } else if (!words.empty() && words[0] == "reload") {
    answer = reload_.has_value() ? AnswerReload(*reload_, loop_->now(), words, request.may_change)
                                 : absl::FailedPreconditionError(kNoFile);
  }
  if (answer.ok()) return *std::move(answer);
  return control::StatusServer::Whole(Dump({{"error", std::string(answer.status().message())}}));
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
        {"newcomers", counts.newcomers},
        {"session_states",
         {{"new", counts.unconfirmed},
          {"confirmed", counts.confirmed},
          {"retired", counts.retired}}},
        {"sessions_expired", counts.expired},
        {"allowed_keys", allowed_ == nullptr ? nlohmann::json() : nlohmann::json(allowed_->size())},
        {"forgotten", counts.forgotten},
        {"lifetime_s", std::chrono::duration<double>(counts.lifetime).count()},
        {"lookups", counts.lookups},
        {"lookup_answers",
         {{"found", counts.answers.found},
          {"unknown", counts.answers.unknown},
          {"not_allowed", counts.answers.not_allowed},
          {"unverified", counts.answers.unverified}}},
        {"pushes", counts.pushes},
        {"refused",
         {{"registrations", counts.refused.registrations},
          {"ports", counts.refused.ports},
          {"allow_keys", counts.refused.allow_keys},
          {"allow_entries", counts.refused.allow_entries},
          {"pushes", counts.refused.pushes},
          {"sessions", counts.refused_sessions},
          {"messages", counts.refused_messages},
          {"handshakes", handler_.drops(wire::Drop::kHandshakeBudget)},
          {"keys", counts.refused_keys}}},
        {"relay", RelayStatus(counts.relay)}}},
      {"store", StoreStatus(shared_.get())},
      {"streams", streams_ == nullptr ? nlohmann::json() : streams_->StatusJson()},
      {"drops", control::DropsJson([this](wire::Drop drop) { return handler_.drops(drop); })}};
  return Dump(status);
}

}  // namespace warp::map
