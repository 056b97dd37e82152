// What `warp web` answers to each request: the page, what it shows, and the few changes that it may make. It has no
// sockets and no clock, so that a test or a fuzzer can say anything to it.
//
// Who asks may be anybody: a stranger who reaches the address, and any page in the browser of somebody who may look.
// Each request passes these checks in order, and the first that fails answers it:
//
//   1. The name that it was sent to (Host) is an address, `localhost` or a name that was allowed. A page of a stranger
//      whose name was made to lead here (DNS rebinding) comes with another name.
//   2. It asks for something that there is, by a method that it has.
//   3. No other site's page has sent it (Origin, Sec-Fetch-Site).
//   4. It has the token, where there is one. The page itself, which says nothing of this node, needs none; it keeps the
//      token for as long as its tab is open, and no browser sends it by itself (token.h).
//   5. A change has the header X-Warp, which forms of other sites cannot send, and changes are allowed.
#ifndef WARP_TOOLS_WEB_SITE_H_
#define WARP_TOOLS_WEB_SITE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tools/http/http_message.h"
#include "tools/http/token.h"
#include "tools/web/change.h"

namespace warp::tools {

// Bytes of a request's body. A change has two names.
inline constexpr size_t kMaxChangeSize = 4096;

struct SiteOptions {
  std::vector<std::string> hosts;  // names besides addresses and localhost, without a port
  bool allow_changes = false;      // needs a token
  std::optional<Token> token;
};

class Site {
 public:
  struct Content {
    std::function<std::shared_ptr<const std::string>()> view;  // what is shown now, as JSON
    std::function<std::unique_ptr<HttpStream>()> events;       // the same again and again
    std::function<absl::Status(const Change&)> change;
  };

  Site(SiteOptions options, Content content);

  HttpResponse Answer(const HttpRequest& request) const;

 private:
  std::optional<HttpResponse> Refuse(const HttpRequest& request) const;
  bool MayLook(const HttpRequest& request) const;
  bool IsOurs(absl::string_view host) const;
  HttpResponse Page() const;
  HttpResponse Session(const HttpRequest& request) const;
  HttpResponse MakeChange(const HttpRequest& request) const;

  const SiteOptions options_;
  const Content content_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_WEB_SITE_H_
