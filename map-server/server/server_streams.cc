// The TLS connections of nodes whose UDP is blocked, as far as they concern the map's other parts.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/os/process.h"
#include "map-server/constants.h"
#include "map-server/server/server.h"

namespace warp::map {

namespace {

absl::StatusOr<std::unique_ptr<stream::TlsContext>> ContextOf(const config::StreamConfig& config) {
  absl::StatusOr<std::unique_ptr<stream::TlsContext>> tls =
      stream::TlsContext::Server(config.certificate, config.key);
  if (tls.ok()) return tls;
  return absl::Status(tls.status().code(), absl::StrCat("stream: ", tls.status().message()));
}

}  // namespace

// Whatever else of it changes needs a restart.
absl::Status Server::Certify(const config::MapConfig& config, const config::MapConfig& before) {
  if (streams_ == nullptr || !config.stream.has_value() || !before.stream.has_value())
    return absl::OkStatus();
  if (config.stream->certificate == before.stream->certificate &&
      config.stream->key == before.stream->key)
    return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<stream::TlsContext>> tls = ContextOf(*config.stream);
  if (!tls.ok()) return tls.status();
  streams_->SetContext(**tls);
  tls_ = *std::move(tls);
  return absl::OkStatus();
}

absl::Status Server::CertifyAndListen(const config::MapConfig& config,
                                      const config::MapConfig& before) {
  if (absl::Status status = Certify(config, before); !status.ok()) return status;
  absl::Status status = ListenAs(config, before, /*patient=*/false);
  if (!status.ok()) (void)Certify(before, config);
  return status;
}

absl::Status Server::OpenStreams() {
  const std::optional<config::StreamConfig>& config = target_.config().stream;
  if (!config.has_value()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<stream::TlsContext>> tls = ContextOf(*config);
  if (!tls.ok()) return tls.status();
  tls_ = *std::move(tls);
  streams_ = std::make_unique<Streams>(
      *loop_, *tls_,
      [this](Instant now, const wire::Arrival& arrival, uint16_t udp_port, auto datagram) {
        return TakeFromStream(now, arrival, udp_port, datagram);
      },
      StreamBook::Limits::For(os::DescriptorLimit()));
  relay_sockets_.SetToStream(
      [this](LocalAddressId id, const wire::Endpoint& to, uint16_t udp_port, wire::Bytes datagram) {
        return streams_->Send(id, to, udp_port, datagram);
      });
  return streams_->Listen(config->listen);
}

// Nothing but the map's own ports can be reached, and the relay's. Initiations are answered in the next turns, as those
// that come by UDP: 32 of them in a stream would be 5 ms.
const wire::PublicKey* Server::TakeFromStream(Instant now, const wire::Arrival& arrival,
                                              uint16_t udp_port, wire::MutableBytes datagram) {
  const bool ours = std::any_of(listeners_.begin(), listeners_.end(), [&](const auto& listener) {
    return listener != nullptr && listener->socket->local().port == udp_port;
  });
  const uint64_t opened = handler_.opened();
  if (ours) {
    handler_.HandleDatagram(now, arrival, datagram);
  } else if (relay_sockets_.Has(udp_port)) {
    relay_sockets_.Take(now, udp_port, arrival, datagram);
    relay_sockets_.Forward();
  } else {
    handler_.mutable_drops().Add(wire::Drop::kOtherAddress);
    return nullptr;
  }
  Flush();
  return handler_.opened() > opened ? &handler_.opened_key() : nullptr;
}

std::vector<wire::Endpoint> Server::listening_for_streams() const {
  return streams_ == nullptr ? std::vector<wire::Endpoint>() : streams_->listening();
}

}  // namespace warp::map
