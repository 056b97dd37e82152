// The gate of `warp run`, which the program knows as a file.
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
  // A socket file. It identifies the socket as long as the file exists.
  struct Identity {
    dev_t device;
    ino_t inode;
    time_t seconds;    // when it was made (mtime), because inode numbers are used again
    long nanoseconds;  // belongs to `seconds`
    bool operator==(const Identity&) const = default;
  };

  explicit RunGate(std::string path) : path_(std::move(path)) {}

  // Returns true if a socket whose address is `path` is the gate, whatever way leads to it. `thread` is the
  // application's: relative paths begin at its directory and absolute ones at its root. 0 stands for the supervisor.
  bool IsAt(const std::string& path, pid_t thread) const;

  // Returns the socket at the path, if there is one.
  std::optional<Identity> Now() const;
  // Returns true if that very datagram socket is still at the path and somebody holds it.
  bool StillIs(const Identity& identity) const;

 private:
  const std::string path_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_RUN_RUN_GATE_H_
