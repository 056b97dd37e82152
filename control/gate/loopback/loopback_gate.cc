#include "control/gate/loopback/loopback_gate.h"

#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/os/socket_options.h"

namespace warp::control {
namespace {

absl::Status Check(const LoopbackGateOptions& options) {
  const wire::Endpoint& listen = options.listen;
  if (!listen.address.is_loopback())
    return absl::InvalidArgumentError(
        absl::StrCat("a gate listens at a loopback address, which ", listen.ToString(), " is not"));
  if (!options.deliver.has_value()) return absl::OkStatus();
  const wire::Endpoint& deliver = *options.deliver;
  if (!deliver.address.is_loopback() || deliver.port == 0)
    return absl::InvalidArgumentError(absl::StrCat("a gate delivers to a loopback address, which ",
                                                   deliver.ToString(), " is not"));
  if (deliver.address.is_v4() != listen.address.is_v4())
    return absl::InvalidArgumentError(absl::StrCat("a gate at ", listen.ToString(),
                                                   " cannot deliver to ", deliver.ToString(),
                                                   ", of the other address family"));
  if (deliver == listen)
    return absl::InvalidArgumentError(
        absl::StrCat("a gate cannot deliver to itself at ", listen.ToString()));
  return absl::OkStatus();
}

absl::Status Explain(const wire::Endpoint& listen, int error) {
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(
          absl::StrCat("the gate's address ", listen.ToString(), " is in use"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat("no permission to open a gate at ", listen.ToString()));
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return absl::UnavailableError(
          absl::StrCat("the gate's address ", listen.ToString(),
                       " does not exist here: is the loopback interface up, and IPv6 enabled?"));
    default:
      return os::ErrnoStatus(error, "cannot open a gate at ", listen.ToString());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<LoopbackGate>> LoopbackGate::Open(Loop& loop,
                                                                 const LoopbackGateOptions& options,
                                                                 GateSink& sink) {
  if (absl::Status status = Check(options); !status.ok()) return status;
  os::SocketAddress address(options.listen);
  os::UniqueFd fd(socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP));
  if (!fd) return Explain(options.listen, errno);
  os::EnlargeSocketBuffer(fd.get(), os::SocketBuffer::kReceive,
                          static_cast<int>(options.receive_buffer));
  if (bind(fd.get(), address.get(), address.size()) != 0) return Explain(options.listen, errno);
  socklen_t size = os::SocketAddress::capacity();
  if (getsockname(fd.get(), address.get(), &size) != 0) return Explain(options.listen, errno);

  std::unique_ptr<LoopbackGate> gate(
      new LoopbackGate(loop, std::move(fd), *address.ToEndpoint(), sink));
  if (options.deliver.has_value()) {
    gate->learn_receiver_ = false;
    gate->sender_.SetReceiver(os::SocketAddress(*options.deliver));
  }
  return gate;
}

LoopbackGate::LoopbackGate(Loop& loop, os::UniqueFd fd, const wire::Endpoint& local, GateSink& sink)
    : fd_(std::move(fd)),
      local_(local),
      sink_(sink),
      sender_(fd_.get(), counters_),
      receiver_(fd_.get()),
      more_(loop, [this] { Receive(); }),
      watch_(loop, fd_.get(), POLLIN, [this](uint32_t events) { OnReady(events); }) {}

void LoopbackGate::OnReady(uint32_t events) {
  if ((events & POLLERR) != 0) sender_.TakeRefusals();
  if (!more_.scheduled()) Receive();
}

void LoopbackGate::Receive() {
  if (held_) return;
  const uint64_t end = counters_.from_app + kPayloadsPerTurn;
  if (!GiveToSink()) return;
  for (size_t i = 0; i < kReceivesPerTurn && counters_.from_app < end; ++i) {
    const uint64_t before = receiver_.outsiders();
    const GroReceiver::Result result = receiver_.Receive();
    counters_.drops.Add(wire::Drop::kForeignSender, receiver_.outsiders() - before);
    if (learn_receiver_ && receiver_.last_sender().family() != AF_UNSPEC)
      sender_.SetReceiver(receiver_.last_sender());
    if (!GiveToSink()) return;
    if (result == GroReceiver::Result::kDrained) return;
    if (result == GroReceiver::Result::kRefused) {
      sender_.TakeRefusals();
      break;
    }
  }
  more_.Schedule();
}

// False: the sink has no more room, and nothing more may be received.
bool LoopbackGate::GiveToSink() {
  for (std::span<const wire::Bytes> payloads = receiver_.Next(); !payloads.empty();
       payloads = receiver_.Next()) {
    const size_t taken = sink_.OnPayloads(payloads);
    counters_.from_app += taken;
    receiver_.Consume(taken);
    if (taken < payloads.size()) {
      held_ = true;
      return false;
    }
  }
  return true;
}

void LoopbackGate::Resume() {
  if (std::exchange(held_, false)) more_.Schedule();
}

void LoopbackGate::Deliver(Delivery payload) { sender_.Add(std::move(payload)); }

void LoopbackGate::Flush() { sender_.Flush(); }

// The kernel counts what the socket's buffer had no room for. It is asked only when somebody wants to know.
const GateCounters& LoopbackGate::counters() const {
  std::array<uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof(memory);
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_MEMINFO, memory.data(), &size) == 0) {
    const uint32_t now = memory[SK_MEMINFO_DROPS];
    counters_.drops.Add(wire::Drop::kGateFull, now - std::exchange(overruns_, now));
  }
  return counters_;
}

}  // namespace warp::control
