#include "control/status_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/unique_fd.h"

namespace warp::control {
namespace {

constexpr int kBacklog = 16;
constexpr size_t kAcceptsPerTurn = 4;
constexpr protocol::Duration kAcceptRetry =
    std::chrono::milliseconds(100);  // when the process is out of descriptors
constexpr int kStaleAttempts = 50;   // looks at a socket that a killed process may have left
constexpr std::chrono::milliseconds kStaleInterval{20};
constexpr mode_t kMode = 0660;
constexpr mode_t kDirectoryMode = 0755;

absl::Status Failure(const std::string& path, int error) {
  const std::string text = absl::StrCat("control socket ", path, ": ", std::strerror(error));
  return error == EACCES || error == EPERM ? absl::PermissionDeniedError(text)
                                           : absl::UnavailableError(text);
}

absl::StatusOr<sockaddr_un> Address(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return absl::InvalidArgumentError(absl::StrCat("control socket \"", path,
                                                   "\": a path has 1 to ",
                                                   sizeof(address.sun_path) - 1, " characters"));
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int Bind(int fd, const sockaddr_un& address) {
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
}

// A full queue of connections is an answer too.
bool IsAnswered(const sockaddr_un& address) {
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
         errno != ECONNREFUSED;
}

// Removes the file when it is a socket that nobody listens on. One that was killed a moment ago
// still listens, until the kernel has torn its ring down: so a second look decides.
absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat file;
  if (lstat(path.c_str(), &file) != 0)
    return errno == ENOENT ? absl::OkStatus() : Failure(path, errno);
  if (!S_ISSOCK(file.st_mode))
    return absl::AlreadyExistsError(
        absl::StrCat("control socket ", path, ": a file of that name is in the way"));
  for (int attempt = 0; IsAnswered(address); ++attempt) {
    if (attempt == kStaleAttempts) {
      return absl::AlreadyExistsError(
          absl::StrCat("control socket ", path, ": another program is listening there"));
    }
    std::this_thread::sleep_for(kStaleInterval);
  }
  if (unlink(path.c_str()) != 0) return Failure(path, errno);
  return absl::OkStatus();
}

void MakeDirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) mkdir(path.substr(0, slash).c_str(), kDirectoryMode);
}

class ServerImpl : public StatusServer {
 public:
  ServerImpl(Loop& loop, const StatusServerOptions& options, UniqueFd fd, const struct stat& file,
             std::function<std::string()> text)
      : loop_(loop),
        options_(options),
        fd_(std::move(fd)),
        device_(file.st_dev),
        inode_(file.st_ino),
        text_(std::move(text)),
        retry_(loop, [this] { Accept(); }),
        more_(loop, [this] { Accept(); }),
        watch_(loop, fd_.get(), POLLIN, [this](uint32_t) {
          if (!more_.scheduled()) Accept();
        }) {}

  ~ServerImpl() override {
    // Only our own: somebody may have replaced it.
    struct stat file;
    if (lstat(options_.path.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_)
      unlink(options_.path.c_str());
  }

 private:
  class Client {
   public:
    Client(ServerImpl& server, UniqueFd fd, std::string text)
        : server_(server),
          fd_(std::move(fd)),
          text_(std::move(text)),
          patience_(server.loop_, [this] { server_.Remove(this); }),
          watch_(server.loop_, fd_.get(), POLLOUT, [this](uint32_t) { Write(); }) {
      patience_.Set(server.options_.patience);
    }
    const Client* id() const { return this; }

   private:
    void Write() {
      while (written_ < text_.size()) {
        const ssize_t size = send(fd_.get(), text_.data() + written_, text_.size() - written_,
                                  MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EAGAIN) return;
        if (size < 0) return server_.Remove(this);
        written_ += static_cast<size_t>(size);
      }
      Drain();
      // The end of the text must not wait for the ring to let go of the socket.
      shutdown(fd_.get(), SHUT_RDWR);
      server_.Remove(this);
    }

    // What the client sent is of no interest, but left unread it would turn the end of our text into an error.
    void Drain() {
      char nothing[4096];
      for (int i = 0; i < 16 && recv(fd_.get(), nothing, sizeof(nothing), MSG_DONTWAIT) > 0; ++i) {
      }
    }

    ServerImpl& server_;
    const UniqueFd fd_;
    const std::string text_;
    size_t written_ = 0;
    Timer patience_;
    const Watch watch_;
  };

  void Accept() {
    for (size_t i = 0; i < kAcceptsPerTurn; ++i) {
      UniqueFd client(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
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

  void Remove(const Client* client) {
    clients_.remove_if([client](const Client& c) { return c.id() == client; });
  }

  Loop& loop_;
  const StatusServerOptions options_;
  const UniqueFd fd_;
  const dev_t device_;
  const ino_t inode_;
  const std::function<std::string()> text_;
  std::list<Client> clients_;  // oldest first
  Timer retry_;
  Task more_;
  const Watch watch_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StatusServer>> StatusServer::Create(
    Loop& loop, const StatusServerOptions& options, std::function<std::string()> text) {
  const absl::StatusOr<sockaddr_un> address = Address(options.path);
  if (!address.ok()) return address.status();
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Failure(options.path, errno);
  // The file gets the socket's mode, less the umask: it is never wider than in the end, not even for a moment.
  fchmod(fd.get(), kMode);
  MakeDirectoryOf(options.path);
  int error = Bind(fd.get(), *address);
  if (error == EADDRINUSE) {
    if (absl::Status status = RemoveStale(options.path, *address); !status.ok()) return status;
    error = Bind(fd.get(), *address);
  }
  if (error != 0) return Failure(options.path, error);
  struct stat file;
  if (chmod(options.path.c_str(), kMode) != 0 || lstat(options.path.c_str(), &file) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    error = errno;
    unlink(options.path.c_str());
    return Failure(options.path, error);
  }
  return std::make_unique<ServerImpl>(loop, options, std::move(fd), file, std::move(text));
}

}  // namespace warp::control
