#include "tools/http/door.h"

#include <sys/stat.h>

#include <utility>

#include "dataplane/wire/endpoint.h"

namespace warp::tools {
namespace {

bool IsForEverybody(const std::string& socket) {
  struct stat info;
  return stat(socket.c_str(), &info) == 0 && S_ISSOCK(info.st_mode) &&
         (info.st_mode & S_IWOTH) != 0;
}

bool IsLoopback(const std::string& listen) {
  const absl::StatusOr<wire::Endpoint> endpoint = wire::Endpoint::Parse(listen);
  return endpoint.ok() && endpoint->address.is_loopback();
}

}  // namespace

absl::StatusOr<Door> Door::Open(const std::string& listen, const std::string& socket,
                                const std::string& token_file) {
  Door door;
  absl::StatusOr<Token> token = absl::NotFoundError("");
  if (!token_file.empty()) {
    token = Token::Load(token_file);
  } else if (IsLoopback(listen) && !IsForEverybody(socket)) {
    door.made = Token::MakeText();
    token = Token::Of(door.made);
  } else {
    return door;
  }
  if (!token.ok()) return token.status();
  door.token = *std::move(token);
  return door;
}

}  // namespace warp::tools
