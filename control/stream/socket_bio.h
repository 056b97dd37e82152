// OpenSSL's way to a socket, which gives it no more than a budget of bytes before the owner has its turn. Whatever the
// other end sends in TLS, of records that are empty or hold one byte, or of messages that OpenSSL answers by itself,
// one call of OpenSSL ends when the budget is used up, and not when the sender pauses.
#ifndef WARP_CONTROL_STREAM_SOCKET_BIO_H_
#define WARP_CONTROL_STREAM_SOCKET_BIO_H_

#include <openssl/bio.h>

#include <cstddef>

namespace warp::stream {

class SocketBio {
 public:
  // `fd` does not block, and stays open for as long as this.
  explicit SocketBio(int fd) : fd_(fd) {}
  SocketBio(const SocketBio&) = delete;
  SocketBio& operator=(const SocketBio&) = delete;

  // Null: there is no memory. The BIO is the caller's, and this outlives it.
  BIO* Make();

  // So many bytes may be read from now on. 0: the socket is not asked, and seems to have nothing.
  void SetBudget(size_t bytes) {
    budget_ = bytes;
    refused_ = false;
  }
  // Something was not read for want of budget, so that the socket may have it.
  bool refused() const { return refused_; }

 private:
  static int Read(BIO* bio, char* data, int size);
  static int Write(BIO* bio, const char* data, int size);
  static long Control(BIO* bio, int command, long number, void* pointer);
  static BIO_METHOD* Method();

  const int fd_;
  size_t budget_ = 0;
  bool refused_ = false;
  bool ended_ = false;  // the other end sends nothing any more
};

}  // namespace warp::stream

#endif  // WARP_CONTROL_STREAM_SOCKET_BIO_H_
