#include "tools/web/token.h"

#include <gtest/gtest.h>

#include "dataplane/wire/crypto/keys.h"
#include "tests/control/config/temp_dir.h"

namespace warp::tools {
namespace {

constexpr char kText[] = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
constexpr int64_t kNow = 1'800'000'000;

class TokenTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(wire::InitCrypto().ok()); }
  const Token token_ = *Token::Of(kText);
};

TEST_F(TokenTest, IsItselfAndNothingElse) {
  EXPECT_TRUE(token_.Is(kText));
  const std::string text = kText;
  for (const std::string& other : {std::string(), text.substr(1), text.substr(0, text.size() - 1),
                                   text + "=", text + '\0', "D" + text.substr(1)}) {
    EXPECT_FALSE(token_.Is(other)) << other;
  }
}

TEST_F(TokenTest, ACookieLastsForItsTimeAndUnderItsToken) {
  const std::string cookie = token_.MakeCookie(kNow);
  EXPECT_TRUE(token_.IsCookie(cookie, kNow));
  EXPECT_TRUE(token_.IsCookie(cookie, kNow + Token::kCookieSeconds - 1));
  EXPECT_FALSE(token_.IsCookie(cookie, kNow + Token::kCookieSeconds));
  EXPECT_FALSE(token_.IsCookie(cookie, kNow - 1));  // the clock went back: it would last too long
  const Token other = *Token::Of(std::string(32, 'x'));
  EXPECT_FALSE(other.IsCookie(cookie, kNow));
  EXPECT_NE(other.cookie_name(), token_.cookie_name());
}

TEST_F(TokenTest, AForgedCookieIsNone) {
  std::string cookie = token_.MakeCookie(kNow);
  EXPECT_FALSE(token_.IsCookie("9" + cookie, kNow));  // a later end
  EXPECT_FALSE(token_.IsCookie(cookie + "0", kNow));
  EXPECT_FALSE(token_.IsCookie(cookie.substr(0, 20), kNow));
  EXPECT_FALSE(token_.IsCookie(cookie + ".x", kNow));
  for (const char* text : {"", ".", "..", "x.y", "99999999999999999999.00", "-1."}) {
    EXPECT_FALSE(token_.IsCookie(text, kNow)) << text;
  }
  cookie.back() = cookie.back() == '0' ? '1' : '0';
  EXPECT_FALSE(token_.IsCookie(cookie, kNow));
}

TEST_F(TokenTest, IsLongEnoughToStayHopeless) {
  EXPECT_FALSE(Token::Of("").ok());
  EXPECT_FALSE(Token::Of(std::string(31, 'x')).ok());
  EXPECT_TRUE(Token::Of(std::string(32, 'x')).ok());
  EXPECT_FALSE(Token::Of(std::string(513, 'x')).ok());
  EXPECT_FALSE(Token::Of(std::string(32, 'x') + " y").ok());
}

TEST_F(TokenTest, ItsFileIsTheOwnersAlone) {
  TempDir dir;
  EXPECT_TRUE(Token::Load(dir.Write("good", std::string(kText) + "\n"))->Is(kText));
  const absl::StatusOr<Token> open = Token::Load(dir.Write("open", kText, 0644));
  ASSERT_FALSE(open.ok());
  EXPECT_NE(open.status().message().find("open to group or others"), std::string::npos);
  const absl::StatusOr<Token> none = Token::Load(dir.At("none"));
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.status().message().find("warp keygen"), std::string::npos);
  const absl::StatusOr<Token> empty = Token::Load(dir.Write("empty", ""));
  ASSERT_FALSE(empty.ok());
  EXPECT_NE(empty.status().message().find(dir.At("empty")), std::string::npos);
  EXPECT_FALSE(Token::Load(dir.Write("large", std::string(600, 'x'))).ok());
}

}  // namespace
}  // namespace warp::tools
