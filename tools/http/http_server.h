// Serves HTTP by libmicrohttpd, to strangers. Its only thread answers one request after the other. Connections are
// bounded in number, size and time, and a client that reads or writes slowly delays nobody: each connection has one
// request, which has to be there, and its answer to be taken, within a time that no trickle of bytes prolongs. Where
// there are too many, whoever has not said its request yet gives way to who comes.
#ifndef WARP_TOOLS_HTTP_HTTP_SERVER_H_
#define WARP_TOOLS_HTTP_HTTP_SERVER_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"
#include "tools/http/http_message.h"

namespace warp::tools {

struct HttpLimits {
  unsigned connections = 32;
  unsigned streams = 0;  // of the connections; who comes later is answered 503
  size_t head =
      16384;        // bytes of memory of a connection, of which half is for the head of its request
  size_t body = 0;  // bytes; a larger one is answered 413
  std::chrono::seconds time{15};          // from its begin to the end of its answer
  std::chrono::seconds stream_age{3600};  // after which a stream ends; the client may come again
};

class HttpServer {
 public:
  // On the thread of the server, which blocks the signals that the caller of Open blocks.
  using Answer = std::function<HttpResponse(const HttpRequest&)>;

  // `listening`: a socket of any family that listens and does not block. Unavailable where the process is out of
  // threads or descriptors.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Open(os::UniqueFd listening,
                                                          const HttpLimits& limits, Answer answer);
  virtual ~HttpServer() = default;  // ends the connections and closes the socket

  // Streams are asked again what they have. Any thread.
  virtual void Wake() = 0;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_HTTP_HTTP_SERVER_H_
