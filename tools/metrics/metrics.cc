#include "tools/metrics/metrics.h"

#include <poll.h>
#include <signal.h>

#include <iostream>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "dataplane/os/signals.h"
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

  absl::StatusOr<Listener> listener = Listener::Open(
      options.listen, options.allow_remote
                          ? ""
                          : "whoever reaches this address could read everything, without a "
                            "password; --allow-remote if that is meant");
  if (!listener.ok()) return Complain(listener.status().message());
  Scraper scraper(options.socket, [](absl::string_view what) {
    std::cerr << "warp metrics: " << Plain(std::string(what)) << std::endl;
  });
  const absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::Open(std::move(listener->fd), {}, [&scraper](const HttpRequest& request) {
        return AnswerMetrics(request, [&](auto patience) { return scraper.Scrape(patience); });
      });
  if (!server.ok()) return Complain(server.status().message());

  std::cerr << "warp metrics: ready at " << options.listen << std::endl;
  pollfd waiting{.fd = stop->fd(), .events = POLLIN, .revents = 0};
  while (poll(&waiting, 1, -1) <= 0) {
  }
  return 0;
}

}  // namespace warp::tools
