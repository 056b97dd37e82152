#include "tools/metrics/http_server.h"

#include <microhttpd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace warp::tools {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kMaxConnections = 32;
constexpr unsigned kConnectionSeconds = 10;  // of silence
constexpr milliseconds kPatience(5000);      // where the client names no time
constexpr char kTextFormat[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kPlain[] = "text/plain; charset=utf-8";

// Prometheus says how long it waits. A tenth of that is left for the way.
milliseconds PatienceOf(MHD_Connection* connection) {
  const char* const text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                       "X-Prometheus-Scrape-Timeout-Seconds");
  double seconds = 0;
  if (text == nullptr || !absl::SimpleAtod(text, &seconds) || !(seconds > 0)) return kPatience;
  const double bounded = std::min(seconds * 900, static_cast<double>(kPatience.count()));
  return milliseconds(static_cast<int64_t>(std::max(bounded, 1.0)));
}

MHD_Result Respond(MHD_Connection* connection, unsigned code, std::string text, const char* type) {
  MHD_Response* const response =
      MHD_create_response_from_buffer(text.size(), text.data(), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  if (code == MHD_HTTP_METHOD_NOT_ALLOWED) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  }
  const MHD_Result result = MHD_queue_response(connection, code, response);
  MHD_destroy_response(response);
  return result;
}

class ServerImpl : public HttpServer {
 public:
  ServerImpl(os::UniqueFd listening, Answer answer)
      : listening_(std::move(listening)), answer_(std::move(answer)) {}
  ~ServerImpl() override {
    if (daemon_ == nullptr) return;
    (void)MHD_quiesce_daemon(daemon_);  // else it would close the socket, which is ours
    MHD_stop_daemon(daemon_);
  }

  bool Start() {
    daemon_ = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ITC, 0, nullptr, nullptr,
                               &ServerImpl::Handle, this, MHD_OPTION_LISTEN_SOCKET,
                               listening_.get(), MHD_OPTION_CONNECTION_LIMIT, kMaxConnections,
                               MHD_OPTION_CONNECTION_TIMEOUT, kConnectionSeconds, MHD_OPTION_END);
    return daemon_ != nullptr;
  }

 private:
  // libmicrohttpd calls this once with the head of a request and again with its end, and keeps `*context` in between.
  static MHD_Result Handle(void* self, MHD_Connection* connection, const char* url,
                           const char* method, const char*, const char*, size_t*, void** context) {
    const absl::string_view verb = method;
    if (verb != MHD_HTTP_METHOD_GET && verb != MHD_HTTP_METHOD_HEAD) {
      return Respond(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "metrics are read by GET\n", kPlain);
    }
    if (*context == nullptr) {
      *context = self;
      return MHD_YES;
    }
    if (absl::string_view(url) != "/metrics") {
      return Respond(connection, MHD_HTTP_NOT_FOUND, "metrics are at /metrics\n", kPlain);
    }
    return Respond(connection, MHD_HTTP_OK,
                   static_cast<ServerImpl*>(self)->answer_(PatienceOf(connection)), kTextFormat);
  }

  const os::UniqueFd listening_;
  const Answer answer_;
  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Open(os::UniqueFd listening,
                                                             Answer answer) {
  auto server = std::make_unique<ServerImpl>(std::move(listening), std::move(answer));
  if (!server->Start()) return absl::UnavailableError("the HTTP server does not start");
  return server;
}

}  // namespace warp::tools
