#include "control/stream/socket_bio.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace warp::stream {
namespace {

bool PassesBy(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

// It is made once, and stays until the process ends.
BIO_METHOD* SocketBio::Method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket with a budget");
    if (made == nullptr) return made;
    BIO_meth_set_read(made, Read);
    BIO_meth_set_write(made, Write);
    BIO_meth_set_ctrl(made, Control);
    return made;
  }();
  return method;
}

BIO* SocketBio::Make() {
  BIO_METHOD* const method = Method();
  BIO* const bio = method == nullptr ? nullptr : BIO_new(method);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  return bio;
}

int SocketBio::Read(BIO* bio, char* data, int size) {
  auto* const self = static_cast<SocketBio*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const size_t most = std::min(self->budget_, static_cast<size_t>(size));
  if (most == 0) {
    self->refused_ = true;
    BIO_set_retry_read(bio);
    return -1;
  }
  errno = 0;
  const ssize_t taken = recv(self->fd_, data, most, MSG_DONTWAIT);
  if (taken < 0 && PassesBy(errno)) BIO_set_retry_read(bio);
  if (taken == 0) self->ended_ = true;
  if (taken > 0) self->budget_ -= static_cast<size_t>(taken);
  return static_cast<int>(taken);
}

int SocketBio::Write(BIO* bio, const char* data, int size) {
  const auto* const self = static_cast<SocketBio*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  errno = 0;
  const ssize_t taken =
      send(self->fd_, data, static_cast<size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (taken < 0 && PassesBy(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(taken);
}

long SocketBio::Control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return static_cast<SocketBio*>(BIO_get_data(bio))->ended_ ? 1 : 0;
  return 0;
}

}  // namespace warp::stream
