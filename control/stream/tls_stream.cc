#include "control/stream/tls_stream.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"

namespace warp::stream {
namespace {

// What one record of TLS may hold.
constexpr size_t kRecord = 16 * 1024;
// Bytes that one call takes from the socket, and pieces that TLS gives: a hello has less than a fourth of the former,
// and each of a few hundred records that these may be takes about a microsecond.
constexpr size_t kShakingBytes = 4 * 1024;
constexpr size_t kReceivedBytes = 16 * 1024;
constexpr int kPieces = 64;
// Tickets, and keys that are changed after 2^24 records. Each costs more than a datagram.
constexpr int kMostMessages = 64;

const char* FaultText(wire::StreamFault fault) {
  switch (fault) {
    case wire::StreamFault::kTooShort:
      return "it sent a frame that is too short";
    case wire::StreamFault::kTooLong:
      return "it sent a frame that is too long";
    case wire::StreamFault::kNoPort:
      return "it sent a frame for no port";
    case wire::StreamFault::kNone:
      break;
  }
  return "";
}

}  // namespace

TlsStream::TlsStream(const TlsContext& context, os::UniqueFd fd, size_t queue,
                     const std::string& name)
    : fd_(std::move(fd)), bio_(fd_.get()), ssl_(SSL_new(context.get()), SSL_free), queue_(queue) {
  BIO* const bio = ssl_ == nullptr ? nullptr : bio_.Make();
  if (bio == nullptr) {
    Finish(End::kTls, "there is no memory for TLS");
    return;
  }
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_msg_callback(ssl_.get(), NoteMessage);
  SSL_set_msg_callback_arg(ssl_.get(), this);
  if (context.is_server()) {
    SSL_set_accept_state(ssl_.get());
  } else {
    if (!name.empty()) SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
    SSL_set_connect_state(ssl_.get());
  }
}

// OpenSSL tells of each message that is whole. Where there are too many, it gets nothing more to read.
void TlsStream::NoteMessage(int is_ours, int, int type, const void*, size_t, SSL*, void* self) {
  auto* const stream = static_cast<TlsStream*>(self);
  if (is_ours != 0 || type != SSL3_RT_HANDSHAKE || !stream->shaken_) return;
  if (++stream->messages_ > kMostMessages) stream->bio_.SetBudget(0);
}

bool TlsStream::Receive(size_t most, Take take) {
  if (end_ != End::kNone) return false;
  must_read_ = false;
  bio_.SetBudget(shaken_ ? kReceivedBytes : kShakingBytes);
  if (!shaken_) {
    ERR_clear_error();
    if (const int done = SSL_do_handshake(ssl_.get()); done != 1)
      return Fail(done, true), end_ == End::kNone && bio_.refused();
    shaken_ = true;
  }
  if (reader_ == nullptr) reader_ = std::make_unique<wire::StreamReader>();
  size_t count = 0;
  for (int piece = 0;; ++piece) {
    while (const std::optional<wire::StreamFrame> frame = reader_->Next()) {
      const bool more = take(*frame);
      if (end_ != End::kNone) return false;
      if (!more || ++count == most) return true;
    }
    if (reader_->fault() != wire::StreamFault::kNone)
      return Finish(End::kMalformed, FaultText(reader_->fault())), false;
    if (piece == kPieces) return true;
    const wire::MutableBytes room = reader_->Room();
    ERR_clear_error();
    const int size = SSL_read(ssl_.get(), room.data(), static_cast<int>(room.size()));
    if (messages_ > kMostMessages)
      return Finish(End::kTls, "it changes its keys all the time"), false;
    if (size <= 0) return Fail(size, reader_->within_frame()), end_ == End::kNone && bio_.refused();
    reader_->Add(static_cast<size_t>(size));
  }
}

bool TlsStream::Send(uint16_t udp_port, wire::Bytes datagram) {
  const size_t size = wire::kStreamHeaderSize + datagram.size();
  if (!open() || !wire::FitsStream(datagram.size()) || waiting() + size > queue_) return false;
  if (sent_ > 0 && out_.size() + size > queue_) {
    out_.erase(out_.begin(), out_.begin() + static_cast<ptrdiff_t>(sent_));
    sent_ = 0;
  }
  std::array<uint8_t, wire::kStreamHeaderSize> header;
  wire::WriteStreamHeader(udp_port, datagram.size(), header.data());
  out_.insert(out_.end(), header.begin(), header.end());
  out_.insert(out_.end(), datagram.begin(), datagram.end());
  return true;
}

void TlsStream::Flush(size_t most) {
  if (!open()) return;
  size_t done = 0;
  while (waiting() > 0 && done < most) {
    ERR_clear_error();
    const size_t size = std::min(waiting(), kRecord);
    const int taken = SSL_write(ssl_.get(), out_.data() + sent_, static_cast<int>(size));
    if (taken <= 0) {
      must_read_ = SSL_get_error(ssl_.get(), taken) == SSL_ERROR_WANT_READ;
      return Fail(taken, true);
    }
    sent_ += static_cast<size_t>(taken);
    total_sent_ += static_cast<size_t>(taken);
    done += static_cast<size_t>(taken);
  }
  if (waiting() > 0) return;
  // An idle connection takes little room.
  if (out_.capacity() > kRecord) out_ = {};
  out_.clear();
  sent_ = 0;
}

// `within`: what the other end has begun is not whole.
void TlsStream::Fail(int result, bool within) {
  const int error_number = errno;
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
  std::array<char, 256> text{};
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const bool ended = error == SSL_ERROR_ZERO_RETURN || error == SSL_ERROR_SYSCALL ||
                     ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  if (ended) {
    const bool told = error == SSL_ERROR_SYSCALL && error_number != 0;
    return Finish(within || told ? End::kCut : End::kClosed,
                  told ? os::ErrnoText(error_number) : "it closed the connection");
  }
  ERR_error_string_n(code, text.data(), text.size());
  const char* const why = ERR_reason_error_string(code);
  Finish(End::kTls, absl::StrCat("TLS failed: ", why != nullptr ? why : text.data()));
}

void TlsStream::Finish(End end, std::string reason) {
  if (end_ != End::kNone) return;
  end_ = end;
  reason_ = std::move(reason);
  reader_.reset();
  out_ = {};
  sent_ = 0;
}

}  // namespace warp::stream
