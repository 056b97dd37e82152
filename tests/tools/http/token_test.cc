#include "tools/http/token.h"

#include <gtest/gtest.h>

#include "dataplane/wire/crypto/keys.h"
#include "tests/control/config/temp_dir.h"

namespace warp::tools {
namespace {

constexpr char kText[] = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";

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

TEST_F(TokenTest, NewOnesDiffer) {
  const std::string one = Token::MakeText(), other = Token::MakeText();
  EXPECT_TRUE(Token::Of(one)->Is(one));
  EXPECT_FALSE(Token::Of(one)->Is(other));
}

TEST_F(TokenTest, IsSaidOnce) {
  HttpRequest request{.method = "GET", .path = "/", .headers = {}, .body = ""};
  EXPECT_FALSE(token_.Opens(request));
  request.headers = {{"authorization", std::string("bearer ") + kText}};
  EXPECT_TRUE(token_.Opens(request));
  request.headers.push_back(request.headers.front());
  EXPECT_FALSE(token_.Opens(request));
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
