// Sends in place of the application.
#ifndef WARP_TOOLS_RUN_RUN_SENDER_H_
#define WARP_TOOLS_RUN_RUN_SENDER_H_

#include <liburing.h>
#include <pthread.h>
#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "dataplane/os/unix_address.h"
#include "tools/run/run_gate.h"
#include "tools/run/run_question.h"

namespace warp::tools {

// The payloads of one socket go one after the other, however many threads and processes send through it. So what the
// kernel still holds is always the last payload. Any thread.
class SocketLocks {
 public:
  // Waits until nobody else holds the socket, and holds it as long as this object lives.
  class Lock {
   public:
    Lock(SocketLocks& locks, int socket);
    ~Lock();
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    SocketLocks& locks_;
    ino_t socket_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable released_;
  std::set<ino_t> held_;
};

// Threads that wait in the kernel until a gate's queue takes their payload; the kernel decides their order. Any thread.
class BlockedSenders {
 public:
  // Calls sendmsg(2), and waits. The result is EINTR also if the question no longer stands.
  ssize_t Send(int socket, const msghdr& message, int flags, const Question& question);
  // Wakes the threads whose question no longer stands, because their application was killed. Returns false if nobody
  // waits.
  bool LetGo();
  // Sets up the signal that wakes a thread. Call it once, before the first thread.
  static void PrepareSignal();

 private:
  struct Sender {
    pthread_t thread;
    const Question* question;
  };
  std::mutex mutex_;
  std::vector<Sender*> senders_;
};

// What one supervisor thread needs in order to send and to wait.
class RunSender {
 public:
  RunSender(const RunGate& gate, BlockedSenders& blocked);
  ~RunSender();
  RunSender(const RunSender&) = delete;
  RunSender& operator=(const RunSender&) = delete;

  // Sends as the kernel would. Returns the kernel's result: bytes, or minus an errno.
  int64_t Send(const Question& question, int socket, const os::UnixAddress& to,
               std::span<const uint8_t> payload, int flags);
  // Sends to the gate, and returns when the gate is done with the payload. ECONNREFUSED (seqpacket: ECONNRESET) if the
  // gate went away with it. The caller holds the socket's lock.
  int64_t SendAndWait(const Question& question, int socket, const os::UnixAddress& to,
                      std::span<const uint8_t> payload, int flags);

 private:
  // Returns true when nothing that was sent through the socket is left unread, or false if the question no longer
  // stands.
  bool WaitUntilTaken(const Question& question, int socket);
  void LetGoOfPoll();

  const RunGate& gate_;
  BlockedSenders& blocked_;
  io_uring ring_;
  bool has_ring_;  // io_uring may be forbidden
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_RUN_RUN_SENDER_H_
