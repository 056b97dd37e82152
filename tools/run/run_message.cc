#include "tools/run/run_message.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <climits>
#include <cstddef>

namespace warp::tools {
namespace {

using Messages = std::optional<std::vector<RunMessage>>;

bool ReadParts(const Question& question, uint64_t at, uint64_t count, RunMessage& message) {
  if (count > IOV_MAX) return false;
  message.parts.resize(count);
  return count == 0 || question.Read(at, message.parts.data(), count * sizeof(iovec));
}

bool ReadAddress(const Question& question, uint64_t at, uint64_t size, RunMessage& message) {
  message.to.set_size(0);
  if (at == 0 || size == 0) return true;
  if (size > os::UnixAddress::capacity()) return false;
  message.to.set_size(static_cast<socklen_t>(size));
  return question.Read(at, message.to.get(), size);
}

bool ReadHeader(const Question& question, const msghdr& header, RunMessage& message) {
  return ReadAddress(question, reinterpret_cast<uint64_t>(header.msg_name), header.msg_namelen,
                     message) &&
         ReadParts(question, reinterpret_cast<uint64_t>(header.msg_iov), header.msg_iovlen,
                   message);
}

Messages ReadSendmsg(const Question& question) {
  msghdr header;
  std::vector<RunMessage> messages(1);
  if (!question.Read(question.argument(1), &header, sizeof(header))) return std::nullopt;
  if (!ReadHeader(question, header, messages[0])) return std::nullopt;
  return messages;
}

Messages ReadSendmmsg(const Question& question) {
  // The kernel, too, takes no more at once.
  std::vector<mmsghdr> headers(std::min<uint64_t>(question.argument(2), IOV_MAX));
  const uint64_t at = question.argument(1);
  if (!question.Read(at, headers.data(), headers.size() * sizeof(mmsghdr))) return std::nullopt;
  std::vector<RunMessage> messages(headers.size());
  for (size_t i = 0; i < headers.size(); ++i) {
    if (!ReadHeader(question, headers[i].msg_hdr, messages[i])) return std::nullopt;
    messages[i].count_at = at + i * sizeof(mmsghdr) + offsetof(mmsghdr, msg_len);
  }
  return messages;
}

Messages ReadPlain(const Question& question) {
  std::vector<RunMessage> messages(1);
  RunMessage& message = messages[0];
  message.to.set_size(0);
  const uint64_t at = question.argument(1), size = question.argument(2);
  bool good = true;
  if (question.number() == SYS_writev) {
    good = ReadParts(question, at, size, message);
  } else {
    message.parts = {{.iov_base = reinterpret_cast<void*>(at), .iov_len = size}};
  }
  if (question.number() == SYS_sendto) {
    good = ReadAddress(question, question.argument(4), question.argument(5), message);
  }
  if (!good) return std::nullopt;
  return messages;
}

}  // namespace

size_t RunMessage::size() const {
  size_t sum = 0;
  for (const iovec& part : parts) {
    if (__builtin_add_overflow(sum, part.iov_len, &sum)) return SIZE_MAX;
  }
  return sum;
}

Messages ReadMessages(const Question& question) {
  switch (question.number()) {
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
      return ReadPlain(question);
    case SYS_sendmsg:
      return ReadSendmsg(question);
    case SYS_sendmmsg:
      return ReadSendmmsg(question);
    default:
      return std::nullopt;
  }
}

int FlagsOf(const Question& question) {
  switch (question.number()) {
    case SYS_sendmsg:
      return static_cast<int>(question.argument(2));
    case SYS_sendto:
    case SYS_sendmmsg:
      return static_cast<int>(question.argument(3));
    default:
      return 0;
  }
}

bool ReadPayload(const Question& question, const RunMessage& message,
                 std::vector<uint8_t>& payload) {
  payload.resize(message.size());
  size_t at = 0;
  for (const iovec& part : message.parts) {
    if (part.iov_len == 0) continue;
    const uint64_t from = reinterpret_cast<uint64_t>(part.iov_base);
    if (!question.Read(from, payload.data() + at, part.iov_len)) return false;
    at += part.iov_len;
  }
  return true;
}

}  // namespace warp::tools
