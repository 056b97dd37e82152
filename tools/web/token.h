// The secret that opens `warp web`, and the cookie that stands for it in a browser. Nothing that is compared tells by
// its time how much of it was right.
#ifndef WARP_TOOLS_WEB_TOKEN_H_
#define WARP_TOOLS_WEB_TOKEN_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace warp::tools {

class Token {
 public:
  // Guesses over the network stay hopeless, so that nobody has to be locked out.
  static constexpr size_t kLeast = 32;  // characters
  static constexpr size_t kMost = 512;
  static constexpr int64_t kCookieSeconds = 12 * 3600;

  // The file's only line. Its owner alone may read it, as with keys. Errors name the file and say how to make one.
  static absl::StatusOr<Token> Load(const std::string& file);
  // InvalidArgument unless it has kLeast to kMost printable characters of ASCII without spaces.
  static absl::StatusOr<Token> Of(absl::string_view text);

  bool Is(absl::string_view text) const;

  // Cookies of different tokens have different names: one host may have several of these pages, at ports that cookies
  // do not tell apart.
  const std::string& cookie_name() const { return cookie_name_; }
  // `now`: seconds since 1970. What is made is valid for kCookieSeconds, and not under another token.
  std::string MakeCookie(int64_t now) const;
  bool IsCookie(absl::string_view text, int64_t now) const;

 private:
  using Digest = std::array<uint8_t, 32>;

  Token() = default;
  Digest Of(absl::string_view purpose, absl::string_view text) const;

  Digest key_{};
  std::string cookie_name_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_WEB_TOKEN_H_
