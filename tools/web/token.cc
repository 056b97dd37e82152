#include "tools/web/token.h"

#include <sodium.h>

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/file/regular_file.h"

namespace warp::tools {
namespace {

constexpr size_t kNameBytes = 4;

std::string Hex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

absl::string_view View(const std::array<uint8_t, 32>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
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
  crypto_generichash(token.key_.data(), token.key_.size(),
                     reinterpret_cast<const uint8_t*>(text.data()), text.size(), nullptr, 0);
  const Digest name = token.Of("name", "");
  token.cookie_name_ = absl::StrCat("warp-", Hex(View(name).substr(0, kNameBytes)));
  return token;
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

Token::Digest Token::Of(absl::string_view purpose, absl::string_view text) const {
  const std::string whole = absl::StrCat(purpose, ":", text);
  Digest digest;
  crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const uint8_t*>(whole.data()),
                     whole.size(), key_.data(), key_.size());
  return digest;
}

// Digests are compared, whose length says nothing of the token's.
bool Token::Is(absl::string_view text) const {
  Digest other;
  crypto_generichash(other.data(), other.size(), reinterpret_cast<const uint8_t*>(text.data()),
                     text.size(), nullptr, 0);
  return sodium_memcmp(other.data(), key_.data(), key_.size()) == 0;
}

std::string Token::MakeCookie(int64_t now) const {
  const std::string end = absl::StrCat(now + kCookieSeconds);
  return absl::StrCat(end, ".", Hex(View(Of("cookie", end))));
}

bool Token::IsCookie(absl::string_view text, int64_t now) const {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  int64_t end = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &end)) return false;
  const std::string right = Hex(View(Of("cookie", absl::StrCat(end))));
  if (parts[1].size() != right.size()) return false;
  const bool authentic = sodium_memcmp(parts[1].data(), right.data(), right.size()) == 0;
  return authentic && now < end && end <= now + kCookieSeconds;
}

}  // namespace warp::tools
