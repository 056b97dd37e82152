// Who gets what from `warp web`: each check of tools/web/site.h refuses alone.
#include "tools/web/site.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "dataplane/wire/crypto/keys.h"
#include "tools/web/page.h"

namespace warp::tools {
namespace {

constexpr char kToken[] = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
constexpr char kChange[] = R"({"tunnel":"office","mode":"backup"})";

struct NoStream : HttpStream {
  std::shared_ptr<const std::string> Next() override { return nullptr; }
};

class SiteTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(wire::InitCrypto().ok()); }

  Site MakeSite(bool token, bool changes = false) {
    SiteOptions options{.hosts = {"node.example"}, .allow_changes = changes};
    if (token) options.token = *Token::Of(kToken);
    return Site(
        std::move(options),
        {.view = [] { return std::make_shared<const std::string>("{\"health\":\"good\"}"); },
         .events = [] { return std::make_unique<NoStream>(); },
         .change =
             [this](const Change& change) {
               changes_.push_back(change);
               return result_;
             }});
  }

  // As a browser asks whose page is ours.
  static HttpRequest Get(const std::string& path) {
    return {.method = "GET", .path = path, .headers = {{"Host", "127.0.0.1:8116"}}, .body = ""};
  }
  static HttpRequest Post(const std::string& path, const std::string& body = "") {
    HttpRequest request{.method = "POST", .path = path, .headers = {}, .body = body};
    request.headers = {{"Host", "127.0.0.1:8116"},
                       {"Origin", "http://127.0.0.1:8116"},
                       {"Sec-Fetch-Site", "same-origin"},
                       {"X-Warp", "1"}};
    return request;
  }
  static HttpRequest With(HttpRequest request, const std::string& name, const std::string& value) {
    std::erase_if(request.headers, [&](const auto& header) { return header.first == name; });
    if (!value.empty()) request.headers.emplace_back(name, value);
    return request;
  }
  static HttpRequest Bearer(HttpRequest request, const std::string& token = kToken) {
    return With(std::move(request), "Authorization", "Bearer " + token);
  }
  static unsigned Code(const Site& site, const HttpRequest& request) {
    return site.Answer(request).code;
  }
  static std::string HeaderOf(const HttpResponse& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  std::vector<Change> changes_;
  absl::Status result_ = absl::OkStatus();
};

TEST_F(SiteTest, ThePageIsWholeAndItsPolicyStrict) {
  const HttpResponse page = MakeSite(true).Answer(Get("/"));
  EXPECT_EQ(page.code, 200u);
  EXPECT_EQ(page.type, "text/html; charset=utf-8");
  const std::string policy = HeaderOf(page, "Content-Security-Policy");
  EXPECT_TRUE(absl::StartsWith(policy, "default-src 'none'; script-src 'sha256-")) << policy;
  for (const char* unsafe : {"unsafe", "http", "*"}) {
    EXPECT_FALSE(absl::StrContains(policy, unsafe)) << policy;
  }
  // Nothing of it is elsewhere, and nothing is run that its policy does not name.
  for (const char* outside : {"<script src", "<link rel=\"stylesheet", "@import", "url(",
                              " onclick=", "innerHTML", "eval(", "style="}) {
    EXPECT_FALSE(absl::StrContains(page.body, outside)) << outside;
  }
  for (const char* name : {"X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options",
                           "Cache-Control", "Cross-Origin-Resource-Policy"}) {
    EXPECT_NE(HeaderOf(page, name), "") << name;
  }
}

TEST_F(SiteTest, WithoutATokenWhoeverReachesItMayLook) {
  const Site site = MakeSite(false);
  EXPECT_EQ(site.Answer(Get("/api/view")).body, "{\"health\":\"good\"}");
  const HttpResponse events = site.Answer(Get("/api/events"));
  EXPECT_EQ(events.type, "text/event-stream");
  EXPECT_NE(events.stream, nullptr);
  EXPECT_EQ(site.Answer(Get("/api/session")).body,
            "{\"token\":false,\"signed_in\":true,\"changes\":false}\n");
  EXPECT_EQ(Code(site, Post("/api/change", kChange)), 403u);
  EXPECT_TRUE(changes_.empty());
}

TEST_F(SiteTest, OnlyNamesThatNoStrangerCanHave) {
  const Site site = MakeSite(false);
  for (const char* host : {"127.0.0.1", "127.0.0.1:80", "[::1]:8116", "[::1]", "localhost:9",
                           "LOCALHOST", "192.0.2.7:8116", "node.example", "Node.Example:443"}) {
    EXPECT_EQ(Code(site, With(Get("/api/view"), "Host", host)), 200u) << host;
    EXPECT_EQ(Code(site, With(Get("/"), "Host", host)), 200u) << host;
  }
  for (const char* host :
       {"evil.example", "evil.example:8116", "127.0.0.1.evil.example", "localhost.evil.example",
        "node.example.evil", "127.0.0.1:8116:8116", "127.0.0.1:x", "127.0.0.1:99999", "[::1", "::1",
        ":8116", " ", "node.example@evil", "[127.0.0.1]x"}) {
    EXPECT_EQ(Code(site, With(Get("/api/view"), "Host", host)), 421u) << host;
    EXPECT_EQ(Code(site, With(Get("/"), "Host", host)), 421u) << host;
  }
  EXPECT_EQ(Code(site, With(Get("/"), "Host", "")), 421u);  // none
  HttpRequest two = Get("/");
  two.headers.emplace_back("host", "evil.example");
  EXPECT_EQ(Code(site, two), 421u);
}

TEST_F(SiteTest, OnlyWhatThereIsByItsMethod) {
  const Site site = MakeSite(false);
  for (const char* path : {"/x", "//", "/api", "/api/", "/index.html", "/../etc/passwd", "",
                           "/api/view/", "/API/VIEW"}) {
    EXPECT_EQ(Code(site, Get(path)), 404u) << path;
  }
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get", ""}) {
    HttpRequest request = Post("/api/view");
    request.method = method;
    const HttpResponse response = site.Answer(request);
    EXPECT_EQ(response.code, 405u) << method;
    EXPECT_EQ(HeaderOf(response, "Allow"), "GET, HEAD");
  }
  EXPECT_EQ(Code(site, Get("/api/change")), 405u);
  HttpRequest head = Get("/api/events");
  head.method = "HEAD";
  EXPECT_EQ(Code(site, head), 405u);
}

TEST_F(SiteTest, PagesOfOtherSitesMayNotAsk) {
  const Site site = MakeSite(false);
  for (const char* from : {"cross-site", "same-site", "nonsense"}) {
    EXPECT_EQ(Code(site, With(Get("/api/events"), "Sec-Fetch-Site", from)), 403u) << from;
  }
  EXPECT_EQ(Code(site, With(Get("/api/events"), "Sec-Fetch-Site", "none")), 200u);
  for (const char* origin : {"http://evil.example", "null", "http://127.0.0.1", "file://",
                             "http://127.0.0.1:8116.evil.example", "127.0.0.1:8116"}) {
    EXPECT_EQ(Code(site, With(Get("/api/view"), "Origin", origin)), 403u) << origin;
  }
  EXPECT_EQ(Code(site, With(Get("/api/view"), "Origin", "https://127.0.0.1:8116")), 200u);
  // Whoever follows a link to the page may see it: it has no data.
  EXPECT_EQ(Code(site, With(Get("/"), "Sec-Fetch-Site", "cross-site")), 200u);
}

TEST_F(SiteTest, WithATokenNobodyElseSeesAnything) {
  const Site site = MakeSite(true);
  for (const char* path : {"/api/view", "/api/events"}) {
    EXPECT_EQ(Code(site, Get(path)), 401u);
    EXPECT_EQ(Code(site, Bearer(Get(path), "wrong")), 401u);
    EXPECT_EQ(Code(site, Bearer(Get(path), std::string(kToken) + "x")), 401u);
    EXPECT_EQ(Code(site, With(Get(path), "Authorization", kToken)), 401u);
    EXPECT_EQ(Code(site, With(Get(path), "Authorization", "Basic " + std::string(kToken))), 401u);
    EXPECT_EQ(Code(site, Bearer(Get(path))), 200u);
    EXPECT_EQ(Code(site, With(Get(path), "Authorization", "bearer  " + std::string(kToken))), 200u);
  }
  HttpRequest twice = Bearer(Get("/api/view"));
  twice.headers.emplace_back("Authorization", "Bearer wrong");
  EXPECT_EQ(Code(site, twice), 401u);
  EXPECT_EQ(site.Answer(Get("/api/session")).body,
            "{\"token\":true,\"signed_in\":false,\"changes\":false}\n");
}

// A browser sends cookies to every port of a host, and by itself. So there is none.
TEST_F(SiteTest, NothingIsKnownByWhatABrowserSendsByItself) {
  const Site site = MakeSite(true, true);
  EXPECT_EQ(site.Answer(Bearer(Get("/api/session"))).body,
            "{\"token\":true,\"signed_in\":true,\"changes\":true}\n");
  EXPECT_EQ(HeaderOf(site.Answer(Bearer(Get("/api/session"))), "Set-Cookie"), "");
  EXPECT_EQ(Code(site, With(Get("/api/view"), "Cookie", kToken)), 401u);
  EXPECT_EQ(Code(site, With(Post("/api/change", kChange), "Cookie", kToken)), 401u);
  for (const char* path : {"/api/sign-in", "/api/sign-out"}) {
    EXPECT_EQ(Code(site, Bearer(Post(path))), 404u);
  }
  EXPECT_TRUE(changes_.empty());
}

TEST_F(SiteTest, AChangeNeedsAllOfIt) {
  const Site site = MakeSite(true, true);
  const HttpRequest good = Bearer(Post("/api/change", kChange));
  EXPECT_EQ(Code(site, With(good, "Authorization", "")), 401u);
  EXPECT_EQ(Code(site, With(good, "X-Warp", "")), 403u);
  EXPECT_EQ(Code(site, With(good, "Origin", "http://evil.example")), 403u);
  EXPECT_EQ(Code(site, With(good, "Sec-Fetch-Site", "cross-site")), 403u);
  EXPECT_EQ(Code(site, With(good, "Host", "evil.example")), 421u);
  EXPECT_EQ(Code(MakeSite(true, false), good), 403u);
  EXPECT_EQ(Code(MakeSite(false, true), good), 403u);  // never without a token
  EXPECT_TRUE(changes_.empty());
  EXPECT_EQ(Code(site, good), 200u);
  ASSERT_EQ(changes_.size(), 1u);
  EXPECT_EQ(changes_[0].tunnel, "office");
  EXPECT_EQ(changes_[0].mode, "backup");
  // A program says no origin, and needs none with the header.
  EXPECT_EQ(Code(site, With(With(good, "Origin", ""), "Sec-Fetch-Site", "")), 200u);
}

TEST_F(SiteTest, WhatIsNoChangeIsRefused) {
  const Site site = MakeSite(true, true);
  for (const std::string& body :
       {std::string(), std::string("[]"), std::string("{}"), std::string("{\"tunnel\":\"office\"}"),
        std::string("{\"tunnel\":\"office\",\"mode\":\"fast\"}"),
        std::string("{\"tunnel\":1,\"mode\":\"stripe\"}"),
        std::string("{\"link\":\"lte\",\"include\":\"no\"}"),
        std::string("{\"link\":\"lte\",\"include\":false,\"x\":1}"), std::string("\xff\x00{", 3),
        "{\"tunnel\":\"" + std::string(300, 'x') + "\",\"mode\":\"stripe\"}"}) {
    const HttpResponse response = site.Answer(Bearer(Post("/api/change", body)));
    EXPECT_EQ(response.code, 400u) << body;
    EXPECT_TRUE(absl::StartsWith(response.body, "{\"error\":\"")) << response.body;
  }
  EXPECT_EQ(Code(site, Bearer(Post("/api/change", std::string(5000, ' ')))), 413u);
  EXPECT_TRUE(changes_.empty());
}

TEST_F(SiteTest, WhatTheDaemonRefusesIsSaid) {
  const Site site = MakeSite(true, true);
  const HttpRequest good = Bearer(Post("/api/change", kChange));
  for (const auto& [status, code] :
       {std::pair{absl::InvalidArgumentError("no \"such\"\nthing"), 400u},
        std::pair{absl::NotFoundError("x"), 404u},
        std::pair{absl::PermissionDeniedError("x"), 403u},
        std::pair{absl::UnavailableError("x"), 502u}}) {
    result_ = status;
    const HttpResponse response = site.Answer(good);
    EXPECT_EQ(response.code, code);
    EXPECT_EQ(nlohmann::json::parse(response.body)["error"], std::string(status.message()));
  }
}

}  // namespace
}  // namespace warp::tools
