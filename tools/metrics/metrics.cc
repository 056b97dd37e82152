#include "tools/metrics/metrics.h"

#include <poll.h>
#include <signal.h>

#include <iostream>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "dataplane/os/signals.h"
#include "dataplane/wire/crypto/keys.h"
#include "tools/http/door.h"
#include "tools/http/http_server.h"
#include "tools/http/listener.h"
#include "tools/metrics/metrics_page.h"
#include "tools/metrics/scraper.h"
#include "tools/terminal/complain.h"
#include "tools/terminal/plain.h"

namespace warp::tools {

int RunMetrics(const MetricsOptions& options) {
  // Blocked before the thread of the server starts, so that it has no signal of its own.
  const sigset_t signals = os::SignalSet({SIGINT, SIGTERM});
  os::BlockSignals(signals);
  const absl::StatusOr<os::SignalFd> stop = os::SignalFd::Open(signals);
  if (!stop.ok()) return Complain(stop.status().message());

  if (absl::Status status = wire::InitCrypto(); !status.ok()) return Complain(status.message());
  absl::StatusOr<Door> door = Door();
  if (!options.allow_remote || !options.token_file.empty()) {
    door = Door::Open(options.listen, options.socket, options.token_file);
  }
  if (!door.ok()) return Complain(door.status().message());
  const Token* const token = door->token ? &*door->token : nullptr;
  absl::StatusOr<Listener> listener = Listener::Open(
      options.listen, options.allow_remote || token != nullptr
                          ? ""
                          : "whoever reaches this address could read everything: --token-file "
                            "names the secret that they have to know; --allow-remote if it is "
                            "meant");
  if (!listener.ok()) return Complain(listener.status().message());
  Scraper scraper(options.socket, [](absl::string_view what) {
    std::cerr << "warp metrics: " << Plain(std::string(what)) << std::endl;
  });
  const absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::Open(std::move(listener->fd), {}, [&scraper, token](const HttpRequest& request) {
        return AnswerMetrics(request, token,
                             [&](auto patience) { return scraper.Scrape(patience); });
      });
  if (!server.ok()) return Complain(server.status().message());

  std::cerr << "warp metrics: ready at " << options.listen
            << (door->made.empty()
                    ? ""
                    : absl::StrCat(", for who says: Authorization: Bearer ", door->made,
                                   " (--token-file names one that "
                                   "stays)"))
            << std::endl;
  pollfd waiting{.fd = stop->fd(), .events = POLLIN, .revents = 0};
  while (poll(&waiting, 1, -1) <= 0) {
  }
  return 0;
}

}  // namespace warp::tools
