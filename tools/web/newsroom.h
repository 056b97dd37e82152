// What everybody who watches is shown: the view of now, and streams of server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html) that get each new one. Who reads slowly misses some,
// and then gets a whole one: nobody has a queue.
#ifndef WARP_TOOLS_WEB_NEWSROOM_H_
#define WARP_TOOLS_WEB_NEWSROOM_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/http/http_message.h"
#include "tools/watch/model/minute.h"
#include "tools/watch/model/sample.h"
#include "tools/web/change.h"

namespace warp::tools {

class Newsroom {
 public:
  // What the daemon says to `status` and to `tunnel show`. The latter may fail alone. One thread.
  void Take(double now_s, const absl::StatusOr<std::string>& status,
            const absl::StatusOr<std::string>& tunnels);

  // The rest: any thread.
  std::shared_ptr<const std::string> view() const;
  std::unique_ptr<HttpStream> Subscribe() const;  // as long as this lives
  // What a change may name. Both are empty while the daemon does not answer.
  std::vector<LinkName> links() const;
  std::vector<TunnelPaths> tunnels() const;

 private:
  class Subscription;
  using Text = std::shared_ptr<const std::string>;

  Minute minute_;  // of the thread of Take
  double last_s_ = 0;
  bool known_ = false;  // the view before has a sample

  mutable std::mutex mutex_;
  uint64_t number_ = 0;  // of the view
  Text view_ = std::make_shared<const std::string>("{}");
  Text whole_;  // the event of it
  Text step_;   // for whoever has the view before
  std::vector<LinkName> links_;
  std::vector<TunnelPaths> tunnels_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_WEB_NEWSROOM_H_
