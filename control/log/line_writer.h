// Writes the lines of a log to a descriptor and never waits for whoever reads there: a pipe that nobody empties, a
// terminal that was stopped, a journal that stands still. What finds no room is missing, and the next line that finds
// some is preceded by how many there were.
//
// What stands in a line may come of anybody, such as the name of an interface. It is one line of text, whatever it is:
// no control character reaches the terminal or the journal.
//
// One thread.
#ifndef WARP_CONTROL_LOG_LINE_WRITER_H_
#define WARP_CONTROL_LOG_LINE_WRITER_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace warp::control {

// From now on no write to this descriptor waits, by whatever part of this process. A file is left as it is. A pipe or a
// terminal is opened anew, if that is allowed, because others may share the descriptor and rely on waiting.
void NeverWait(int fd);

class LineWriter {
 public:
  // What a pipe takes as a whole or not at all (PIPE_BUF, pipe(7)). A longer line is cut.
  static constexpr size_t kMostLine = 4096;

  explicit LineWriter(int fd);  // which stays open

  // With or without a line feed at its end.
  void Write(absl::string_view line);

  uint64_t missed() const { return missed_; }  // lines, in all

 private:
  bool Send(absl::string_view line);
  ssize_t WriteSome(absl::string_view text);

  const int fd_;
  const bool is_socket_;
  std::string rest_;  // of a line that was taken in part
  uint64_t missed_ = 0;
  uint64_t untold_ = 0;  // of these, those of which no line has told yet
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOG_LINE_WRITER_H_
