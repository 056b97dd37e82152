// One rtnetlink socket: requests go out; answers, dumps and multicast events come in, as one stream in the kernel's
// order. Each answer goes to the callback of the question it belongs to, by its sequence number. Control thread only.
#ifndef WARP_CONTROL_KERNEL_NETLINK_SOCKET_H_
#define WARP_CONTROL_KERNEL_NETLINK_SOCKET_H_

#include <linux/netlink.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/kernel/netlink_message.h"
#include "control/loop/loop.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {

class NetlinkSocket {
 public:
  // All calls come from Loop::RunOnce, or from Pump.
  class Handler {
   public:
    virtual ~Handler() = default;
    // An event, or a message of a dump. It may be changed.
    virtual void OnMessage(nlmsghdr* message) = 0;
    // Messages were lost, answers perhaps among them: no callback of a question or dump comes any more, and everything
    // is to be asked again.
    virtual void OnOverrun() = 0;
    // The messages of this turn have been read: time to draw conclusions from them.
    virtual void OnBatchEnd() = 0;
  };
  // Gets the answer, which may be changed; or null and a negative errno, where the kernel refused the question.
  using AnswerHandler = std::function<void(nlmsghdr* answer, int error)>;
  // Gets 0 at the end of a dump, or a negative errno. -EINTR: the tables changed meanwhile, so that the dump must be
  // asked for again.
  using DumpHandler = std::function<void(int error)>;

  // Joins the groups of links, addresses, routes, rules, neighbours and options of router advertisements. `handler` and
  // `loop` outlive the socket.
  static absl::StatusOr<std::unique_ptr<NetlinkSocket>> Open(Loop& loop, Handler& handler);

  // Sends a question in this turn or the next. `on_answer` is called once at most: never after an overrun, nor where
  // the request only changes something and the kernel does so. The socket keeps no owner of a question alive.
  void Ask(const NetlinkRequest& request, AnswerHandler on_answer);
  // Sends a request whose outcome is told by events, if at all.
  void Send(const NetlinkRequest& request) { Queue(request); }
  // Sends a request for a dump, in place of one that has not ended. Its messages go to Handler::OnMessage.
  void Dump(const NetlinkRequest& request, DumpHandler on_end);

  // Serves set-up only. Sends the requests and handles what comes, without the loop, until `done` returns true or two
  // seconds have passed.
  absl::Status Pump(const std::function<bool()>& done);

 private:
  static constexpr size_t kBufferSize = size_t{1} << 16;  // the kernel fills up to 32 KiB
  static constexpr size_t kReadsPerTurn = 16;
  static constexpr size_t kDatagramSize = size_t{1} << 14;  // bytes of requests in one datagram

  NetlinkSocket(Loop& loop, Handler& handler, os::UniqueFd fd, uint32_t port_id);
  uint32_t Queue(const NetlinkRequest& request);  // returns its sequence number, never 0
  void OnRefusal(uint32_t sequence, int error);
  void OnDumpEnd(int error);
  void ForgetQuestions();
  bool ReadOnce();
  void Read();
  void Handle(wire::MutableBytes datagram);
  void Flush();
  std::vector<uint8_t> NextDatagram();

  Loop& loop_;
  Handler& handler_;
  const os::UniqueFd fd_;
  const uint32_t port_id_;  // by which the kernel addresses answers to us
  uint32_t sequence_ = 0;   // of the newest request
  absl::flat_hash_map<uint32_t, AnswerHandler>
      questions_;               // without an answer yet, by sequence number
  uint32_t dump_sequence_ = 0;  // of the dump under way; 0: there is none
  DumpHandler on_dump_end_;
  bool interrupted_ = false;  // the tables changed during the dump under way
  bool overrun_ = false;      // messages were lost, and the queue is being emptied
  std::deque<std::vector<uint8_t>> outbox_;
  const std::unique_ptr<uint8_t[]> buffer_;
  Timer refused_;
  AsyncSend send_;
  Task flush_;
  Task more_;
  Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_NETLINK_SOCKET_H_
