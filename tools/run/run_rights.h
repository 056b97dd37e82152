// What a thread may do, and which files it sees. The supervisor sends in place of the application, and the kernel then
// asks what the supervisor may do. So it does that only for threads that may do the same: others would get its rights.
#ifndef WARP_TOOLS_RUN_RUN_RIGHTS_H_
#define WARP_TOOLS_RUN_RUN_RIGHTS_H_

#include <sys/types.h>

#include <optional>
#include <string>

namespace warp::tools {

class RunRights {
 public:
  // Of the calling thread.
  static std::optional<RunRights> Own();
  // Of any thread, by its id; nullopt where it is gone, or may not be looked into.
  static std::optional<RunRights> Of(pid_t thread);

  friend bool operator==(const RunRights&, const RunRights&) = default;

 private:
  static std::optional<RunRights> At(const std::string& process);

  // User and group ids, groups and capabilities, as /proc has them (proc(5), `status`): numbers of our own namespace.
  std::string credentials_;
  std::string label_;  // of SELinux, AppArmor or their like; empty where there is none
  // Its user and mount namespaces and its root directory.
  struct File {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const File&, const File&) = default;
  };
  static std::optional<File> FileAt(const std::string& path);
  File users_, mounts_, root_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_RUN_RUN_RIGHTS_H_
