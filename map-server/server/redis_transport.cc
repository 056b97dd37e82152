#include "map-server/server/redis_transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/config/text/host_port.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_address.h"

namespace warp::map {
namespace {

constexpr size_t kReadRoom = 16384;
constexpr int kReadsPerTurn = 16;
// A sentinel may name more and more of them.
constexpr size_t kMaxNames = 32;

}  // namespace

RedisTransport::RedisTransport(control::Loop& loop, control::Resolver* const& resolver,
                               const TlsClient* tls, Events events)
    : loop_(loop), resolver_(resolver), tls_(tls), events_(std::move(events)), work_(loop, [this] {
        Work();
      }) {}

// --- Connecting. ---

void RedisTransport::Connect(const std::string& address) {
  if (const auto it = names_.find(address_); it != names_.end() && state_ != State::kOpen)
    it->second.name->SetSilent(true);
  Close();
  address_ = address;
  const absl::StatusOr<config::HostPort> parsed = config::HostPort::Parse(address);
  if (!parsed.ok()) return Fail("the address is none");
  host_ = parsed->host;
  if (parsed->literal.has_value()) return Open(*parsed->literal);
  if (resolver_ == nullptr) return Fail("names cannot be resolved");
  state_ = State::kResolving;
  if (names_.size() >= kMaxNames && !names_.contains(address)) names_.clear();
  Known& known = names_[address];
  if (!known.endpoints.empty()) return Open(known.endpoints[known.next++ % known.endpoints.size()]);
  if (known.name == nullptr) {
    known.name = resolver_->Watch(
        address, [this, address](const auto& found) { OnResolved(address, found); });
  }
}

void RedisTransport::OnResolved(const std::string& address,
                                const absl::StatusOr<std::vector<wire::Endpoint>>& endpoints) {
  const auto it = names_.find(address);
  if (it == names_.end()) return;
  if (endpoints.ok()) it->second.endpoints = *endpoints;
  if (state_ != State::kResolving || address != address_) return;
  if (!endpoints.ok()) return Fail(std::string(endpoints.status().message()));
  Known& known = it->second;
  if (!known.endpoints.empty()) Open(known.endpoints[known.next++ % known.endpoints.size()]);
}

void RedisTransport::Open(const wire::Endpoint& endpoint) {
  const os::SocketAddress to(endpoint);
  fd_ = os::UniqueFd(socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_) return Fail(os::ErrnoText(errno));
  const int on = 1;
  setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(fd_.get(), to.get(), to.size()) != 0 && errno != EINPROGRESS)
    return Fail(os::ErrnoText(errno));
  state_ = State::kConnecting;
  watch_.emplace(loop_, fd_.get(), POLLIN | POLLOUT, [this](uint32_t) { Work(); });
}

void RedisTransport::Close() {
  ++attempt_;
  state_ = State::kIdle;
  session_.reset();
  watch_.reset();
  fd_.Close();
  out_.clear();
  sent_ = 0;
}

// The event comes in the loop's next turn, because this may be within a call.
void RedisTransport::Fail(const std::string& reason) {
  Close();
  state_ = State::kFailed;
  failure_ = reason;
  work_.Schedule();
}

// --- Bytes. ---

void RedisTransport::Send(absl::string_view bytes) {
  if (state_ != State::kOpen) return;
  absl::StrAppend(&out_, bytes);
  work_.Schedule();
}

// The socket has become ready, or there is something to send or tell.
void RedisTransport::Work() {
  if (state_ == State::kFailed) {
    state_ = State::kIdle;
    return events_.closed(loop_.now(), failure_);
  }
  if (state_ != State::kConnecting && state_ != State::kHandshake && state_ != State::kOpen) return;
  const uint64_t attempt = attempt_;
  if (state_ != State::kOpen && !Establish()) return;
  if (attempt == attempt_) Flush();
  if (attempt == attempt_ && state_ == State::kOpen) Receive();
}

// Whether the stream is open now.
bool RedisTransport::Establish() {
  if (state_ == State::kConnecting) {
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return Fail(os::ErrnoText(error)), false;
    sockaddr_storage peer;
    socklen_t room = sizeof(peer);
    if (getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &room) != 0) return false;
    state_ = State::kHandshake;
    if (tls_ != nullptr) session_ = std::make_unique<TlsClient::Session>(*tls_, fd_.get(), host_);
  }
  if (session_ != nullptr) {
    const int done = session_->Handshake();
    if (done < 0) return Fail(std::string(session_->error())), false;
    if (done == 0) return false;
  }
  state_ = State::kOpen;
  if (const auto it = names_.find(address_); it != names_.end()) it->second.name->SetSilent(false);
  events_.opened(loop_.now());
  return state_ == State::kOpen;
}

void RedisTransport::Receive() {
  const uint64_t attempt = attempt_;
  std::array<char, kReadRoom> room;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t size = Read(room.data(), room.size());
    if (size <= 0 || attempt != attempt_) return;
    events_.received(loop_.now(), {room.data(), static_cast<size_t>(size)});
    if (attempt != attempt_) return;
  }
  work_.Schedule();
}

void RedisTransport::Flush() {
  const uint64_t attempt = attempt_;
  while (sent_ < out_.size()) {
    const ssize_t size = Write(absl::string_view(out_).substr(sent_));
    if (size <= 0 || attempt != attempt_) break;
    sent_ += static_cast<size_t>(size);
  }
  if (attempt != attempt_) return;
  if (sent_ == out_.size() || sent_ > (size_t{1} << 20)) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
}

// Bytes; 0: not now. An end makes it fail.
ssize_t RedisTransport::Read(char* room, size_t size) {
  if (session_ != nullptr) {
    const ssize_t done = session_->Read(room, size);
    if (done < 0) Fail(std::string(session_->error()));
    return done;
  }
  const ssize_t done = recv(fd_.get(), room, size, 0);
  if (done > 0) return done;
  if (done < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  Fail(done == 0 ? "it closed the connection" : os::ErrnoText(errno));
  return -1;
}

ssize_t RedisTransport::Write(absl::string_view bytes) {
  if (session_ != nullptr) {
    const ssize_t done = session_->Write(bytes);
    if (done < 0) Fail(std::string(session_->error()));
    return done;
  }
  const ssize_t done = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (done >= 0) return done;
  if (errno == EAGAIN || errno == EINTR) return 0;
  Fail(os::ErrnoText(errno));
  return -1;
}

}  // namespace warp::map
