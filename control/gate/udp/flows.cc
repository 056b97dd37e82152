#include "control/gate/udp/flows.h"

#include <utility>

namespace warp::control {

using wire::Drop;

Flows::Flows(Loop& loop, int fd, const Options& options, GateCounters& counters,
             std::function<void(uint8_t)> ready)
    : loop_(loop),
      fd_(fd),
      options_(options),
      counters_(counters),
      ready_(std::move(ready)),
      numbers_(options.limit, options.idle + options.idle / 5),
      expire_(loop, [this] { Expire(); }) {
  expire_.Set(options_.idle / 8);
}

std::optional<wire::Flow> Flows::FlowOf(const os::SocketAddress& sender) {
  const std::optional<uint8_t> number = numbers_.NumberOf(loop_.now(), *sender.ToEndpoint());
  if (!number.has_value()) return std::nullopt;
  interfaces_[*number] = sender.interface();
  return wire::Flow{.number = *number};
}

void Flows::Deliver(Delivery payload) {
  Drop drop = Drop::kNone;
  GsoSender* const sender = SenderTo(payload.flow(), &drop);
  if (sender == nullptr) {
    counters_.drops.Add(drop);
    return;
  }
  if (sender->empty()) to_flush_.push_back(sender);
  sender->Add(std::move(payload));
}

GsoSender* Flows::SenderTo(const wire::Flow& flow, Drop* drop) {
  if (flow.answer) return SenderToOurs(flow.number, drop);
  *drop = flow.number >= options_.limit ? Drop::kUnknownFlow
          : !options_.deliver           ? Drop::kNoReceiver
                                        : Drop::kNone;
  if (*drop != Drop::kNone) return nullptr;
  std::unique_ptr<FlowSocket>& socket = sockets_[flow.number];
  if (socket == nullptr) {
    socket = FlowSocket::Open(loop_,
                              {.local = options_.local,
                               .deliver = *options_.deliver,
                               .receive_buffer = options_.receive_buffer,
                               .marks = options_.marks},
                              counters_, [this, number = flow.number] { ready_(number); });
    if (socket == nullptr) {
      *drop = Drop::kNoFlow;
      return nullptr;
    }
    ++of_peer_;
  }
  socket->NoteUse(loop_.now());
  return &socket->sender();
}

GsoSender* Flows::SenderToOurs(uint8_t number, Drop* drop) {
  const wire::Endpoint* const address = numbers_.SenderOf(loop_.now(), number);
  if (address == nullptr) {
    *drop = Drop::kUnknownFlow;
    return nullptr;
  }
  std::unique_ptr<GsoSender>& sender = senders_[number];
  if (sender == nullptr) {
    sender = std::make_unique<GsoSender>(
        fd_, counters_, GsoSender::Options{.shared = true, .marks = options_.marks});
    sender->SetReceiver(os::SocketAddress(*address, interfaces_[number]));
  }
  return sender.get();
}

void Flows::Flush() {
  for (GsoSender* const sender : to_flush_) sender->Flush();
  to_flush_.clear();
}

void Flows::SetReached(bool reached) {
  reached_ = reached;
  numbers_.NoteUse(loop_.now());
}

void Flows::ForgetPeer() {
  Flush();
  for (std::unique_ptr<FlowSocket>& socket : sockets_) socket.reset();
  of_peer_ = 0;
}

void Flows::Expire() {
  Flush();
  if (!reached_) numbers_.NoteUse(loop_.now());
  for (const uint8_t number : numbers_.Expire(loop_.now())) senders_[number].reset();
  for (std::unique_ptr<FlowSocket>& socket : sockets_) {
    if (socket == nullptr || loop_.now() - socket->used() < options_.idle) continue;
    socket.reset();
    --of_peer_;
  }
  expire_.Set(options_.idle / 8);
}

}  // namespace warp::control
