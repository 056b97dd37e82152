// A request of HTTP and its answer, as those see them who answer.
#ifndef WARP_TOOLS_HTTP_HTTP_MESSAGE_H_
#define WARP_TOOLS_HTTP_HTTP_MESSAGE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace warp::tools {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// Any bytes that a stranger may have sent.
struct HttpRequest {
  std::string method;  // GET
  std::string path;    // decoded, without what follows a question mark
  HttpHeaders headers;
  std::string body;

  // How often the header is there. Its name is written in any case.
  size_t Count(absl::string_view name) const {
    size_t count = 0;
    for (const auto& [key, value] : headers) count += absl::EqualsIgnoreCase(key, name) ? 1 : 0;
    return count;
  }
  // The value of the first one; empty: there is none, or it is empty.
  absl::string_view Header(absl::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (absl::EqualsIgnoreCase(key, name)) return value;
    }
    return "";
  }
};

// An answer that goes on for as long as its client reads it.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  // The next part; null: nothing for now. Called again when the client has read the part before, or after
  // HttpServer::Wake. Thread of the server.
  virtual std::shared_ptr<const std::string> Next() = 0;
};

struct HttpResponse {
  unsigned code = 200;
  std::string body;
  std::string type = "text/plain; charset=utf-8";
  HttpHeaders headers;                 // besides Content-Type
  std::unique_ptr<HttpStream> stream;  // instead of a body
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_HTTP_HTTP_MESSAGE_H_
