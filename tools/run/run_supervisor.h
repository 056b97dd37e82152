// Answers the questions of the application's filter. Each call goes on untouched unless it is a blocking send into the
// gate, by a thread that may do just what the supervisor may: nobody gets its rights.
#ifndef WARP_TOOLS_RUN_RUN_SUPERVISOR_H_
#define WARP_TOOLS_RUN_RUN_SUPERVISOR_H_

#include <atomic>
#include <optional>
#include <string>

#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"
#include "tools/run/run_gate.h"
#include "tools/run/run_message.h"
#include "tools/run/run_question.h"
#include "tools/run/run_rights.h"
#include "tools/run/run_sender.h"

namespace warp::tools {

// There is one per process, and it lives as long as the process: its threads are never joined. A thread takes a
// question, decides, sends and waits itself. Before it waits it makes sure that another thread is free to take the next
// question.
class RunSupervisor {
 public:
  // `gate_path` fits a os::UnixAddress.
  RunSupervisor(os::UniqueFd listener, const std::string& gate_path);

  // From here on questions are answered.
  void Start();
  // Lets go of sends whose application was killed. Called a few times a second. False if none waits.
  bool LetGo() { return blocked_.LetGo(); }
  int listener() const { return listener_.get(); }

 private:
  // Where a socket sends.
  struct Destination {
    bool connected_to_gate = false;
    bool ignores_addresses = false;  // seqpacket
  };

  void Serve();
  void AddThread();
  void Answer(const Question& question, ThreadHandles& handles, RunSender& sender);
  // Whether what is sent in the thread's place is sent with its own rights.
  bool HasOurRights(const Question& question) const;
  // Returns none if the socket's sends need no supervision: it is no Unix socket of datagrams or packets, or it never
  // waits.
  std::optional<Destination> DestinationOf(const Question& question, int socket) const;
  bool IsForGate(const Question& question, const Destination& destination,
                 const RunMessage& message) const;
  // Sends all messages, which are for the gate, up to the first that fails. Returns the result of the call.
  int64_t SendAll(const Question& question, RunSender& sender, int socket,
                  const Destination& destination, const std::vector<RunMessage>& messages);

  const os::UniqueFd listener_;
  const RunGate gate_;
  const os::UnixAddress gate_address_;
  const std::optional<RunRights> rights_;  // those that this process sends with
  SocketLocks locks_;
  BlockedSenders blocked_;
  std::atomic<int> free_ = 0;  // threads that wait for a question, or soon will
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_RUN_RUN_SUPERVISOR_H_
