#include "control/status/status_server.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_path.h"

namespace warp::control {
namespace {

constexpr int kBacklog = 16;
constexpr size_t kAcceptsPerTurn = 4;
// The process may be out of descriptors. The next attempt to accept comes after this time.
constexpr wire::Duration kAcceptRetry = std::chrono::milliseconds(100);
// Reads, after the text, of what the client sent: more than its socket buffer holds.
constexpr size_t kReadsAtEnd = 64;
constexpr mode_t kMode = 0660;

class ServerImpl : public StatusServer {
 public:
  ServerImpl(Loop& loop, const StatusServerOptions& options, os::UniqueFd fd, os::UnixPath path,
             std::function<Text()> text)
      : loop_(loop),
        options_(options),
        fd_(std::move(fd)),
        path_(std::move(path)),
        text_(std::move(text)),
        retry_(loop, [this] { Accept(); }),
        more_(loop, [this] { Accept(); }),
        parts_(loop, [this] { MakePart(); }),
        watch_(loop, fd_.get(), POLLIN, [this](uint32_t) {
          if (!more_.scheduled()) Accept();
        }) {}

 private:
  class Client {
   public:
    Client(ServerImpl& server, os::UniqueFd fd, Text text)
        : server_(server),
          fd_(std::move(fd)),
          text_(std::move(text)),
          patience_(server.loop_, [this] { server_.Remove(this); }),
          watch_(server.loop_, fd_.get(), POLLOUT, [this](uint32_t) { Write(); }) {
      patience_.Set(server.options_.patience);
    }
    const Client* id() const { return this; }
    bool wants_part() const { return wants_part_; }
    uint64_t served() const { return served_; }
    void MakePart(uint64_t number) {
      wants_part_ = false;
      served_ = number;
      part_ = text_();
      written_ = 0;
      if (part_.empty()) return End();
      Write();
    }

   private:
    void Write() {
      if (wants_part_) return;
      while (written_ < part_.size()) {
        const ssize_t size = send(fd_.get(), part_.data() + written_, part_.size() - written_,
                                  MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EAGAIN) return;
        if (size < 0) return server_.Remove(this);
        written_ += static_cast<size_t>(size);
      }
      wants_part_ = true;
      server_.parts_.Schedule();
    }

    void End() {
      // Without shutdown, the client would see the end of the text only when the ring lets go of the socket. After it,
      // the client can send nothing more.
      shutdown(fd_.get(), SHUT_RDWR);
      Drain();
      server_.Remove(this);
    }

    // The server has no use for what the client sent. If that were left unread, the client would get an error instead
    // of the end of the text.
    void Drain() {
      char nothing[1 << 16];
      for (size_t i = 0; i < kReadsAtEnd; ++i) {
        if (recv(fd_.get(), nothing, sizeof(nothing), MSG_DONTWAIT) <= 0) return;
      }
    }

    ServerImpl& server_;
    const os::UniqueFd fd_;
    const Text text_;
    std::string part_;  // the part under way
    size_t written_ = 0;
    bool wants_part_ = false;  // all of part_ is written
    uint64_t served_ = 0;      // the number of part_ among those of all clients
    Timer patience_;
    const Watch watch_;
  };

  void Accept() {
    for (size_t i = 0; i < kAcceptsPerTurn; ++i) {
      os::UniqueFd client(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!client) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno != EAGAIN) retry_.Set(kAcceptRetry);
        return;
      }
      if (clients_.size() >= options_.max_clients) clients_.pop_front();
      clients_.emplace_back(*this, std::move(client), text_());
    }
    more_.Schedule();
  }

  // For the client that has waited longest for one.
  void MakePart() {
    Client* next = nullptr;
    for (Client& client : clients_) {
      if (!client.wants_part()) continue;
      if (next == nullptr || client.served() < next->served()) next = &client;
    }
    if (next == nullptr) return;
    parts_.Schedule();
    next->MakePart(++parts_made_);
  }

  void Remove(const Client* client) {
    clients_.remove_if([client](const Client& c) { return c.id() == client; });
  }

  Loop& loop_;
  const StatusServerOptions options_;
  const os::UniqueFd fd_;
  const os::UnixPath path_;
  const std::function<Text()> text_;
  std::list<Client> clients_;  // oldest first
  uint64_t parts_made_ = 0;
  Timer retry_;
  Task more_;
  Task parts_;
  const Watch watch_;
};

}  // namespace

StatusServer::Text StatusServer::Whole(std::string text) {
  return [text = std::move(text)]() mutable { return std::exchange(text, ""); };
}

absl::StatusOr<std::unique_ptr<StatusServer>> StatusServer::Open(Loop& loop,
                                                                 const StatusServerOptions& options,
                                                                 std::function<Text()> text) {
  os::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return os::ErrnoStatus(errno, "control socket");
  absl::StatusOr<os::UnixPath> path =
      os::UnixPath::Bind(fd.get(), {.path = options.path, .mode = kMode});
  if (!path.ok())
    return absl::Status(path.status().code(),
                        absl::StrCat("control socket ", path.status().message()));
  if (listen(fd.get(), kBacklog) != 0)
    return os::ErrnoStatus(errno, "control socket ", options.path);
  return std::make_unique<ServerImpl>(loop, options, std::move(fd), *std::move(path),
                                      std::move(text));
}

}  // namespace warp::control
