#include "control/log/line_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {
namespace {

bool IsReady(int fd) {
  pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
  return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0;
}

bool IsSocket(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
}

// Of ASCII, and those of ISO 8859-1 in UTF-8.
std::string PlainLine(absl::string_view text) {
  absl::ConsumeSuffix(&text, "\n");
  const absl::string_view shown = text.substr(0, LineWriter::kMostLine - 4);
  std::string line;
  for (size_t i = 0; i < shown.size(); ++i) {
    const auto c = static_cast<unsigned char>(shown[i]);
    const auto next = static_cast<unsigned char>(i + 1 < shown.size() ? shown[i + 1] : 0);
    const bool wide = c == 0xc2 && next >= 0x80 && next < 0xa0;
    line += wide || absl::ascii_iscntrl(c) ? '?' : shown[i];
    if (wide) ++i;
  }
  return absl::StrCat(line, shown.size() < text.size() ? "..." : "", "\n");
}

}  // namespace

// A descriptor that cannot be opened anew is somebody else's, or a socket: then the flag is set on what there is. Of a
// terminal it is not, since the shell that waits there would be confused; poll(2) has to do.
void NeverWait(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0 || S_ISREG(info.st_mode)) return;
  constexpr int kHow = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  const os::UniqueFd ours(open(absl::StrCat("/proc/self/fd/", fd).c_str(), kHow));
  if (ours) {
    dup2(ours.get(), fd);
  } else if (!S_ISCHR(info.st_mode)) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  }
}

LineWriter::LineWriter(int fd) : fd_(fd), is_socket_(IsSocket(fd)) {}

void LineWriter::Write(absl::string_view text) {
  const std::string line = PlainLine(text);
  const bool told = untold_ == 0 || Send(absl::StrCat("(", untold_, " lines are missing here, ",
                                                      "because nobody read them)\n"));
  if (told) untold_ = 0;
  if (told && Send(line)) return;
  ++missed_;
  ++untold_;
}

// Whether the line is taken, or the rest of it waits to be the first. A full pipe takes all of a line or nothing;
// terminals and sockets may take a part.
bool LineWriter::Send(absl::string_view line) {
  if (!rest_.empty()) {
    const ssize_t size = WriteSome(rest_);
    if (size > 0) rest_.erase(0, static_cast<size_t>(size));
    if (!rest_.empty()) return false;
  }
  const ssize_t size = WriteSome(line);
  if (size <= 0) return false;
  rest_ = std::string(line.substr(static_cast<size_t>(size)));
  return true;
}

// Of a socket the flag and not the descriptor says that it does not wait, and that its end raises no signal.
ssize_t LineWriter::WriteSome(absl::string_view text) {
  if (!IsReady(fd_)) return -1;
  return is_socket_ ? send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                    : write(fd_, text.data(), text.size());
}

}  // namespace warp::control
