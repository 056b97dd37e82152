#include "control/hook/hooks.h"

#include <sys/socket.h>

#include <cerrno>
#include <nlohmann/json.hpp>

namespace warp::hook {

using Json = nlohmann::ordered_json;

// What was missed goes along with the next event: alone it would take the room of one.
void Hooks::Run(const control::Event& event) {
  if (!process_ || commands_.empty()) return;
  Json events = Json::array();
  if (untold_ > 0) {
    control::Event missed{.kind = control::EventKind::kEventsMissed, .missed = untold_};
    missed.time = event.time;
    events.push_back(Json::parse(EventJson(missed)));
  }
  events.push_back(Json::parse(EventJson(event)));
  if (Send(Json{{"commands", commands_}, {"timeout_ms", limit_.count()}, {"events", events}}
               .dump())) {
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
