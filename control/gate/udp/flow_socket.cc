#include "control/gate/udp/flow_socket.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <utility>

#include "control/gate/udp/gro_receiver.h"
#include "dataplane/os/socket_options.h"

namespace warp::control {

std::unique_ptr<FlowSocket> FlowSocket::Open(Loop& loop, const Options& options,
                                             GateCounters& counters, std::function<void()> ready) {
  const os::SocketAddress local(wire::Endpoint{options.local, 0});
  os::UniqueFd fd(socket(local.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP));
  if (!fd) return nullptr;
  os::EnlargeSocketBuffer(fd.get(), os::SocketBuffer::kReceive,
                          static_cast<int>(options.receive_buffer));
  if (bind(fd.get(), local.get(), local.size()) != 0) return nullptr;
  GroReceiver::Prepare(fd.get(), options.marks);
  return std::unique_ptr<FlowSocket>(
      new FlowSocket(loop, std::move(fd), options, counters, std::move(ready)));
}

FlowSocket::FlowSocket(Loop& loop, os::UniqueFd fd, const Options& options, GateCounters& counters,
                       std::function<void()> ready)
    : fd_(std::move(fd)),
      deliver_(options.deliver),
      sender_(fd_.get(), counters, {.marks = options.marks}),
      watch_(loop, fd_.get(), POLLIN, [this, ready = std::move(ready)](uint32_t events) {
        if ((events & POLLERR) != 0) sender_.TakeRefusals();
        ready();
      }) {
  sender_.SetReceiver(deliver_);
}

}  // namespace warp::control
