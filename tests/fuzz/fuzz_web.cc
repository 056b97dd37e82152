// Says anything to the page of `warp web` as a request, with and without what opens it. Whatever it is, nobody without
// the token sees or changes anything, no name reaches a request to the daemon that is not one of its own, and every
// answer is one that a browser is safe with.
//
// An input is a method, a path, header lines up to an empty one, and a body, each in a line of its own, as on the wire.
#include <sodium.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/fuzz/fuzz_target.h"
#include "tools/web/site.h"

using namespace warp::tools;

namespace {

constexpr char kToken[] = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";

struct NoStream : HttpStream {
  std::shared_ptr<const std::string> Next() override { return nullptr; }
};

HttpRequest Parse(absl::string_view text) {
  HttpRequest request;
  const auto line = [&text] {
    const size_t end = text.find('\n');
    const absl::string_view first = text.substr(0, end);
    text = end == absl::string_view::npos ? "" : text.substr(end + 1);
    return std::string(first);
  };
  request.method = line();
  request.path = line();
  while (!text.empty()) {
    const std::string header = line();
    if (header.empty()) break;
    const std::vector<std::string> parts = absl::StrSplit(header, absl::MaxSplits(": ", 1));
    request.headers.emplace_back(parts[0], parts.size() > 1 ? parts[1] : "");
  }
  request.body = std::string(text);
  return request;
}

void CheckChange(const Change& change) {
  const std::vector<LinkName> links = {{"fibre", ""}, {"wwan0", "wwan*"}};
  const std::vector<TunnelPaths> tunnels = {{"office", "all"}, {"cam", "wwan*>192.0.2.0/24"}};
  const auto requests = RequestsOf(change, links, tunnels);
  if (!requests.ok()) return;
  for (const std::string& request : *requests) WARP_FUZZ_CHECK(MayAsk(request, true));
}

// `opened`: the request has the token.
void Check(const HttpRequest& request, bool token, bool opened) {
  bool looked = false, changed = false;
  SiteOptions options{.hosts = {"node.example"}, .allow_changes = true};
  if (token) options.token = *Token::Of(kToken);
  const Site site(std::move(options), {.view =
                                           [&] {
                                             looked = true;
                                             return std::make_shared<const std::string>("{}");
                                           },
                                       .events =
                                           [&] {
                                             looked = true;
                                             return std::make_unique<NoStream>();
                                           },
                                       .change =
                                           [&](const Change& change) {
                                             changed = true;
                                             CheckChange(change);
                                             return absl::OkStatus();
                                           }});
  const HttpResponse response = site.Answer(request);
  WARP_FUZZ_CHECK(response.code >= 200 && response.code < 600);
  WARP_FUZZ_CHECK(!changed || (token && opened));
  WARP_FUZZ_CHECK(!looked || !token || opened);
  if (response.code != 200) WARP_FUZZ_CHECK(!looked);
  for (const auto& [name, value] : response.headers) {
    WARP_FUZZ_CHECK(name.find_first_of("\r\n") == std::string::npos);
    WARP_FUZZ_CHECK(value.find_first_of("\r\n") == std::string::npos);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (sodium_init() < 0) return 0;
  HttpRequest request = Parse({reinterpret_cast<const char*>(data), size});
  // An input that has guessed the token does not count.
  const bool opened = absl::string_view(reinterpret_cast<const char*>(data), size).find(kToken) !=
                      absl::string_view::npos;
  Check(request, /*token=*/false, opened);
  Check(request, /*token=*/true, opened);
  request.headers.emplace_back("Authorization", std::string("Bearer ") + kToken);
  Check(request, /*token=*/true, /*opened=*/true);
  return 0;
}
