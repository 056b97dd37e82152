#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "absl/strings/ascii.h"
#include "dataplane/wire/crypto/keys.h"
#include "tools/command/commands.h"
#include "tools/terminal/complain.h"

namespace warp::tools {
namespace {

constexpr size_t kMaxKeyText = 128;

bool OthersMayRead(int fd) {
  struct stat info;
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 077) != 0;
}

}  // namespace

int RunKeygen() {
  if (absl::Status ready = wire::InitCrypto(); !ready.ok()) return Complain(ready.message());
  if (OthersMayRead(STDOUT_FILENO)) {
    std::cerr
        << "warp: warning: others have rights to this file, and warpd will refuse it: chmod 600 it "
           "(or say `umask 077` first)\n";
  }
  std::string text = wire::SecretKey::Generate().ToBase64();
  std::cout << text << std::endl;
  sodium_memzero(text.data(), text.size());
  return std::cout ? 0 : Complain("cannot write the key");
}

int RunPubkey() {
  if (absl::Status ready = wire::InitCrypto(); !ready.ok()) return Complain(ready.message());
  std::string text(kMaxKeyText, '\0');
  std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::cin.gcount()));
  const absl::StatusOr<wire::SecretKey> key =
      wire::SecretKey::FromBase64(absl::StripAsciiWhitespace(text));
  sodium_memzero(text.data(), text.size());
  if (!key.ok()) return Complain("stdin does not hold a private key of 32 bytes in base64");
  if (key->is_zero()) return Complain("stdin holds 32 zero bytes, which are no private key");
  std::cout << key->Public().ToBase64() << std::endl;
  return std::cout ? 0 : Complain("cannot write the key");
}

}  // namespace warp::tools
