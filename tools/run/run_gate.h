// The gate of `warp run`, as a file.
#ifndef WARP_TOOLS_RUN_RUN_GATE_H_
#define WARP_TOOLS_RUN_RUN_GATE_H_

#include <sys/types.h>

#include <ctime>
#include <optional>
#include <string>

namespace warp::tools {

// The gate comes and goes with warpd: its socket file may appear after the application started, or be another socket
// than a moment ago. Any thread.
class RunGate {
 public:
  // A socket file, as long as it stands.
  struct Identity {
    dev_t device;
    ino_t inode;
    time_t seconds;    // of its making (mtime): inode numbers are used again
    long nanoseconds;  // likewise
    bool operator==(const Identity&) const = default;
  };

  explicit RunGate(std::string path) : path_(std::move(path)) {}

  // True if a socket whose address is `path` is the gate, whatever way leads to it. `thread` is the application's:
  // relative paths are taken from its directory and absolute ones from its root. 0 stands for the supervisor.
  bool IsAt(const std::string& path, pid_t thread) const;

  // The socket at the path, if there is one.
  std::optional<Identity> Now() const;
  // True if that very datagram socket is still at the path and somebody holds it.
  bool StillIs(const Identity& identity) const;

 private:
  const std::string path_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_RUN_RUN_GATE_H_
