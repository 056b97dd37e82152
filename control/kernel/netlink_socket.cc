#include "control/kernel/netlink_socket.h"

#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_options.h"

namespace warp::control {
namespace {

// Bytes: room for the events of a full routing table at once.
constexpr int kReceiveBuffer = 8 << 20;
// How long to wait after the kernel refused to take requests.
constexpr wire::Duration kRetry = std::chrono::milliseconds(100);
constexpr wire::Duration kPumpTime = std::chrono::seconds(2);

constexpr int kGroups[] = {RTNLGRP_LINK,        RTNLGRP_NEIGH,      RTNLGRP_IPV4_IFADDR,
                           RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                           RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,  RTNLGRP_ND_USEROPT};

}  // namespace

absl::StatusOr<std::unique_ptr<NetlinkSocket>> NetlinkSocket::Open(Loop& loop, Handler& handler) {
  os::UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!fd) return os::ErrnoStatus(errno, "netlink: no socket");
  os::EnlargeSocketBuffer(fd.get(), os::SocketBuffer::kReceive, kReceiveBuffer);
  const int on = 1;
  // Refusals then come without the request in them.
  setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
  // A question for one neighbour is then not answered by the whole table.
  setsockopt(fd.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));

  sockaddr_nl address{.nl_family = AF_NETLINK};
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
    return os::ErrnoStatus(errno, "netlink: cannot bind");
  socklen_t length = sizeof(address);
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return os::ErrnoStatus(errno, "netlink: no address");
  for (const int group : kGroups) {
    if (setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
      return os::ErrnoStatus(errno, "netlink: cannot follow events");
  }
  return std::unique_ptr<NetlinkSocket>(
      new NetlinkSocket(loop, handler, std::move(fd), address.nl_pid));
}

NetlinkSocket::NetlinkSocket(Loop& loop, Handler& handler, os::UniqueFd fd, uint32_t port_id)
    : loop_(loop),
      handler_(handler),
      fd_(std::move(fd)),
      port_id_(port_id),
      buffer_(new uint8_t[kBufferSize]),
      refused_(loop, [this] { ForgetQuestions(); }),  // lost requests are as bad as lost answers
      send_(loop, fd_.get(),
            [this](int result) {
              if (result < 0) refused_.Set(kRetry);
              Flush();
            }),
      flush_(loop, [this] { Flush(); }),
      more_(loop, [this] { Read(); }),
      watch_(loop, fd_.get(), POLLIN, [this](uint32_t) {
        if (!more_.scheduled()) Read();
      }) {}

void NetlinkSocket::Ask(const NetlinkRequest& request, AnswerHandler on_answer) {
  questions_[Queue(request)] = std::move(on_answer);
}

void NetlinkSocket::Dump(const NetlinkRequest& request, DumpHandler on_end) {
  dump_sequence_ = Queue(request);
  on_dump_end_ = std::move(on_end);
}

uint32_t NetlinkSocket::Queue(const NetlinkRequest& request) {
  if (++sequence_ == 0) sequence_ = 1;
  const wire::Bytes bytes = request.bytes();
  if (outbox_.empty() || outbox_.back().size() + bytes.size() > kDatagramSize)
    outbox_.emplace_back();
  std::vector<uint8_t>& datagram = outbox_.back();
  const size_t start = datagram.size();
  datagram.insert(datagram.end(), bytes.begin(), bytes.end());
  std::memcpy(&datagram[start + offsetof(nlmsghdr, nlmsg_seq)], &sequence_, sizeof(sequence_));
  datagram.resize(NLMSG_ALIGN(datagram.size()));
  flush_.Schedule();
  return sequence_;
}

void NetlinkSocket::Flush() {
  if (outbox_.empty() || send_.busy()) return;
  send_.Send(NextDatagram());
}

std::vector<uint8_t> NetlinkSocket::NextDatagram() {
  std::vector<uint8_t> datagram = std::move(outbox_.front());
  outbox_.pop_front();
  return datagram;
}

absl::Status NetlinkSocket::Pump(const std::function<bool()>& done) {
  const wire::Instant end = loop_.ReadClock() + kPumpTime;
  while (!done()) {
    while (!outbox_.empty()) {
      const std::vector<uint8_t> datagram = NextDatagram();
      if (send(fd_.get(), datagram.data(), datagram.size(), 0) < 0)
        return os::ErrnoStatus(errno, "netlink: cannot ask");
    }
    if (loop_.ReadClock() >= end)
      return absl::DeadlineExceededError("netlink: the kernel does not answer");
    pollfd ready{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    poll(&ready, 1, 100);
    for (size_t reads = 0; reads < kReadsPerTurn && ReadOnce(); ++reads) {
    }
  }
  return absl::OkStatus();
}

void NetlinkSocket::Read() {
  size_t reads = 0;
  while (reads < kReadsPerTurn && ReadOnce()) ++reads;
  if (reads == kReadsPerTurn) more_.Schedule();
  handler_.OnBatchEnd();
}

// False: there is nothing to read.
bool NetlinkSocket::ReadOnce() {
  sockaddr_nl from{};
  iovec vector{buffer_.get(), kBufferSize};
  msghdr header{};
  header.msg_name = &from;
  header.msg_namelen = sizeof(from);
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  const ssize_t size = recvmsg(fd_.get(), &header, MSG_DONTWAIT);
  if (size < 0) {
    // ENOBUFS: messages were lost. Any other error: one could not be given, as QEMU's user mode gives none that it does
    // not know. Those behind it wait, and nothing else would wake the watch.
    if (errno != EAGAIN && errno != EINTR) overrun_ = true;
    if (errno != EAGAIN) return true;
    // The kernel gives an overrun socket nothing more, not even answers, until its queue is empty, as it is now.
    if (std::exchange(overrun_, false)) ForgetQuestions();
    return false;
  }
  if ((header.msg_flags & MSG_TRUNC) != 0) {
    overrun_ = true;
  } else if (from.nl_pid == 0) {  // the kernel; other processes may write to this socket as well
    Handle({buffer_.get(), static_cast<size_t>(size)});
  }
  return true;
}

void NetlinkSocket::Handle(wire::MutableBytes datagram) {
  int rest = static_cast<int>(datagram.size());
  for (auto* message = reinterpret_cast<nlmsghdr*>(datagram.data()); nlmsg_ok(message, rest) != 0;
       message = nlmsg_next(message, &rest)) {
    const bool answer = message->nlmsg_pid == port_id_;
    if (answer && (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted_ = true;
    switch (message->nlmsg_type) {
      case NLMSG_NOOP:
        break;
      case NLMSG_OVERRUN:
        overrun_ = true;
        break;
      case NLMSG_DONE:
        if (const int error = std::exchange(interrupted_, false) ? -EINTR : 0;
            message->nlmsg_seq == dump_sequence_)
          OnDumpEnd(error);
        break;
      case NLMSG_ERROR:
        if (nlmsg_valid_hdr(message, sizeof(nlmsgerr)) != 0)
          OnRefusal(message->nlmsg_seq, static_cast<const nlmsgerr*>(nlmsg_data(message))->error);
        break;
      default:
        if (const auto question = answer ? questions_.extract(message->nlmsg_seq)
                                         : decltype(questions_)::node_type()) {
          question.mapped()(message, 0);
        } else {
          handler_.OnMessage(message);
        }
    }
  }
}

void NetlinkSocket::OnRefusal(uint32_t sequence, int error) {
  if (sequence == dump_sequence_) return OnDumpEnd(error);
  if (const auto question = questions_.extract(sequence)) question.mapped()(nullptr, error);
}

void NetlinkSocket::OnDumpEnd(int error) {
  dump_sequence_ = 0;
  std::exchange(on_dump_end_, nullptr)(error);
}

void NetlinkSocket::ForgetQuestions() {
  questions_.clear();
  dump_sequence_ = 0;
  handler_.OnOverrun();
}

}  // namespace warp::control
