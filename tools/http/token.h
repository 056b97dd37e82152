// The secret that opens what is served. It is said with each request, in the header Authorization, and a browser sends
// it to no other place: unlike a cookie, which goes to every port of a host, whoever's program serves there. Nothing
// that is compared tells by its time how much of it was right.
#ifndef WARP_TOOLS_HTTP_TOKEN_H_
#define WARP_TOOLS_HTTP_TOKEN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/http/http_message.h"

namespace warp::tools {

class Token {
 public:
  // Guesses over the network stay hopeless, so that nobody has to be locked out.
  static constexpr size_t kLeast = 32;  // characters
  static constexpr size_t kMost = 512;

  // The file's only line. Its owner alone may read it, as with keys. Errors name the file and say how to make one.
  static absl::StatusOr<Token> Load(const std::string& file);
  // InvalidArgument unless it has kLeast to kMost printable characters of ASCII without spaces.
  static absl::StatusOr<Token> Of(absl::string_view text);
  // A text for a new one, which nobody can guess.
  static std::string MakeText();

  bool Is(absl::string_view text) const;
  // Whether the request says it: Authorization: Bearer TOKEN (RFC 6750), once.
  bool Opens(const HttpRequest& request) const;

 private:
  Token() = default;
  std::array<uint8_t, 32> digest_{};
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_HTTP_TOKEN_H_
