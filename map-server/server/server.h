// The map's one thread: sockets, clock and signals around the pure Handler.
//
//   loop ───► a batch of datagrams ──► Handler ──► a batch of answers ──► the sockets they came by
//         ──► timers due           ──► Handler ──►
//         ──► status clients, SIGTERM and SIGINT
#ifndef WARP_MAP_SERVER_SERVER_SERVER_H_
#define WARP_MAP_SERVER_SERVER_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/config/map_config.h"
#include "control/loop/loop.h"
#include "control/loop/service_manager.h"
#include "control/loop/signals.h"
#include "control/status/status_server.h"
#include "map-server/server/local_addresses.h"
#include "map-server/server/shared_store.h"
#include "map-server/server/udp_socket.h"
#include "map-server/session/handler.h"
#include "map-server/store/memory_store.h"

namespace warp::map {

class Server {
 public:
  // Opens everything and blocks SIGTERM and SIGINT in this thread: call it before any other thread is started. An error
  // is one sentence for a human, and leaves nothing behind.
  static absl::StatusOr<std::unique_ptr<Server>> Open(config::MapConfig config);

  const wire::PublicKey& public_key() const { return handler_.public_key(); }
  std::vector<wire::Endpoint> listening() const;

  // Runs until SIGTERM or SIGINT.
  void Run();

 private:
  // An address that the map listens on, as the loop sees it.
  struct Listener {
    Listener(Server& server, size_t number, std::unique_ptr<UdpSocket> socket);

    const std::unique_ptr<UdpSocket> socket;
    control::Task more;  // the budget of a turn was used up
    const control::Watch watch;
  };

  // `shared`: null where the registrations are in this process's memory.
  Server(config::MapConfig config, std::unique_ptr<control::Loop> loop,
         std::unique_ptr<SharedStore> shared);
  absl::Status Open(const std::vector<wire::Endpoint>& listen, const std::string& control_socket);
  void Receive(size_t listener);
  void HandleTimers();
  void Flush();
  std::string StatusText() const;

  const std::unique_ptr<control::Loop> loop_;
  std::unique_ptr<control::ServiceManager> service_manager_;
  std::unique_ptr<control::Signals> signals_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unique_ptr<control::StatusServer> status_;
  LocalAddresses local_addresses_;
  const std::unique_ptr<SharedStore> shared_;
  const std::unique_ptr<MemoryStore> memory_;  // where there is no shared one
  Store& store_;
  Handler handler_;
  const Instant started_;
  bool stopping_ = false;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_SERVER_H_
