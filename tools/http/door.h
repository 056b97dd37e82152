// Whom the programs let in that show a daemon by HTTP. The control socket says who may see the daemon, by its mode
// (unix(7)), and what is served must not be open to more.
//
//   served at                   whoever may see the daemon is known by
//   --------------------------  ---------------------------------------------------------------------------------------
//   a Unix socket               its mode, 0660
//   an address, with a token    the token
//   the loopback, without       nothing, where everybody may open the control socket; else a token that is made now and
//                               told to whoever started the program
//   any other, without          nothing: the program says whether that is allowed at all
#ifndef WARP_TOOLS_HTTP_DOOR_H_
#define WARP_TOOLS_HTTP_DOOR_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "tools/http/token.h"

namespace warp::tools {

struct Door {
  std::optional<Token> token;  // nullopt: whoever comes is let in
  std::string made;            // the token, where it was made now

  // `listen` is where it is served, and `socket` the control socket, which need not be there. `token_file` may be
  // empty. libsodium is ready. The error names the file.
  static absl::StatusOr<Door> Open(const std::string& listen, const std::string& socket,
                                   const std::string& token_file);
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_HTTP_DOOR_H_
