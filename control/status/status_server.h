// The control socket. Whoever connects gets one text, which `warp status` reads, and then the connection ends. A text
// may be long to write, so it comes in parts: all clients together get one part in a turn of the loop, in turn.
//
// The mode of the socket is 0660, so every member of the group may connect, and none is trusted. Each client has a
// limited time. If there are too many, the oldest one is dropped for the newest, so that a client that hangs keeps
// nobody out. Control thread only.
#ifndef WARP_CONTROL_STATUS_STATUS_SERVER_H_
#define WARP_CONTROL_STATUS_STATUS_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "control/loop/loop.h"

namespace warp::control {

struct StatusServerOptions {
  std::string path;  // its last directory is made if missing
  size_t max_clients = 16;
  // The time in which a client must have read everything.
  wire::Duration patience = std::chrono::seconds(5);
};

class StatusServer {
 public:
  // A client's text: the next part with each call, and an empty one at the end.
  using Text = std::function<std::string()>;
  // One that is written at once.
  static Text Whole(std::string text);

  // `text` is called once for each client. A socket file on which nobody listens is replaced. If somebody listens on
  // it, or if it is another kind of file, the result is AlreadyExists.
  static absl::StatusOr<std::unique_ptr<StatusServer>> Open(Loop& loop,
                                                            const StatusServerOptions& options,
                                                            std::function<Text()> text);
  virtual ~StatusServer() = default;  // closes the connections and removes the file
};

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_STATUS_SERVER_H_
