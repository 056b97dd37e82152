#include "control/config/file/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dataplane/os/errno_status.h"

namespace warp::config {
namespace {

absl::Status Refused(absl::string_view why) { return absl::InvalidArgumentError(why); }

absl::Status CannotRead() {
  return Refused(absl::StrCat("cannot be read: ", os::ErrnoText(errno)));
}

}  // namespace

absl::StatusOr<os::UniqueFd> OpenRegularFile(const std::string& path, Readers readers) {
  os::UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info;
  if (!file || fstat(file.get(), &info) != 0) return CannotRead();
  if (!S_ISREG(info.st_mode)) return Refused("is not a regular file");
  if (readers == Readers::kOwnerAlone && (info.st_mode & 077) != 0) {
    return Refused(absl::StrFormat("is open to group or others (mode %04o): chmod 600 it",
                                   info.st_mode & 07777));
  }
  return file;
}

absl::StatusOr<std::string> ReadRegularFile(const std::string& path, size_t limit,
                                            Readers readers) {
  const absl::StatusOr<os::UniqueFd> file = OpenRegularFile(path, readers);
  if (!file.ok()) return file.status();
  // One byte more than allowed is asked for, because a file may grow while it is read: its size is only a hint.
  std::string contents(limit + 1, '\0');
  size_t size = 0;
  while (size < contents.size()) {
    const ssize_t got = read(file->get(), contents.data() + size, contents.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotRead();
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > limit) return Refused(absl::StrCat("is larger than ", limit, " bytes"));
  contents.resize(size);
  return contents;
}

}  // namespace warp::config
