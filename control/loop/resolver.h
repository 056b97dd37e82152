// Resolves host names to endpoints. getaddrinfo(3) may block for any time, so it runs on a helper thread.
#ifndef WARP_CONTROL_LOOP_RESOLVER_H_
#define WARP_CONTROL_LOOP_RESOLVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/loop/loop.h"
#include "control/loop/subscribers.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

struct ResolverOptions {
  wire::Duration refresh = std::chrono::seconds(60);  // until a name that was found is asked again
  wire::Duration retry = std::chrono::seconds(5);  // until a name that was not found is tried again
};

class Resolver {
 public:
  using Handler = std::function<void(const absl::StatusOr<std::vector<wire::Endpoint>>&)>;

  // Starts the helper thread. Control thread only.
  static absl::StatusOr<std::unique_ptr<Resolver>> Open(Loop& loop,
                                                        const ResolverOptions& options = {});
  // Joins the helper thread. If a look-up has held that thread for more than a second, it is left to end by itself.
  virtual ~Resolver() = default;

  // `host_port` is a name or an address with a port: "map.example.net:13116", "192.0.2.1:13116", "[2001:db8::1]:13116".
  // An address needs no look-up and never changes. `handler` is called with the endpoints (sorted, of both families, at
  // most 16), and again when they change. If the name cannot be resolved, `handler` is called once with the reason, and
  // then when the name can be resolved. Endpoints that were found stay valid while later look-ups fail. A text that is
  // neither is reported to `handler` too, as InvalidArgument.
  [[nodiscard]] virtual std::unique_ptr<Subscription> Watch(absl::string_view host_port,
                                                            Handler handler) = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_RESOLVER_H_
