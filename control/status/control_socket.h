// Where a node's control socket is: at one path, and for a moment at the one of before, where a reload has moved it.
// Who asked for that by the old path hears there what became of it. Control thread only.
#ifndef WARP_CONTROL_STATUS_CONTROL_SOCKET_H_
#define WARP_CONTROL_STATUS_CONTROL_SOCKET_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/loop/loop.h"
#include "control/status/status_server.h"

namespace warp::control {

class ControlSocket {
 public:
  // So long the one of before answers.
  static constexpr wire::Duration kStays = std::chrono::minutes(1);

  // As StatusServer::Open has them; `loop` outlives it.
  ControlSocket(Loop& loop, std::function<StatusServer::Reply(const StatusServer::Request&)> answer,
                wire::Duration stays = kStays)
      : loop_(loop),
        answer_(std::move(answer)),
        stays_(stays),
        end_(loop, [this] { before_ = {}; }) {}

  // It is at this path from now on. On an error all is as it was.
  absl::Status MoveTo(const std::string& path) {
    if (now_.server != nullptr && path == now_.path) return absl::OkStatus();
    if (before_.server != nullptr && path == before_.path) {
      std::swap(now_, before_);
    } else {
      absl::StatusOr<std::unique_ptr<StatusServer>> server =
          StatusServer::Open(loop_, {.path = path}, answer_);
      if (!server.ok()) return server.status();
      before_ = std::exchange(now_, {path, *std::move(server)});
    }
    end_.Set(stays_);
    return absl::OkStatus();
  }

  // As StatusServer::Wake.
  void Wake() {
    for (const Place* const place : {&now_, &before_}) {
      if (place->server != nullptr) place->server->Wake();
    }
  }

 private:
  struct Place {
    std::string path;
    std::unique_ptr<StatusServer> server;  // null: there is none
  };
  Loop& loop_;
  const std::function<StatusServer::Reply(const StatusServer::Request&)> answer_;
  const wire::Duration stays_;
  Place now_, before_;
  Timer end_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_CONTROL_SOCKET_H_
