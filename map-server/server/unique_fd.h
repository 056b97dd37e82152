// A file descriptor that closes itself.
#ifndef WARP_MAP_SERVER_SERVER_UNIQUE_FD_H_
#define WARP_MAP_SERVER_SERVER_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace warp::map {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() {
    if (fd_ >= 0) close(fd_);
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_UNIQUE_FD_H_
