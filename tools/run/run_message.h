// Reads what a call of the application sends: to whom, and which bytes.
#ifndef WARP_TOOLS_RUN_RUN_MESSAGE_H_
#define WARP_TOOLS_RUN_RUN_MESSAGE_H_

#include <sys/uio.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/os/unix_address.h"
#include "tools/run/run_question.h"

namespace warp::tools {

struct RunMessage {
  os::UnixAddress to;        // size 0: the connected peer
  std::vector<iovec> parts;  // addresses in the application
  uint64_t count_at = 0;     // sendmmsg: where the application learns how many bytes went; else 0

  size_t size() const;  // bytes of the payload; SIZE_MAX if that overflows
};

// Returns the messages of the call, in their order. Returns none if they cannot be read, or if the call sends nothing.
std::optional<std::vector<RunMessage>> ReadMessages(const Question& question);
// Returns the flags of the call, or 0 if it has none.
int FlagsOf(const Question& question);
// Copies the payload. Returns false if not all of it can be read.
bool ReadPayload(const Question& question, const RunMessage& message,
                 std::vector<uint8_t>& payload);

}  // namespace warp::tools

#endif  // WARP_TOOLS_RUN_RUN_MESSAGE_H_
