// One end of a TLS connection that carries datagrams (wire/stream_frame.h), over a socket that never waits. It has no
// clock and no loop: its owner says when the socket may be ready, and ends what takes too long.
//
//   Handshake ──► Open ──► Closed, with the reason: whatever is wrong ends it, and nothing is tried again
//      └────────────────────▲
//
// What does not fit its queue is refused, so that a reader who has stopped holds up nobody and takes little memory. And
// no call takes more than a bounded part of what has come, so that a sender who never pauses holds up nobody either:
// bytes and records are counted, and keys that are changed all the time end the connection. One thread.
#ifndef WARP_CONTROL_STREAM_TLS_STREAM_H_
#define WARP_CONTROL_STREAM_TLS_STREAM_H_

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/stream/socket_bio.h"
#include "control/stream/tls_context.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/stream_frame.h"

namespace warp::stream {

// Why a connection has ended.
enum class End : uint8_t {
  kNone,
  kClosed,     // by the other end, between two frames
  kCut,        // by the other end or the network, within a frame or the handshake
  kTls,        // what came is not TLS 1.3
  kMalformed,  // what came within TLS is not frames
};

class TlsStream {
 public:
  // `fd` is connected and does not block. `queue`: bytes that may wait to be sent, at least a frame. `name`: of the
  // server, as a client gives it (SNI); empty: none. The context outlives this.
  TlsStream(const TlsContext& context, os::UniqueFd fd, size_t queue, const std::string& name = "");

  int fd() const { return fd_.get(); }
  // Once it is, only its end changes that: what TLS may say later, and not in one piece, is no handshake.
  bool open() const { return end_ == End::kNone && shaken_; }
  End end() const { return end_; }
  // A sentence for people; empty while it has not ended.
  const std::string& reason() const { return reason_; }

  // Goes on with the handshake, and gives the datagrams that have come: `most` at most, until `take` returns false.
  // True: there may be more. Call it when the socket is readable, and while the handshake lasts also when it is
  // writable.
  using Take = absl::FunctionRef<bool(const wire::StreamFrame&)>;
  bool Receive(size_t most, Take take);

  // False: there is no room, or it is not open; the datagram is lost. It leaves with the next Flush.
  bool Send(uint16_t udp_port, wire::Bytes datagram);
  // Gives the socket what it takes, at most `most` bytes. Call it when the socket is writable.
  void Flush(size_t most = SIZE_MAX);
  size_t waiting() const { return out_.size() - sent_; }
  // Whether Flush has something to give a socket that is writable. Not while TLS first needs the rest of a message that
  // the other end has begun: then the socket may be writable for ever.
  bool wants_to_write() const { return waiting() > 0 && !must_read_; }
  // Bytes that the socket has taken, ever.
  uint64_t sent() const { return total_sent_; }

 private:
  static void NoteMessage(int is_ours, int, int type, const void*, size_t, SSL*, void* self);
  void Fail(int result, bool within);
  void Finish(End end, std::string reason);

  const os::UniqueFd fd_;
  SocketBio bio_;  // outlives ssl_
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  const size_t queue_;
  std::unique_ptr<wire::StreamReader> reader_;  // while it is open
  std::vector<uint8_t> out_;
  size_t sent_ = 0;  // of these
  bool shaken_ = false;
  bool must_read_ = false;
  int messages_ = 0;  // of TLS's own that came after the handshake
  uint64_t total_sent_ = 0;
  End end_ = End::kNone;
  std::string reason_;
};

}  // namespace warp::stream

#endif  // WARP_CONTROL_STREAM_TLS_STREAM_H_
