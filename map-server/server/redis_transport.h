// Streams to redis on the map's loop: names by the Resolver, TCP, TLS where it is configured. Nothing here waits.
//
//   Connect ──► resolving ──► connecting ──► shaking hands ──► open ──► bytes
//               └── an address     └── without TLS ────────────►
//
// An address of several is tried at each attempt, the next one at the next.
#ifndef WARP_MAP_SERVER_SERVER_REDIS_TRANSPORT_H_
#define WARP_MAP_SERVER_SERVER_REDIS_TRANSPORT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/loop/loop.h"
#include "control/loop/resolver.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/endpoint.h"
#include "map-server/redis/transport.h"
#include "map-server/server/tls_client.h"

namespace warp::map {

class RedisTransport : public Transport {
 public:
  // All outlive this. `resolver` is asked for no address of numbers; `tls` is null for none.
  RedisTransport(control::Loop& loop, control::Resolver* const& resolver, const TlsClient* tls,
                 Events events);

  void Connect(const std::string& address) override;
  void Send(absl::string_view bytes) override;
  void Close() override;
  size_t unsent() const override { return out_.size() - sent_; }

 private:
  enum class State : uint8_t { kIdle, kResolving, kConnecting, kHandshake, kOpen, kFailed };

  // What a name stands for, as far as it is known.
  struct Known {
    std::unique_ptr<control::Resolver::Name> name;
    std::vector<wire::Endpoint> endpoints;
    size_t next = 0;
  };

  void OnResolved(const std::string& address,
                  const absl::StatusOr<std::vector<wire::Endpoint>>& endpoints);
  void Open(const wire::Endpoint& endpoint);
  void Work();
  bool Establish();
  void Receive();
  void Flush();
  ssize_t Read(char* room, size_t size);
  ssize_t Write(absl::string_view bytes);
  void Fail(const std::string& reason);

  control::Loop& loop_;
  control::Resolver* const& resolver_;
  const TlsClient* const tls_;
  const Events events_;
  std::map<std::string, Known> names_;

  State state_ = State::kIdle;
  uint64_t attempt_ = 0;  // Connect and Close begin another one
  std::string address_;
  std::string host_;
  os::UniqueFd fd_;
  std::optional<control::Watch> watch_;
  std::unique_ptr<TlsClient::Session> session_;
  std::string out_;
  size_t sent_ = 0;  // of it
  std::string failure_;
  control::Task work_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_REDIS_TRANSPORT_H_
