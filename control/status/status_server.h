// The control socket. A client sends one line, the request, and gets one text, the answer; then the connection ends.
// A client that sends nothing gets the status, as if it had sent `status`. An answer may be long to write, so it comes
// in parts: all clients together get one part in a turn of the loop, in turn. An answer may also go on for as long as
// its client stays: such a client, a follower, gets the next part when there is one (Wake), and has all the time it
// likes to read.
//
// The mode of the socket is 0660, so every member of the group may connect, and none is trusted: only root, and the
// user that this process runs as, may change anything. A request has a limited length, and each client a limited time.
// If there are too many, one is dropped for the newest, so that a client that hangs keeps nobody out: of those who may
// change nothing the oldest one of the user who has most. Followers count for themselves, so that they keep nobody out
// who wants an answer: where there are too many, one more is refused, unless it may change something and another may
// not, or its user has fewer than another one has, of whom one is dropped then.
// Control thread only.
#ifndef WARP_CONTROL_STATUS_STATUS_SERVER_H_
#define WARP_CONTROL_STATUS_STATUS_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/loop/loop.h"

namespace warp::control {

struct StatusServerOptions {
  std::string path;         // its last directory is made if missing
  size_t max_clients = 16;  // besides followers
  size_t max_followers = 16;
  // The time in which a client must have sent its request and read everything.
  wire::Duration patience = std::chrono::seconds(5);
  // A client that has sent nothing for so long wants the status.
  wire::Duration silence = std::chrono::milliseconds(200);
};

class StatusServer {
 public:
  static constexpr size_t kMaxRequest = 4096;  // bytes, without the end of the line

  struct Request {
    std::string line;  // any bytes but the end of a line
    bool may_change =
        false;  // the client is root, or the user of this process (SO_PEERCRED, unix(7))
  };
  // A client's answer: the next part with each call, and an empty one at the end.
  using Text = std::function<std::string()>;
  struct Reply {
    Reply(Text whole) : text(std::move(whole)) {}  // NOLINT: an answer that ends is the usual one
    Reply(Text parts, bool goes_on) : text(std::move(parts)), follows(goes_on) {}
    Text text;
    // An empty part says only that there is nothing more yet.
    bool follows = false;
  };
  // One that is written at once.
  static Text Whole(std::string text);
  // An answer of one sentence, which must need no escape in JSON: {"error":"..."}
  static Text Error(absl::string_view sentence);

  // `answer` is called once for each request. A socket file on which nobody listens is replaced. If somebody listens on
  // it, or if it is another kind of file, the result is AlreadyExists.
  static absl::StatusOr<std::unique_ptr<StatusServer>> Open(
      Loop& loop, const StatusServerOptions& options, std::function<Reply(const Request&)> answer);
  virtual ~StatusServer() = default;  // closes the connections and removes the file

  // There may be more for those whose answers go on. Cheap; may be called at any time.
  virtual void Wake() = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_STATUS_SERVER_H_
