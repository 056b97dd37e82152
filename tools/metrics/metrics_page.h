// The one page of `warp metrics`: GET and HEAD of /metrics, and nothing else.
#ifndef WARP_TOOLS_METRICS_METRICS_PAGE_H_
#define WARP_TOOLS_METRICS_METRICS_PAGE_H_

#include <chrono>
#include <functional>
#include <string>

#include "tools/http/http_message.h"
#include "tools/http/token.h"

namespace warp::tools {

// Prometheus says how long it waits for an answer, which is due before that: within `patience`.
using MakeMetrics = std::function<std::string(std::chrono::milliseconds patience)>;

// `token`: whoever does not say it is answered 401; null: nobody has to.
HttpResponse AnswerMetrics(const HttpRequest& request, const Token* token, const MakeMetrics& make);

}  // namespace warp::tools

#endif  // WARP_TOOLS_METRICS_METRICS_PAGE_H_
