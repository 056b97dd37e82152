// The map's one thread: sockets, clock and signals around the pure Handler.
//
//   epoll ──► a batch of datagrams ──► Handler ──► a batch of answers ──► the sockets they came by
//         ──► timers due           ──► Handler ──►
//         ──► status clients, SIGTERM and SIGINT
#ifndef WARP_MAP_SERVER_SERVER_SERVER_H_
#define WARP_MAP_SERVER_SERVER_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/config/map_config.h"
#include "dataplane/os/unique_fd.h"
#include "map-server/server/local_addresses.h"
#include "map-server/server/status_socket.h"
#include "map-server/server/udp_socket.h"
#include "map-server/session/handler.h"
#include "map-server/store/memory_store.h"

namespace warp::map {

class Server {
 public:
  // Opens everything and blocks SIGTERM and SIGINT in this thread: call it before any other thread is started. An error is
  // one sentence for a human, and leaves nothing behind.
  static absl::StatusOr<std::unique_ptr<Server>> Start(config::MapConfig config);

  const wire::PublicKey& public_key() const { return handler_.public_key(); }
  std::vector<wire::Endpoint> listening() const;

  // Until SIGTERM or SIGINT.
  void Run();

 private:
  Server(config::MapConfig config, std::vector<std::unique_ptr<UdpSocket>> sockets,
         std::unique_ptr<StatusSocket> status, os::UniqueFd epoll, os::UniqueFd signals);

  void Receive(size_t socket);
  void HandleTimers();
  void Flush();
  int WaitMs() const;
  std::string StatusText() const;

  const std::vector<std::unique_ptr<UdpSocket>> sockets_;
  const std::unique_ptr<StatusSocket> status_;
  const os::UniqueFd epoll_;
  const os::UniqueFd signals_;
  Ways ways_;
  MemoryStore store_;
  Handler handler_;
  const Instant started_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_SERVER_H_
