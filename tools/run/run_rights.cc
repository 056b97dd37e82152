#include "tools/run/run_rights.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dataplane/os/unique_fd.h"

namespace warp::tools {
namespace {

// The whole file, which the kernel makes while it is read. nullopt where it cannot be read.
std::optional<std::string> Contents(const std::string& path) {
  const os::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return std::nullopt;
  std::string contents;
  std::array<char, 4096> part;
  while (true) {
    const ssize_t size = ::read(file.get(), part.data(), part.size());
    if (size < 0) return std::nullopt;
    if (size == 0) return contents;
    contents.append(part.data(), static_cast<size_t>(size));
  }
}

std::string CredentialsIn(const std::string& status) {
  constexpr std::array<const char*, 4> kLines = {"Uid:", "Gid:", "Groups:", "CapEff:"};
  std::string credentials;
  for (const absl::string_view line : absl::StrSplit(status, '\n')) {
    for (const char* name : kLines) {
      if (absl::StartsWith(line, name)) absl::StrAppend(&credentials, line, "\n");
    }
  }
  return credentials;
}

}  // namespace

std::optional<RunRights> RunRights::Own() { return At("/proc/thread-self"); }

std::optional<RunRights> RunRights::Of(pid_t thread) { return At(absl::StrCat("/proc/", thread)); }

std::optional<RunRights> RunRights::At(const std::string& process) {
  const std::optional<std::string> status = Contents(process + "/status");
  const std::optional<File> users = FileAt(process + "/ns/user");
  const std::optional<File> mounts = FileAt(process + "/ns/mnt");
  const std::optional<File> root = FileAt(process + "/root");
  if (!status || !users || !mounts || !root) return std::nullopt;
  RunRights rights;
  rights.credentials_ = CredentialsIn(*status);
  rights.label_ = Contents(process + "/attr/current").value_or("");
  rights.users_ = *users;
  rights.mounts_ = *mounts;
  rights.root_ = *root;
  return rights;
}

std::optional<RunRights::File> RunRights::FileAt(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return File{status.st_dev, status.st_ino};
}

}  // namespace warp::tools
