#include "control/status/status_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <list>
#include <optional>
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
             std::function<Reply(const Request&)> answer)
      : loop_(loop),
        options_(options),
        fd_(std::move(fd)),
        path_(std::move(path)),
        answer_(std::move(answer)),
        retry_(loop, [this] { Accept(); }),
        more_(loop, [this] { Accept(); }),
        parts_(loop, [this] { MakePart(); }),
        watch_(loop, fd_.get(), POLLIN, [this](uint32_t) {
          if (!more_.scheduled()) Accept();
        }) {}

  void Wake() override {
    bool any = false;
    for (Client& client : clients_) any = client.Wake() || any;
    if (any) parts_.Schedule();
  }

 private:
  class Client {
   public:
    Client(ServerImpl& server, os::UniqueFd fd, uid_t user, bool may_change)
        : server_(server),
          fd_(std::move(fd)),
          user_(user),
          request_{.may_change = may_change},
          patience_(server.loop_, [this] { server_.Remove(this); }),
          silence_(server.loop_, [this] { HandleSilence(); }),
          watch_(std::in_place, server.loop_, fd_.get(), POLLIN, [this](uint32_t) { Read(); }) {
      patience_.Set(server.options_.patience);
      silence_.Set(server.options_.silence);
    }
    const Client* id() const { return this; }
    uid_t user() const { return user_; }
    bool may_change() const { return request_.may_change; }
    bool wants_part() const { return wants_part_; }
    bool follows() const { return follows_; }
    // False where the client is not waiting for more.
    bool Wake() {
      if (!std::exchange(idle_, false)) return false;
      return wants_part_ = true;
    }
    uint64_t served() const { return served_; }
    void MakePart(uint64_t number) {
      wants_part_ = false;
      served_ = number;
      part_ = text_();
      written_ = 0;
      if (part_.empty() && follows_) return void(idle_ = true);
      if (part_.empty()) return End();
      Write();
    }

   private:
    // `last`: whoever has sent nothing by now wants the status. What has come meanwhile is a request all the same,
    // however late this process gets to read it.
    void Read(bool last = false) {
      char buffer[kMaxRequest + 1];
      while (true) {
        const ssize_t size = recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EAGAIN) {
          if (last && request_.line.empty()) HandleEnd();
          return;
        }
        if (size < 0) return server_.Remove(this);
        if (size == 0) return HandleEnd();
        request_.line.append(buffer, static_cast<size_t>(size));
        const size_t end = request_.line.find('\n');
        // What follows the line is nobody's.
        if (end <= kMaxRequest) return request_.line.resize(end), Begin(server_.answer_(request_));
        if (request_.line.size() > kMaxRequest) {
          return Begin(Error(absl::StrCat("a request has at most ", kMaxRequest, " bytes")));
        }
      }
    }

    void HandleSilence() {
      if (request_.line.empty()) Read(/*last=*/true);
    }

    // The client sends nothing more. Half a line may be half of what it meant.
    void HandleEnd() {
      if (!request_.line.empty()) return Begin(Error("a request ends with the end of a line"));
      request_.line = "status";
      Begin(server_.answer_(request_));
    }

    void Begin(Reply reply) {
      silence_.Cancel();
      if (reply.follows && !server_.Admits(*this)) {
        reply = Error("too many clients follow what happens already");
      }
      text_ = std::move(reply.text);
      follows_ = reply.follows;
      // A follower may stay for long, so that nothing but its end tells that nobody reads any more.
      if (follows_) patience_.Cancel();
      watch_.emplace(server_.loop_, fd_.get(), POLLOUT, [this](uint32_t events) {
        if (follows_ && (events & (POLLHUP | POLLERR)) != 0) return server_.Remove(this);
        Write();
      });
    }

    void Write() {
      if (wants_part_ || idle_) return;
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
    const uid_t user_;
    Request request_;
    Text text_;
    std::string part_;  // the part under way
    size_t written_ = 0;
    bool wants_part_ = false;  // all of part_ is written
    bool follows_ = false;
    bool idle_ = false;    // it follows, and there was nothing more for it
    uint64_t served_ = 0;  // the number of part_ among those of all clients
    Timer patience_;
    Timer silence_;  // until the first byte of the request
    std::optional<Watch> watch_;
  };

  void Accept() {
    for (size_t i = 0; i < kAcceptsPerTurn; ++i) {
      os::UniqueFd client(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!client) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno != EAGAIN) retry_.Set(kAcceptRetry);
        return;
      }
      if (Count(/*followers=*/false) >= options_.max_clients) MakeRoom();
      const uid_t user = UserOf(client.get());
      clients_.emplace_back(*this, std::move(client), user, user == 0 || user == geteuid());
    }
    more_.Schedule();
  }

  size_t Count(bool followers) const {
    return static_cast<size_t>(
        std::count_if(clients_.begin(), clients_.end(),
                      [=](const Client& client) { return client.follows() == followers; }));
  }

  size_t CountOf(uid_t user, bool followers) const {
    return static_cast<size_t>(
        std::count_if(clients_.begin(), clients_.end(), [=](const Client& client) {
          return client.follows() == followers && client.user() == user;
        }));
  }

  // The oldest client of the user who has most of them, among those who may change nothing; the end: there is none.
  std::list<Client>::iterator Greediest(bool followers) {
    auto found = clients_.end();
    size_t most = 0;
    for (auto client = clients_.begin(); client != clients_.end(); ++client) {
      if (client->may_change() || client->follows() != followers) continue;
      const size_t count = CountOf(client->user(), followers);
      if (count > most) found = client;
      most = std::max(most, count);
    }
    return found;
  }

  // There is one client at least that does not follow.
  void MakeRoom() {
    const auto greediest = Greediest(/*followers=*/false);
    clients_.erase(greediest != clients_.end()
                       ? greediest
                       : std::find_if(clients_.begin(), clients_.end(),
                                      [](const Client& client) { return !client.follows(); }));
  }

  // Whether a client that wants to follow may. One of a user who has few makes room among those of one who has many.
  bool Admits(const Client& newest) {
    if (Count(/*followers=*/true) < options_.max_followers) return true;
    const auto other = Greediest(/*followers=*/true);
    if (other == clients_.end()) return false;
    if (!newest.may_change() && CountOf(other->user(), /*followers=*/true) <=
                                    CountOf(newest.user(), /*followers=*/true) + 1) {
      return false;
    }
    clients_.erase(other);
    return true;
  }

  // Nobody, where the kernel does not say it.
  static uid_t UserOf(int client) {
    ucred peer{};
    socklen_t size = sizeof(peer);
    const bool known = getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    return known ? peer.uid : static_cast<uid_t>(-1);
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
  const std::function<Reply(const Request&)> answer_;
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

StatusServer::Text StatusServer::Error(absl::string_view sentence) {
  return Whole(absl::StrCat("{\"error\":\"", sentence, "\"}\n"));
}

absl::StatusOr<std::unique_ptr<StatusServer>> StatusServer::Open(
    Loop& loop, const StatusServerOptions& options, std::function<Reply(const Request&)> answer) {
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
                                      std::move(answer));
}

}  // namespace warp::control
