// Host names to endpoints, on a helper thread, since getaddrinfo(3) may block for as long as it
// likes.
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
  wire::Duration refresh = std::chrono::seconds(60);  // a name that was found is asked again
  wire::Duration retry = std::chrono::seconds(5);     // a name that was not
};

class Resolver {
 public:
  using Handler = std::function<void(const absl::StatusOr<std::vector<wire::Endpoint>>&)>;

  // Starts the thread. Control thread only.
  static absl::StatusOr<std::unique_ptr<Resolver>> Create(Loop& loop,
                                                          const ResolverOptions& options = {});
  // Joins the thread, or, where it hangs in a look-up for more than a second, leaves it to end by
  // itself.
  virtual ~Resolver() = default;

  // `host_port`: "map.example.net:13116", "192.0.2.1:13116", "[2001:db8::1]:13116"; addresses need
  // no thread and never change. Calls with the endpoints (sorted, both families, at most 16), then
  // at each change. Where the name cannot be resolved: with the reason, once, until it can;
  // endpoints once found stand while later look-ups fail. InvalidArgument by that way too.
  [[nodiscard]] virtual std::unique_ptr<Subscription> Watch(absl::string_view host_port,
                                                            Handler handler) = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_RESOLVER_H_
