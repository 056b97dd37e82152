// The map's one thread: sockets, clock and signals around the pure Handler.
//
//   loop ───► a batch of datagrams ──► Handler ──► a batch of answers ──► the sockets they came by
//         ──► timers due           ──► Handler ──►
//         ──► status clients, SIGTERM and SIGINT
#ifndef WARP_MAP_SERVER_SERVER_SERVER_H_
#define WARP_MAP_SERVER_SERVER_SERVER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/config/diff/map_file.h"
#include "control/config/map_config.h"
#include "control/loop/loop.h"
#include "control/loop/service_manager.h"
#include "control/loop/signals.h"
#include "control/reload/reload.h"
#include "control/status/status_server.h"
#include "control/stream/tls_context.h"
#include "map-server/server/local_addresses.h"
#include "map-server/server/map_reload.h"
#include "map-server/server/relay_sockets.h"
#include "map-server/server/shared_store.h"
#include "map-server/server/udp_socket.h"
#include "map-server/session/handler.h"
#include "map-server/store/memory_store.h"
#include "map-server/stream/streams.h"

namespace warp::map {

class Server {
 public:
  // Opens everything and blocks SIGTERM and SIGINT in this thread: call it before any other thread is started. An error
  // is one sentence for a human, and leaves nothing behind.
  // Where the configuration comes from, so that it can be followed when it changes.
  struct Source {
    std::string file;  // as messages call it
    // Reads it once more. On a thread of its own; empty: there is no file.
    std::function<absl::StatusOr<config::MapFile>(const std::string& file)> load;
  };
  static absl::StatusOr<std::unique_ptr<Server>> Open(config::MapConfig config, Source source);

  const wire::PublicKey& public_key() const { return handler_.public_key(); }
  std::vector<wire::Endpoint> listening() const;
  std::vector<wire::Endpoint> listening_for_streams() const;

  // Runs until SIGTERM or SIGINT.
  void Run();

 private:
  // An address that the map listens on, as the loop sees it.
  struct Listener {
    Listener(Server& server, size_t number, const wire::Endpoint& wanted,
             std::unique_ptr<UdpSocket> socket);

    const wire::Endpoint wanted;  // as the configuration has it: with port 0 for any
    const std::unique_ptr<UdpSocket> socket;
    control::Task more;  // the budget of a turn was used up
    const control::Watch watch;
  };

  // `shared`: null where the registrations are in this process's memory.
  Server(config::MapConfig config, std::unique_ptr<control::Loop> loop,
         std::unique_ptr<SharedStore> shared);
  absl::Status Open(Source source);
  // Opens what of these addresses is not open, then closes all others. An error leaves everything as it was. `patient`:
  // waits for an address that is taken, for a second.
  absl::Status Listen(const std::vector<wire::Endpoint>& wanted, bool patient);
  // The same of the relay's ports and of the former, with what `config` has. On an error it goes back to what `before`
  // has, which was open a moment ago.
  absl::Status ListenAs(const config::MapConfig& config, const config::MapConfig& before,
                        bool patient);
  void Relay(const config::MapConfig& config);
  void BeginReload();
  absl::Status OpenStreams();
  // Takes the certificate of a changed configuration. An error is one sentence, and nothing is changed then.
  absl::Status Certify(const config::MapConfig& config, const config::MapConfig& before);
  absl::Status CertifyAndListen(const config::MapConfig& config, const config::MapConfig& before);
  void Receive(size_t listener);
  // As Streams::Take.
  const wire::PublicKey* TakeFromStream(Instant now, const wire::Arrival& arrival,
                                        uint16_t udp_port, wire::MutableBytes datagram);
  void HandleTimers();
  // Null where there is none of this number, or none any more.
  UdpSocket* SocketOf(size_t number) {
    if (number >= RelaySockets::kFirst) return relay_sockets_.Find(number);
    const bool open = number < listeners_.size() && listeners_[number] != nullptr;
    return open ? listeners_[number]->socket.get() : nullptr;
  }
  void Flush();
  // None but these keys may register; null: all may.
  void Allow(const std::shared_ptr<const config::KeyList>& allowed);
  control::StatusServer::Text Answer(const control::StatusServer::Request& request);
  std::string StatusText() const;

  const std::unique_ptr<control::Loop> loop_;
  std::unique_ptr<control::ServiceManager> service_manager_;
  std::unique_ptr<control::Signals> signals_;
  std::vector<std::unique_ptr<Listener>> listeners_;  // null: closed, its number is free
  std::unique_ptr<control::StatusServer> status_;
  std::unique_ptr<stream::TlsContext> tls_;
  LocalAddresses local_addresses_;
  const std::unique_ptr<SharedStore> shared_;
  const std::unique_ptr<MemoryStore> memory_;  // where there is no shared one
  Store& store_;
  Handler handler_;
  RelaySockets relay_sockets_;
  std::unique_ptr<Streams> streams_;  // null: the map takes none
  std::shared_ptr<const config::KeyList> allowed_;
  const Instant started_;
  MapReload target_;
  std::optional<control::BasicReload<config::MapFile>> reload_;
  bool stopping_ = false;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_SERVER_H_
