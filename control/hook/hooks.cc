#include "control/hook/hooks.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace warp::hook {

using Json = nlohmann::ordered_json;

void Hooks::Set(const std::vector<std::string>& commands, std::chrono::milliseconds limit) {
  const Json json = {{"commands", commands}, {"timeout_ms", limit.count()}};
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.pop_back();  // the events follow
  head_ = commands.empty() ? "" : text + ",\"events\":[";
}

bool Hooks::possible() const {
  if (!process_) return false;
  pollfd other{.fd = process_.get(), .events = 0, .revents = 0};
  return poll(&other, 1, 0) <= 0;  // it says nothing but that it is gone
}

// What was missed goes along with the next event: alone it would take the room of one. An uplink that flaps makes
// thousands of events, and a turn of the control thread has to bear some hundred: each is written once.
void Hooks::Run(const control::Event& event) {
  if (!process_ || head_.empty()) return;
  std::string message = head_;
  if (untold_ > 0) {
    control::Event missed{.kind = control::EventKind::kEventsMissed, .missed = untold_};
    missed.time = event.time;
    absl::StrAppend(&message, EventJson(missed), ",");
  }
  absl::StrAppend(&message, EventJson(event), "]}");
  if (Send(message)) {
    untold_ = 0;
    return;
  }
  ++missed_;
  ++untold_;
}

// False where the queue has no room, or the process is gone.
bool Hooks::Send(const std::string& message) {
  while (true) {
    const ssize_t sent =
        send(process_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return true;
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != ENOBUFS) {
      process_.Close();
      warn_("the process that runs the commands of node.on_event is gone: none is run any more");
    }
    return false;
  }
}

}  // namespace warp::hook
