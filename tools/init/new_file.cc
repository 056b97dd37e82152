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

}  // namespace

absl::Status WriteNewFile(const std::string& path, absl::string_view text, mode_t mode) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  if (!directory.empty()) mkdir(directory.c_str(), 0755);  // opening says what is wrong
  const os::UniqueFd fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd) return os::ErrnoStatus(errno, path);
  const absl::Status written = WriteAll(fd.get(), text);
  if (written.ok()) return written;
  unlink(path.c_str());
  return absl::Status(written.code(), absl::StrCat(path, ": ", written.message()));
}

absl::Status ReplaceFile(const std::string& path, absl::string_view text, mode_t mode) {
  const std::string fresh = path + ".new";
  unlink(fresh.c_str());  // of a run that was killed
  if (absl::Status written = WriteNewFile(fresh, text, mode); !written.ok()) return written;
  if (rename(fresh.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const absl::Status failed = os::ErrnoStatus(errno, path);
  unlink(fresh.c_str());
  return failed;
}

}  // namespace warp::tools
