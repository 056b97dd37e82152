#include "tools/machine/linux_machine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "control/config/file/key_files.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/unique_fd.h"
#include "tools/ask/status_client.h"
#include "tools/machine/network.h"
#include "tools/machine/run_program.h"

namespace warp::tools {
namespace {

constexpr size_t kLargestFile = size_t{4} << 20;
constexpr std::chrono::seconds kPatience(5);

absl::Status Failed(int error) {
  return absl::Status(absl::ErrnoToStatusCode(error), os::ErrnoText(error));
}

}  // namespace

// Opening never waits, as it would for a FIFO's writer.
absl::StatusOr<std::string> LinuxMachine::ReadFile(const std::string& path) const {
  const os::UniqueFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return Failed(errno);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return Failed(errno);
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError("it is not a regular file");
  std::string text;
  std::array<char, 65536> buffer;
  while (text.size() <= kLargestFile) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed(errno);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  return absl::ResourceExhaustedError("it is too large");
}

absl::StatusOr<std::vector<std::string>> LinuxMachine::List(const std::string& path) const {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(path, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename());
  }
  if (error) return Failed(error.value());
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::string> LinuxMachine::LinkTarget(const std::string& path) const {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::read_symlink(path, error);
  if (error) return Failed(error.value());
  return target.string();
}

absl::StatusOr<mode_t> LinuxMachine::Mode(const std::string& path) const {
  const absl::StatusOr<FileAccess> access = Access(path);
  if (!access.ok()) return access.status();
  return access->mode;
}

absl::StatusOr<FileAccess> LinuxMachine::Access(const std::string& path) const {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return Failed(errno);
  return FileAccess{.mode = info.st_mode, .user = info.st_uid, .group = info.st_gid};
}

absl::Status LinuxMachine::CheckKeyFile(const std::string& path) const {
  return config::ReadSecretKeyFile(path).status();
}

absl::StatusOr<std::string> LinuxMachine::Run(const std::vector<std::string>& words) const {
  return RunProgram(words, kPatience);
}

os::PciFacts LinuxMachine::Pci(const std::string& address) const {
  return os::ReadPciFacts(address);
}

std::optional<bool> LinuxMachine::ClockSynchronised() const {
  timex asked{};
  const int state = adjtimex(&asked);
  if (state < 0) return std::nullopt;
  return state != TIME_ERROR && (asked.status & STA_UNSYNC) == 0;
}

uid_t LinuxMachine::User() const { return geteuid(); }

absl::StatusOr<std::vector<wire::IpAddress>> LinuxMachine::Resolve(const std::string& host) const {
  return ResolveHost(host, kPatience);
}

absl::StatusOr<std::vector<ServicePlace>> LinuxMachine::ResolveServices(
    const std::string& name) const {
  return ResolveServiceRecords(name, kPatience);
}

std::vector<absl::Status> LinuxMachine::KnockAt(const std::vector<Knock>& knocks) const {
  return KnockByUdp(knocks, std::chrono::seconds(1));
}

absl::StatusOr<std::string> LinuxMachine::AskStatus(const std::string& socket) const {
  if (access(socket.c_str(), W_OK) != 0) return Failed(errno);
  return FetchStatus(socket);
}

}  // namespace warp::tools
