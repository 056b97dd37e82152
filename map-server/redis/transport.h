// A stream of bytes to a server of a name and port, with or without TLS. It never waits: names, connections and
// handshakes are under way while the loop goes on. redis_transport.h in map-server/server is the real one, tests have
// their own.
#ifndef WARP_MAP_SERVER_REDIS_TRANSPORT_H_
#define WARP_MAP_SERVER_REDIS_TRANSPORT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "dataplane/wire/time.h"

namespace warp::map {

class Transport {
 public:
  // Called from the loop, never from within a call of this class. After `closed` there is no more until the next
  // Connect.
  struct Events {
    std::function<void(wire::Instant now)> opened;
    std::function<void(wire::Instant now, absl::string_view bytes)> received;
    std::function<void(wire::Instant now, const std::string& reason)> closed;
  };
  virtual ~Transport() = default;

  // Begins anew, whatever was before. `address` is "redis.example.net:6379", "192.0.2.1:6379" or "[2001:db8::1]:6379".
  virtual void Connect(const std::string& address) = 0;
  virtual void Send(absl::string_view bytes) = 0;
  // Without an event.
  virtual void Close() = 0;
  // Bytes that the network has not taken yet.
  virtual size_t unsent() const = 0;
};

using MakeTransport = std::function<std::unique_ptr<Transport>(Transport::Events events)>;

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REDIS_TRANSPORT_H_
