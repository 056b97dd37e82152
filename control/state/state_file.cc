#include "control/state/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/unique_fd.h"

namespace warp::state {
namespace {

constexpr size_t kKeyBytesInName = 8;

}  // namespace

std::string StateFilePath(const std::string& directory, absl::string_view kind,
                          const wire::PublicKey& node) {
  const auto& key = node.bytes();
  const absl::string_view first(reinterpret_cast<const char*>(key.data()), kKeyBytesInName);
  return absl::StrCat(directory, "/", kind, "-", absl::BytesToHexString(first));
}

namespace {

absl::Status Replace(const std::string& path, const std::string& temporary,
                     absl::string_view text) {
  const std::string directory = path.substr(0, path.rfind('/'));
  const auto failed = [&](absl::string_view what) {
    return os::ErrnoStatus(errno, what, ": ", os::ErrnoText(errno));
  };
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return failed(absl::StrCat("directory ", directory, " cannot be made"));
  }
  os::UniqueFd file(open(temporary.c_str(),
                         O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!file) return failed(absl::StrCat(temporary, " cannot be written"));
  while (!text.empty()) {
    const ssize_t wrote = write(file.get(), text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return failed(absl::StrCat(temporary, " cannot be written"));
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  if (fsync(file.get()) != 0) return failed(absl::StrCat(temporary, " cannot be written"));
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return failed(absl::StrCat(path, " cannot be replaced"));
  // The new name is as durable as the contents only when the directory is.
  const os::UniqueFd parent(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent || fsync(parent.get()) != 0)
    return failed(absl::StrCat("directory ", directory, " cannot be written"));
  return absl::OkStatus();
}

}  // namespace

// Half of a file takes room of a disk that has none.
absl::Status ReplaceStateFile(const std::string& path, absl::string_view text) {
  const std::string temporary = path + ".new";
  absl::Status status = Replace(path, temporary, text);
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

void KeepAside(const std::string& path) {
  const std::string aside = path + ".bad";
  unlink(aside.c_str());
  // What is no file at all has no contents to keep.
  [[maybe_unused]] const int linked = link(path.c_str(), aside.c_str());
}

}  // namespace warp::state
