#include "tools/run/run_supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>

#include "dataplane/wire/constants.h"

namespace warp::tools {
namespace {

constexpr int kMostFree = 8;  // more threads than that are not kept

int Option(int socket, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

}  // namespace

RunSupervisor::RunSupervisor(os::UniqueFd listener, const std::string& gate_path)
    : listener_(std::move(listener)),
      gate_(gate_path),
      gate_address_(os::UnixAddress::Of(gate_path).value()),
      rights_(RunRights::Own()) {}

void RunSupervisor::Start() {
  BlockedSenders::PrepareSignal();
  PreferSameCpu(listener());
  AddThread();
}

void RunSupervisor::AddThread() {
  ++free_;
  try {
    std::thread([this] { Serve(); }).detach();
  } catch (const std::system_error&) {
    // No more threads can be made, so questions wait for the existing ones.
    --free_;
  }
}

void RunSupervisor::Serve() {
  ThreadHandles handles;
  RunSender sender(gate_, blocked_);
  while (true) {
    const std::optional<Question> question = Question::Next(listener());
    if (question) {
      --free_;
      Answer(*question, handles, sender);
      if (free_ >= kMostFree) return;
      ++free_;
      continue;
    }
    // The thread was killed meanwhile, or all threads are gone. The main thread sees the latter as well.
    pollfd listened{.fd = listener(), .events = POLLIN, .revents = 0};
    if (::poll(&listened, 1, -1) > 0 && (listened.revents & POLLHUP) != 0) return;
  }
}

void RunSupervisor::Answer(const Question& question, ThreadHandles& handles, RunSender& sender) {
  const std::optional<os::UniqueFd> socket =
      handles.Take(question, static_cast<int>(question.argument(0)));
  const std::optional<Destination> destination =
      socket ? DestinationOf(question, socket->get()) : std::nullopt;
  if (!destination) return question.Continue();
  std::optional<std::vector<RunMessage>> messages = ReadMessages(question);
  if (!messages || !question.Stands()) return question.Continue();
  // Only what is for the gate is sent here, as far as nothing else comes between: sendmmsg then says that fewer were
  // sent, as it may at any time, and the application asks again for the others.
  messages->erase(std::find_if_not(messages->begin(), messages->end(),
                                   [&](const RunMessage& message) {
                                     return IsForGate(question, *destination, message);
                                   }),
                  messages->end());
  if (messages->empty() || !HasOurRights(question)) return question.Continue();
  if (free_ == 0) AddThread();
  const SocketLocks::Lock lock(locks_, socket->get());
  question.Return(SendAll(question, sender, socket->get(), *destination, *messages));
}

// The thread waits in its call, so that nothing changes its rights before the answer.
bool RunSupervisor::HasOurRights(const Question& question) const {
  const std::optional<RunRights> rights = RunRights::Of(question.thread());
  return rights && rights_ == rights && question.Stands();
}

std::optional<RunSupervisor::Destination> RunSupervisor::DestinationOf(const Question& question,
                                                                       int socket) const {
  if (Option(socket, SO_DOMAIN) != AF_UNIX) return std::nullopt;
  const int type = Option(socket, SO_TYPE);
  if (type != SOCK_DGRAM && type != SOCK_SEQPACKET) return std::nullopt;
  const bool waits =
      (::fcntl(socket, F_GETFL) & O_NONBLOCK) == 0 && (FlagsOf(question) & MSG_DONTWAIT) == 0;
  if (!waits) return std::nullopt;
  Destination destination{.ignores_addresses = type == SOCK_SEQPACKET};
  os::UnixAddress peer;
  socklen_t size = os::UnixAddress::capacity();
  if (::getpeername(socket, peer.get(), &size) == 0) {
    peer.set_size(size);
    destination.connected_to_gate = gate_.IsAt(peer.path(), 0);
  }
  return destination;
}

bool RunSupervisor::IsForGate(const Question& question, const Destination& destination,
                              const RunMessage& message) const {
  if (message.to.size() == 0 || destination.ignores_addresses) return destination.connected_to_gate;
  return gate_.IsAt(message.to.path(), question.thread());
}

int64_t RunSupervisor::SendAll(const Question& question, RunSender& sender, int socket,
                               const Destination& destination,
                               const std::vector<RunMessage>& messages) {
  const int flags = FlagsOf(question);
  std::vector<uint8_t> payload;
  int64_t done = 0;
  for (const RunMessage& message : messages) {
    int64_t sent = 0;
    if (message.size() > wire::kMaxPayloadSize) {
      sent = -EMSGSIZE;
    } else if (!ReadPayload(question, message, payload)) {
      sent = -EFAULT;
    } else if (!question.Stands()) {
      return done;
    } else {
      const bool named = message.to.size() != 0 && !destination.ignores_addresses;
      os::UnixAddress to = gate_address_;
      if (!named) to.set_size(0);
      sent = sender.SendAndWait(question, socket, to, payload, flags);
    }
    if (sent < 0) return done > 0 ? done : sent;
    if (message.count_at == 0) return sent;
    const uint32_t count = static_cast<uint32_t>(sent);
    question.Write(message.count_at, &count, sizeof(count));
    ++done;
  }
  return done;
}

}  // namespace warp::tools
