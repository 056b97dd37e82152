#include "dataplane/os/unix_path.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"

namespace warp::os {
namespace {

constexpr int kStaleAttempts = 50;  // looks at a socket that a killed process may have left
constexpr std::chrono::milliseconds kStaleInterval{20};
constexpr mode_t kDirectoryMode = 0755;
constexpr size_t kAccountBuffer = 16384;

// A full queue of connections is an answer too, and so is a socket of another type.
bool IsAnswered(const UnixAddress& address) {
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return connect(probe.get(), address.get(), address.size()) == 0 || errno != ECONNREFUSED;
}

absl::Status RemoveStale(const std::string& path, const UnixAddress& address) {
  struct stat file;
  if (lstat(path.c_str(), &file) != 0)
    return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(errno, path);
  if (!S_ISSOCK(file.st_mode))
    return absl::AlreadyExistsError(absl::StrCat(path, ": a file of that name is in the way"));
  for (int attempt = 0; IsAnswered(address); ++attempt) {
    if (attempt == kStaleAttempts)
      return absl::AlreadyExistsError(absl::StrCat(path, ": another program is listening there"));
    std::this_thread::sleep_for(kStaleInterval);
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

void MakeDirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) mkdir(path.substr(0, slash).c_str(), kDirectoryMode);
}

struct Owners {
  uid_t user = static_cast<uid_t>(-1);  // chown(2): stays as it is
  gid_t group = static_cast<gid_t>(-1);
};

absl::StatusOr<Owners> FindOwners(const UnixPathOptions& options) {
  Owners owners;
  std::vector<char> buffer(kAccountBuffer);
  if (options.owner.has_value()) {
    passwd entry;
    passwd* found = nullptr;
    getpwnam_r(options.owner->c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr)
      return absl::NotFoundError(absl::StrCat(options.path, ": there is no user ", *options.owner));
    owners.user = found->pw_uid;
  }
  if (options.group.has_value()) {
    group entry;
    group* found = nullptr;
    getgrnam_r(options.group->c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr)
      return absl::NotFoundError(
          absl::StrCat(options.path, ": there is no group ", *options.group));
    owners.group = found->gr_gid;
  }
  return owners;
}

// By descriptor, so that what is changed is what was bound, whatever the path names by now.
absl::Status Open(const UnixPathOptions& options, const Owners& owners, struct stat& file) {
  const UniqueFd fd(open(options.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd || fstat(fd.get(), &file) != 0) return ErrnoStatus(errno, options.path);
  if (!S_ISSOCK(file.st_mode))
    return absl::AlreadyExistsError(
        absl::StrCat(options.path, ": a file of that name is in the way"));
  const bool chosen = options.owner.has_value() || options.group.has_value();
  if (chosen && fchownat(fd.get(), "", owners.user, owners.group, AT_EMPTY_PATH) != 0)
    return absl::PermissionDeniedError(absl::StrCat(options.path, ": cannot be given to ",
                                                    options.owner.value_or(""), ":",
                                                    options.group.value_or("")));
  const std::string self = absl::StrCat("/proc/self/fd/", fd.get());  // O_PATH knows no fchmod
  if (chmod(self.c_str(), options.mode) != 0) return ErrnoStatus(errno, options.path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UnixPath> UnixPath::Bind(int fd, const UnixPathOptions& options) {
  const absl::StatusOr<UnixAddress> address = UnixAddress::Of(options.path);
  if (!address.ok()) return address.status();
  const absl::StatusOr<Owners> owners = FindOwners(options);
  if (!owners.ok()) return owners.status();
  // The file begins with the socket's own mode: none, so that nobody gets in before it is ready.
  if (fchmod(fd, 0) != 0) return ErrnoStatus(errno, options.path);
  MakeDirectoryOf(options.path);
  int result = bind(fd, address->get(), address->size());
  if (result != 0 && errno == EADDRINUSE) {
    if (absl::Status status = RemoveStale(options.path, *address); !status.ok()) return status;
    result = bind(fd, address->get(), address->size());
  }
  if (result != 0) return ErrnoStatus(errno, options.path);
  struct stat file = {};
  if (absl::Status status = Open(options, *owners, file); !status.ok()) {
    if (S_ISSOCK(file.st_mode)) unlink(options.path.c_str());
    return status;
  }
  return UnixPath(options.path, file.st_dev, file.st_ino);
}

UnixPath::UnixPath(UnixPath&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

UnixPath::~UnixPath() {
  if (path_.empty()) return;
  struct stat file;
  if (lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_)
    unlink(path_.c_str());
}

}  // namespace warp::os
