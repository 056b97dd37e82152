#include "tools/web/site.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "control/config/text/problems.h"
#include "dataplane/wire/endpoint.h"
#include "tools/web/page.h"

namespace warp::tools {
namespace {

constexpr char kJson[] = "application/json";

// What there is. Everything but the page is data of this node, or changes it.
enum class Place { kPage, kSession, kView, kEvents, kChange };

struct Route {
  absl::string_view path;
  bool post;
  Place place;
};

constexpr std::array<Route, 5> kRoutes = {{
    {"/", false, Place::kPage},
    {"/api/session", false, Place::kSession},
    {"/api/view", false, Place::kView},
    {"/api/events", false, Place::kEvents},
    {"/api/change", true, Place::kChange},
}};

const Route* RouteOf(absl::string_view path) {
  const auto* const found = std::find_if(kRoutes.begin(), kRoutes.end(),
                                         [&](const Route& route) { return route.path == path; });
  return found == kRoutes.end() ? nullptr : found;
}

// Headers of every answer. Nothing is kept by anybody on the way, and nothing is guessed.
HttpHeaders Careful(HttpHeaders more = {}) {
  HttpHeaders headers = {{"Cache-Control", "no-store"},
                         {"X-Content-Type-Options", "nosniff"},
                         {"Referrer-Policy", "no-referrer"},
                         {"Cross-Origin-Resource-Policy", "same-origin"},
                         {"Cross-Origin-Opener-Policy", "same-origin"},
                         {"X-Frame-Options", "DENY"}};
  for (auto& header : more) headers.push_back(std::move(header));
  return headers;
}

HttpResponse Say(unsigned code, const std::string& json, HttpHeaders more = {}) {
  return {.code = code, .body = json, .type = kJson, .headers = Careful(std::move(more))};
}

HttpResponse Fail(unsigned code, absl::string_view why, HttpHeaders more = {}) {
  return Say(code, ErrorJson(why), std::move(more));
}

unsigned CodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    default:
      return 502;  // the daemon does not answer, or not as it should
  }
}

// "192.0.2.1:80", "[::1]:80", "name:80" and each without a port. Empty: it is none of them.
absl::string_view NameOf(absl::string_view host) {
  const size_t bracket = absl::StartsWith(host, "[") ? host.find(']') : 0;
  if (bracket == absl::string_view::npos) return "";
  const size_t colon = host.find(':', bracket);
  if (colon != absl::string_view::npos) {
    uint32_t port = 0;
    if (!absl::SimpleAtoi(host.substr(colon + 1), &port) || port > 65535) return "";
    host = host.substr(0, colon);
  }
  return host;
}

bool IsAddress(absl::string_view name) {
  if (absl::ConsumePrefix(&name, "[") && !absl::ConsumeSuffix(&name, "]")) return false;
  return wire::IpAddress::Parse(name).ok();
}

// Whether the request comes of a page that is not ours, as far as the browser says. Other programs say nothing.
bool IsForeign(const HttpRequest& request) {
  const absl::string_view site = request.Header("Sec-Fetch-Site");
  if (!site.empty() && site != "same-origin" && site != "none") return true;
  if (request.Count("Origin") == 0) return false;
  absl::string_view origin = request.Header("Origin");
  if (!absl::ConsumePrefix(&origin, "http://") && !absl::ConsumePrefix(&origin, "https://")) {
    return true;
  }
  return !absl::EqualsIgnoreCase(origin, request.Header("Host"));
}

}  // namespace

Site::Site(SiteOptions options, Content content)
    : options_(std::move(options)), content_(std::move(content)) {}

bool Site::IsOurs(absl::string_view host) const {
  const absl::string_view name = NameOf(host);
  if (name.empty()) return false;
  if (absl::EqualsIgnoreCase(name, "localhost") || IsAddress(name)) return true;
  return std::any_of(options_.hosts.begin(), options_.hosts.end(), [&](const std::string& allowed) {
    return absl::EqualsIgnoreCase(allowed, name);
  });
}

bool Site::MayLook(const HttpRequest& request) const {
  return !options_.token || options_.token->Opens(request);
}

std::optional<HttpResponse> Site::Refuse(const HttpRequest& request) const {
  if (request.Count("Host") != 1 || !IsOurs(request.Header("Host"))) {
    return Fail(421, "this page is not served under that name: warp web --host NAME allows one");
  }
  const Route* const route = RouteOf(request.path);
  if (route == nullptr) return Fail(404, "there is nothing here: the page is at /");
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (route->post ? request.method != "POST" : !reads) {
    const char* const allow = route->post ? "POST" : "GET, HEAD";
    return Fail(405, absl::StrCat("this is asked for by ", allow), {{"Allow", allow}});
  }
  if (route->place == Place::kPage) return std::nullopt;
  if (IsForeign(request)) return Fail(403, "pages of other sites may not ask");
  if (route->post && request.Header("X-Warp").empty()) {
    return Fail(403, "the header X-Warp is missing, which pages of other sites cannot send");
  }
  if (route->place == Place::kSession) return std::nullopt;
  if (!MayLook(request)) {
    return Fail(401, "the token is missing or wrong", {{"WWW-Authenticate", "Bearer"}});
  }
  if (route->place != Place::kChange) return std::nullopt;
  if (!options_.allow_changes || !options_.token) {
    return Fail(403, "nothing can be changed here: warp web was started without --allow-changes");
  }
  return std::nullopt;
}

HttpResponse Site::Answer(const HttpRequest& request) const {
  if (std::optional<HttpResponse> refusal = Refuse(request)) return *std::move(refusal);
  switch (RouteOf(request.path)->place) {
    case Place::kPage:
      return Page();
    case Place::kSession:
      return Session(request);
    case Place::kView:
      return Say(200, *content_.view());
    case Place::kEvents: {
      if (request.method == "HEAD") return Fail(405, "events are read by GET", {{"Allow", "GET"}});
      HttpResponse response = Say(200, "");
      response.type = "text/event-stream";
      response.stream = content_.events();
      return response;
    }
    case Place::kChange:
      break;
  }
  return MakeChange(request);
}

HttpResponse Site::Page() const {
  return {.code = 200,
          .body = std::string(PageText()),
          .type = "text/html; charset=utf-8",
          .headers = Careful({{"Content-Security-Policy", PagePolicy()}})};
}

HttpResponse Site::Session(const HttpRequest& request) const {
  const auto word = [](bool is) { return is ? "true" : "false"; };
  return Say(200, absl::StrCat("{\"token\":", word(options_.token.has_value()),
                               ",\"signed_in\":", word(MayLook(request)), ",\"changes\":",
                               word(options_.allow_changes && options_.token.has_value()), "}\n"));
}

HttpResponse Site::MakeChange(const HttpRequest& request) const {
  if (request.body.size() > kMaxChangeSize) return Fail(413, "the request is too large");
  const absl::StatusOr<Change> change = ReadChange(request.body);
  if (!change.ok()) return Fail(400, change.status().message());
  const absl::Status status = content_.change(*change);
  if (!status.ok()) return Fail(CodeOf(status), status.message());
  return Say(200, "{}\n");
}

}  // namespace warp::tools
