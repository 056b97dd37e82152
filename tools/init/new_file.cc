#include "tools/init/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/unique_fd.h"
#include "tools/terminal/shell_word.h"

namespace warp::tools {
namespace {

absl::Status WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return os::ErrnoStatus(errno, "it cannot be written");
    text.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(fd) == 0 ? absl::OkStatus() : os::ErrnoStatus(errno, "it cannot be written");
}

// What is in the way, and what a person does about it.
absl::Status CannotMake(int error, const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path();
  const absl::Status status = os::ErrnoStatus(error, path);
  const auto with = [&status](absl::string_view advice) {
    return absl::Status(status.code(), absl::StrCat(status.message(), "; ", advice));
  };
  if (error == ENOENT) return with(absl::StrCat("mkdir -p ", ShellWord(directory), " makes it"));
  if (error == EACCES || error == EPERM) return with("root may");
  return status;
}

// Gives the file its name when all of it is there, so that nobody ever sees the half of it. AlreadyExists, or any other
// error: not every file system has files without a name.
absl::Status WriteNameless(const std::string& path, const std::string& directory,
                           absl::string_view text, mode_t mode) {
  const os::UniqueFd fd(open(directory.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, mode));
  if (!fd) return os::ErrnoStatus(errno, path);
  if (absl::Status written = WriteAll(fd.get(), text); !written.ok()) return written;
  const std::string itself = absl::StrCat("/proc/self/fd/", fd.get());
  if (linkat(AT_FDCWD, itself.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) {
    return absl::OkStatus();
  }
  return os::ErrnoStatus(errno, path);
}

}  // namespace

absl::Status WriteNewFile(const std::string& path, absl::string_view text, mode_t mode) {
  const std::string directory = std::filesystem::path(path).parent_path();
  if (!directory.empty()) mkdir(directory.c_str(), 0755);  // opening says what is wrong
  const absl::Status nameless =
      WriteNameless(path, directory.empty() ? "." : directory, text, mode);
  if (nameless.ok() || absl::IsAlreadyExists(nameless)) return nameless;
  const os::UniqueFd fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd) return CannotMake(errno, path);
  const absl::Status written = WriteAll(fd.get(), text);
  if (written.ok()) return written;
  unlink(path.c_str());
  return absl::Status(written.code(), absl::StrCat(path, ": ", written.message()));
}

absl::Status ReplaceFile(const std::string& path, absl::string_view text, mode_t mode) {
  const std::string fresh = absl::StrCat(path, ".", getpid(), ".new");
  if (absl::Status written = WriteNewFile(fresh, text, mode); !written.ok()) return written;
  if (rename(fresh.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const absl::Status failed = os::ErrnoStatus(errno, path);
  unlink(fresh.c_str());
  return failed;
}

}  // namespace warp::tools
