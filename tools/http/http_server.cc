#include "tools/http/http_server.h"

#include <microhttpd.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace warp::tools {
namespace {

using std::chrono::steady_clock;

constexpr unsigned kSilentSeconds = 10;  // after which a connection ends on which nothing moves
constexpr int kLookMs = 500;     // how often it is looked for connections whose time is over
constexpr unsigned kSpare = 16;  // connections that are being ended for others
constexpr size_t kStreamBlock = size_t{1} << 15;

class ServerImpl;

// What there is of a connection besides libmicrohttpd's part. Thread of the server.
struct Connection {
  ServerImpl* server = nullptr;
  MHD_Connection* handle = nullptr;
  int fd = -1;
  steady_clock::time_point due;  // when it is ended
  HttpRequest request;
  bool begun = false;  // the head of the request is there
  bool ended = false;  // for another one
  std::unique_ptr<HttpStream> stream;
  std::shared_ptr<const std::string> part;  // of the stream, which is being sent
  size_t sent = 0;                          // bytes of it
  bool waits = false;                       // suspended until there is another part
};

class ServerImpl : public HttpServer {
 public:
  ServerImpl(os::UniqueFd listening, const HttpLimits& limits, Answer answer)
      : listening_(std::move(listening)), limits_(limits), answer_(std::move(answer)) {}

  ~ServerImpl() override {
    if (thread_.joinable()) {
      stopping_ = true;
      Wake();
      thread_.join();
    }
    if (daemon_ == nullptr) return;
    (void)MHD_quiesce_daemon(daemon_);  // else it would close the socket, which is ours
    MHD_stop_daemon(daemon_);
  }

  absl::Status Start() {
    const absl::Status failed = absl::UnavailableError("the HTTP server does not start");
    wake_ = os::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    daemon_ = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr, &ServerImpl::Handle, this,
        MHD_OPTION_LISTEN_SOCKET, listening_.get(), MHD_OPTION_CONNECTION_LIMIT,
        limits_.connections + kSpare, MHD_OPTION_CONNECTION_TIMEOUT, kSilentSeconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, limits_.head, MHD_OPTION_NOTIFY_CONNECTION,
        &ServerImpl::Notify, this, MHD_OPTION_END);
    if (!wake_ || daemon_ == nullptr) return failed;
    const MHD_DaemonInfo* const info = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == nullptr) return failed;
    epoll_ = info->epoll_fd;
    thread_ = std::thread([this] { Run(); });
    return absl::OkStatus();
  }

  void Wake() override {
    const uint64_t one = 1;
    (void)!write(wake_.get(), &one, sizeof(one));
  }

 private:
  void Run() {
    while (!stopping_) {
      MHD_UNSIGNED_LONG_LONG wait = kLookMs;
      if (MHD_get_timeout(daemon_, &wait) != MHD_YES) wait = kLookMs;
      pollfd waiting[] = {{.fd = epoll_, .events = POLLIN, .revents = 0},
                          {.fd = wake_.get(), .events = POLLIN, .revents = 0}};
      poll(waiting, 2, static_cast<int>(std::min<uint64_t>(wait, kLookMs)));
      uint64_t count = 0;
      if (read(wake_.get(), &count, sizeof(count)) > 0) Resume();
      MHD_run(daemon_);
      EndOverdue();
    }
    Resume();
  }

  void Resume() {
    for (auto& [handle, connection] : connections_) {
      if (std::exchange(connection->waits, false)) MHD_resume_connection(handle);
    }
  }

  // Whoever has said nothing yet gives way to who comes after him: the oldest first, so that a crowd that hangs keeps
  // nobody out.
  void MakeRoom() {
    if (connections_.size() < limits_.connections) return;
    Connection* oldest = nullptr;
    for (auto& [handle, connection] : connections_) {
      if (connection->begun || connection->ended) continue;
      if (oldest == nullptr || connection->due < oldest->due) oldest = connection.get();
    }
    if (oldest == nullptr) return;
    oldest->ended = true;
    shutdown(oldest->fd, SHUT_RDWR);
  }

  // A connection that was shut down is at its end for libmicrohttpd, which then closes it.
  void EndOverdue() {
    const steady_clock::time_point now = steady_clock::now();
    for (auto& [handle, connection] : connections_) {
      if (now < connection->due) continue;
      shutdown(connection->fd, SHUT_RDWR);
      if (std::exchange(connection->waits, false)) MHD_resume_connection(handle);
    }
  }

  static void Notify(void* self, MHD_Connection* handle, void**,
                     MHD_ConnectionNotificationCode code) {
    ServerImpl& server = *static_cast<ServerImpl*>(self);
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
      server.connections_.erase(handle);
      return;
    }
    server.MakeRoom();
    auto connection = std::make_unique<Connection>();
    connection->server = &server;
    connection->handle = handle;
    connection->due = steady_clock::now() + server.limits_.time;
    const MHD_ConnectionInfo* const info =
        MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != nullptr) connection->fd = info->connect_fd;
    server.connections_[handle] = std::move(connection);
  }

  static MHD_Result AddHeader(void* request, MHD_ValueKind, const char* key, const char* value) {
    static_cast<HttpRequest*>(request)->headers.emplace_back(key, value == nullptr ? "" : value);
    return MHD_YES;
  }

  // libmicrohttpd calls this with the head of a request, then with each piece of its body, and with its end.
  static MHD_Result Handle(void* self, MHD_Connection* handle, const char* path, const char* method,
                           const char*, const char* data, size_t* size, void**) {
    ServerImpl& server = *static_cast<ServerImpl*>(self);
    const auto found = server.connections_.find(handle);
    if (found == server.connections_.end()) return MHD_NO;
    Connection& connection = *found->second;
    if (!std::exchange(connection.begun, true)) {
      connection.request.method = method;
      connection.request.path = path;
      MHD_get_connection_values(handle, MHD_HEADER_KIND, &ServerImpl::AddHeader,
                                &connection.request);
      return server.MayComeIn(connection) ? MHD_YES : server.Respond(connection, server.TooLarge());
    }
    if (*size > 0) {
      if (connection.request.body.size() + *size > server.limits_.body) return MHD_NO;
      connection.request.body.append(data, *size);
      *size = 0;
      return MHD_YES;
    }
    return server.Respond(connection, server.answer_(connection.request));
  }

  // A body whose length nobody says beforehand would have to be read to learn that it is too long.
  bool MayComeIn(const Connection& connection) const {
    const HttpRequest& request = connection.request;
    if (request.Count("Transfer-Encoding") > 0) return false;
    if (request.Count("Content-Length") == 0) return true;
    uint64_t length = 0;
    return absl::SimpleAtoi(request.Header("Content-Length"), &length) && length <= limits_.body;
  }

  HttpResponse TooLarge() const {
    HttpResponse response;
    response.code = MHD_HTTP_CONTENT_TOO_LARGE;
    response.body = "the request is too large, or does not say how large it is\n";
    return response;
  }

  MHD_Result Respond(Connection& connection, HttpResponse answer) {
    if (answer.stream != nullptr && Streams() >= limits_.streams) {
      answer.stream.reset();
      answer.code = MHD_HTTP_SERVICE_UNAVAILABLE;
      answer.type = HttpResponse().type;
      answer.body = "too many others are watching\n";
    }
    connection.stream = std::move(answer.stream);
    MHD_Response* response = nullptr;
    if (connection.stream != nullptr) {
      connection.due = steady_clock::now() + limits_.stream_age;
      response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kStreamBlock,
                                                   &ServerImpl::Read, &connection, nullptr);
    } else {
      response = MHD_create_response_from_buffer(answer.body.size(), answer.body.data(),
                                                 MHD_RESPMEM_MUST_COPY);
    }
    if (response == nullptr) return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type.c_str());
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    for (const auto& [name, value] : answer.headers) {
      MHD_add_response_header(response, name.c_str(), value.c_str());
    }
    const MHD_Result result = MHD_queue_response(connection.handle, answer.code, response);
    MHD_destroy_response(response);
    return result;
  }

  unsigned Streams() const {
    return static_cast<unsigned>(
        std::count_if(connections_.begin(), connections_.end(),
                      [](const auto& entry) { return entry.second->stream != nullptr; }));
  }

  static ssize_t Read(void* cls, uint64_t, char* to, size_t room) {
    Connection& connection = *static_cast<Connection*>(cls);
    if (connection.server->stopping_) return MHD_CONTENT_READER_END_OF_STREAM;
    if (connection.part == nullptr || connection.sent == connection.part->size()) {
      connection.part = connection.stream->Next();
      connection.sent = 0;
    }
    if (connection.part == nullptr || connection.part->empty()) {
      connection.waits = true;
      MHD_suspend_connection(connection.handle);
      return 0;
    }
    const size_t count = std::min(room, connection.part->size() - connection.sent);
    std::memcpy(to, connection.part->data() + connection.sent, count);
    connection.sent += count;
    return static_cast<ssize_t>(count);
  }

  const os::UniqueFd listening_;
  const HttpLimits limits_;
  const Answer answer_;
  os::UniqueFd wake_;
  int epoll_ = -1;  // libmicrohttpd's
  MHD_Daemon* daemon_ = nullptr;
  absl::flat_hash_map<MHD_Connection*, std::unique_ptr<Connection>> connections_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Open(os::UniqueFd listening,
                                                             const HttpLimits& limits,
                                                             Answer answer) {
  auto server = std::make_unique<ServerImpl>(std::move(listening), limits, std::move(answer));
  if (absl::Status status = server->Start(); !status.ok()) return status;
  return server;
}

}  // namespace warp::tools
