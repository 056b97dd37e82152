// Serves metrics over HTTP by libmicrohttpd: GET and HEAD of /metrics, and nothing else. Its only thread answers one
// request after the other; connections are bounded in number, size and time, and a client that reads slowly delays
// nobody.
#ifndef WARP_TOOLS_METRICS_HTTP_SERVER_H_
#define WARP_TOOLS_METRICS_HTTP_SERVER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"

namespace warp::tools {

class HttpServer {
 public:
  // Prometheus says how long it waits for an answer, which is due before that: within `patience`.
  using Answer = std::function<std::string(std::chrono::milliseconds patience)>;

  // `listening`: a socket of any family that listens. `answer` makes the text, on the thread of the server, which
  // blocks the signals that the caller blocks. Unavailable where the process is out of threads or descriptors.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Open(os::UniqueFd listening, Answer answer);
  virtual ~HttpServer() = default;  // ends the connections and closes the socket
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_METRICS_HTTP_SERVER_H_
