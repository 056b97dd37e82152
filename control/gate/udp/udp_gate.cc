#include "control/gate/udp/udp_gate.h"

#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/os/socket_address.h"

namespace warp::control {
namespace {

constexpr wire::Duration kBetweenSentences = std::chrono::minutes(1);

absl::Status Check(const UdpGateOptions& options) {
  const wire::Endpoint& listen = options.listen;
  const bool local_only = options.allowed == nullptr;
  if (local_only && !listen.address.is_loopback())
    return absl::InvalidArgumentError(
        absl::StrCat("a gate listens at a loopback address, which ", listen.ToString(), " is not"));
  if (options.flows < 1 || options.flows > Flows::kMost)
    return absl::InvalidArgumentError(absl::StrCat("a gate has 1 to ", Flows::kMost, " flows"));
  if (!options.deliver.has_value()) return absl::OkStatus();
  const wire::Endpoint& deliver = *options.deliver;
  if ((local_only && !deliver.address.is_loopback()) || deliver.port == 0)
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

GroReceiver::Admits AdmitsOf(const UdpGateOptions& options) {
  if (options.allowed == nullptr) {
    return [](const os::SocketAddress& sender) { return sender.is_loopback(); };
  }
  return [allowed = options.allowed](const os::SocketAddress& sender) {
    return allowed(sender.ToEndpoint()->address);
  };
}

// Where `deliver` is unset, there are no flows of the peer's.
GroReceiver::Admits FromDeliver(const UdpGateOptions& options) {
  const wire::Endpoint deliver = options.deliver.value_or(wire::Endpoint());
  return [address = deliver.address](const os::SocketAddress& sender) {
    return sender.ToEndpoint()->address == address;
  };
}

}  // namespace

absl::StatusOr<std::unique_ptr<UdpGate>> UdpGate::Open(Loop& loop, const UdpGateOptions& options,
                                                       GateSink& sink) {
  if (absl::Status status = Check(options); !status.ok()) return status;
  absl::StatusOr<UdpSocket> socket =
      OpenUdpSocket(options.listen, options.receive_buffer, options.multicast);
  if (!socket.ok()) return socket.status();
  return std::unique_ptr<UdpGate>(
      new UdpGate(loop, std::move(socket->fd), socket->local, options, sink));
}

UdpGate::UdpGate(Loop& loop, os::UniqueFd fd, const wire::Endpoint& local,
                 const UdpGateOptions& options, GateSink& sink)
    : loop_(loop),
      fd_(std::move(fd)),
      local_(local),
      sink_(sink),
      admits_(AdmitsOf(options)),
      from_deliver_(FromDeliver(options)),
      say_(options.say),
      learn_receiver_(!options.deliver.has_value()),
      sender_(fd_.get(), counters_, {.marks = options.marks}),
      more_(loop, [this] { Work(); }),
      watch_(loop, fd_.get(), POLLIN, [this](uint32_t events) {
        if ((events & POLLERR) != 0) sender_.TakeRefusals();
        NoteReady(Door());
      }) {
  GroReceiver::Prepare(fd_.get(), options.marks);
  if (options.deliver.has_value()) sender_.SetReceiver(os::SocketAddress(*options.deliver));
  if (options.flows < 2) return;
  flows_ = std::make_unique<Flows>(loop, fd_.get(),
                                   Flows::Options{.limit = options.flows,
                                                  .idle = options.flow_idle,
                                                  .local = options.listen.address,
                                                  .deliver = options.deliver,
                                                  .receive_buffer = options.receive_buffer,
                                                  .marks = options.marks},
                                   counters_, [this](uint8_t number) { NoteReady(number); });
}

// --- From the applications. ---

void UdpGate::NoteReady(Door door) {
  if (std::find(ready_.begin(), ready_.end(), door) == ready_.end()) ready_.push_back(door);
  if (!more_.scheduled()) Work();
}

void UdpGate::Work() {
  if (held_) return;
  const uint64_t end = counters_.from_app + kPayloadsPerTurn;
  if (!GiveToSink()) return;
  for (size_t i = 0; i < kReceivesPerTurn && !ready_.empty() && counters_.from_app < end; ++i) {
    const Door door = ready_.front();
    ready_.pop_front();
    if (ReceiveFrom(door)) ready_.push_back(door);
    if (!GiveToSink()) return;
  }
  if (!ready_.empty()) more_.Schedule();
}

// True: there may be more.
bool UdpGate::ReceiveFrom(Door door) {
  FlowSocket* const flow = door.has_value() ? flows_->Find(*door) : nullptr;
  if (door.has_value() && flow == nullptr) return false;  // it has ended meanwhile
  const uint64_t before = receiver_.outsiders();
  const GroReceiver::Result result = flow != nullptr ? receiver_.Receive(flow->fd(), from_deliver_)
                                                     : receiver_.Receive(fd_.get(), admits_);
  received_by_ = door;
  counters_.drops.Add(wire::Drop::kForeignSender, receiver_.outsiders() - before);
  if (result == GroReceiver::Result::kRefused)
    (flow != nullptr ? flow->sender() : sender_).TakeRefusals();
  return result != GroReceiver::Result::kDrained;
}

// Of what the receiver gives next. nullopt: no flow is free.
std::optional<wire::Flow> UdpGate::FlowOfNext() {
  std::optional<wire::Flow> flow = FlowOfSender();
  if (flow.has_value()) flow->dscp = receiver_.dscp();
  return flow;
}

std::optional<wire::Flow> UdpGate::FlowOfSender() {
  if (received_by_.has_value()) {
    if (FlowSocket* const flow = flows_->Find(*received_by_)) {
      flow->NoteUse(loop_.now());
      flow->Follow(receiver_.sender());
    }
    return wire::Flow{.number = *received_by_, .answer = true};
  }
  if (tells_apart()) return flows_->FlowOf(receiver_.sender());
  if (learn_receiver_) Learn(receiver_.sender());
  return wire::Flow();
}

// Whoever sends from port 0 wants no answer (RFC 768).
void UdpGate::Learn(const os::SocketAddress& sender) {
  if (sender == sender_.receiver() || sender.ToEndpoint()->port == 0) return;
  const std::optional<wire::Endpoint> before = sender_.receiver().ToEndpoint();
  sender_.SetReceiver(sender);
  if (!before.has_value()) return;
  ++counters_.takeovers;
  if (say_ == nullptr || loop_.now() < say_after_) return;
  say_after_ = loop_.now() + kBetweenSentences;
  say_(absl::StrCat("answers go to ", sender.ToEndpoint()->ToString(),
                    ", which sent last, and no longer to ", before->ToString(),
                    ": flows: tells several senders apart"));
}

// False: the sink has no more room, and nothing more may be received.
bool UdpGate::GiveToSink() {
  for (std::span<const wire::Bytes> payloads = receiver_.Next(); !payloads.empty();
       payloads = receiver_.Next()) {
    const std::optional<wire::Flow> flow = FlowOfNext();
    if (!flow.has_value()) {
      counters_.drops.Add(wire::Drop::kNoFlow, payloads.size());
      receiver_.Consume(payloads.size());
      continue;
    }
    const size_t taken = sink_.OnPayloads(payloads, *flow);
    counters_.from_app += taken;
    receiver_.Consume(taken);
    if (taken < payloads.size()) {
      held_ = true;
      return false;
    }
  }
  return true;
}

void UdpGate::Resume() {
  if (std::exchange(held_, false)) more_.Schedule();
}

// --- To the applications. ---

void UdpGate::Deliver(Delivery payload) {
  if (tells_apart()) {
    flows_->Deliver(std::move(payload));
  } else if (payload.flow().number != 0) {
    counters_.drops.Add(wire::Drop::kUnknownFlow);
  } else {
    sender_.Add(std::move(payload));
  }
}

void UdpGate::Flush() {
  sender_.Flush();
  if (flows_ != nullptr) flows_->Flush();
}

void UdpGate::SetPeer(const GatePeer& peer) {
  if (peer == peer_) return;
  if (flows_ != nullptr && peer_.life != 0 && peer.life != peer_.life) {
    flows_->ForgetPeer();
    DropAnswers();
  }
  if (flows_ != nullptr && peer.reached != peer_.reached) flows_->SetReached(peer.reached);
  peer_ = peer;
}

// Those that the sink had no room for, to flows that the peer knows nothing of.
void UdpGate::DropAnswers() {
  if (!received_by_.has_value()) return;
  for (auto payloads = receiver_.Next(); !payloads.empty(); payloads = receiver_.Next()) {
    counters_.drops.Add(wire::Drop::kUnknownFlow, payloads.size());
    receiver_.Consume(payloads.size());
  }
}

// --- What is shown. ---

// The kernel counts what the socket's buffer had no room for. It is asked only when somebody wants to know.
const GateCounters& UdpGate::counters() const {
  std::array<uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof(memory);
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_MEMINFO, memory.data(), &size) == 0) {
    const uint32_t now = memory[SK_MEMINFO_DROPS];
    counters_.drops.Add(wire::Drop::kGateFull, now - std::exchange(overruns_, now));
  }
  return counters_;
}

GateStatus UdpGate::status() const {
  GateStatus status;
  if (const auto to = receiver()) status.receiver = to->ToString();
  if (flows_ == nullptr) return status;
  status.flows = flows_->ours();
  status.flows_of_peer = flows_->of_peer();
  status.peer_has_flows = peer_.has_flows;
  return status;
}

}  // namespace warp::control
