#include "tools/http/token.h"

#include <sodium.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "control/config/file/regular_file.h"

namespace warp::tools {
namespace {

std::array<uint8_t, 32> DigestOf(absl::string_view text) {
  std::array<uint8_t, 32> digest;
  crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const uint8_t*>(text.data()),
                     text.size(), nullptr, 0);
  return digest;
}

}  // namespace

absl::StatusOr<Token> Token::Of(absl::string_view text) {
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
  if (text.size() < kLeast || text.size() > kMost || !printable) {
    return absl::InvalidArgumentError(
        absl::StrCat("a token has ", kLeast, " to ", kMost,
                     " characters without spaces, such as `warp keygen` writes"));
  }
  Token token;
  token.digest_ = DigestOf(text);
  return token;
}

std::string Token::MakeText() {
  std::array<char, 32> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  return absl::BytesToHexString({bytes.data(), bytes.size()});
}

absl::StatusOr<Token> Token::Load(const std::string& file) {
  constexpr size_t kMostBytes = kMost + 2;
  const absl::StatusOr<std::string> text =
      config::ReadRegularFile(file, kMostBytes, config::Readers::kOwnerAlone);
  if (!text.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        file, " ", text.status().message(), "; make one: (umask 077; warp keygen > ", file, ")"));
  }
  absl::StatusOr<Token> token = Of(absl::StripAsciiWhitespace(*text));
  if (!token.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": ", token.status().message()));
  }
  return token;
}

// Digests are compared, whose length says nothing of the token's.
bool Token::Is(absl::string_view text) const {
  return sodium_memcmp(DigestOf(text).data(), digest_.data(), digest_.size()) == 0;
}

bool Token::Opens(const HttpRequest& request) const {
  absl::string_view value = request.Header("Authorization");
  constexpr absl::string_view kScheme = "Bearer ";
  if (request.Count("Authorization") != 1 || value.size() < kScheme.size()) return false;
  if (!absl::EqualsIgnoreCase(value.substr(0, kScheme.size()), kScheme)) return false;
  value.remove_prefix(kScheme.size());
  return Is(absl::StripAsciiWhitespace(value));
}

}  // namespace warp::tools
