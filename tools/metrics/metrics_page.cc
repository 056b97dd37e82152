#include "tools/metrics/metrics_page.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/numbers.h"

namespace warp::tools {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience(5000);  // where the client names no time

// Prometheus says how long it waits. A tenth of that is left for the way.
milliseconds PatienceOf(const HttpRequest& request) {
  double seconds = 0;
  if (!absl::SimpleAtod(request.Header("X-Prometheus-Scrape-Timeout-Seconds"), &seconds) ||
      !(seconds > 0)) {
    return kPatience;
  }
  const double bounded = std::min(seconds * 900, static_cast<double>(kPatience.count()));
  return milliseconds(static_cast<int64_t>(std::max(bounded, 1.0)));
}

}  // namespace

HttpResponse AnswerMetrics(const HttpRequest& request, const Token* token,
                           const MakeMetrics& make) {
  HttpResponse response;
  if (request.method != "GET" && request.method != "HEAD") {
    response.code = 405;
    response.headers = {{"Allow", "GET, HEAD"}};
    response.body = "metrics are read by GET\n";
  } else if (request.path != "/metrics") {
    response.code = 404;
    response.body = "metrics are at /metrics\n";
  } else if (token != nullptr && !token->Opens(request)) {
    response.code = 401;
    response.headers = {{"WWW-Authenticate", "Bearer"}};
    response.body = "the token is missing or wrong\n";
  } else {
    response.type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = make(PatienceOf(request));
  }
  return response;
}

}  // namespace warp::tools
