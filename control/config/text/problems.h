// The mistakes in a configuration file. Each becomes one line, so that a user can mend all of them at once.
#ifndef WARP_CONTROL_CONFIG_TEXT_PROBLEMS_H_
#define WARP_CONTROL_CONFIG_TEXT_PROBLEMS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace warp::config {

// Text with its control characters escaped: a terminal shows it and does not obey it.
std::string Printable(absl::string_view text);

// Text from a file, in quotes, for a message: printable, cut to a length a
// terminal bears.
std::string Quote(absl::string_view text);

class Problems {
 public:
  static constexpr size_t kMaxReported = 20;

  explicit Problems(absl::string_view file) : file_(file) {}

  // `line` counts from 1; 0 when the whole file is meant. `key` may be empty: the YAML itself is
  // wrong.
  void Add(int line, absl::string_view key, absl::string_view what);

  bool empty() const { return entries_.empty(); }

  // Ok if empty. Else InvalidArgument, a line "FILE:LINE: KEY: WHAT" for each in the order of the
  // file; after kMaxReported a last line says how many more there are.
  absl::Status ToStatus() const;

 private:
  struct Entry {
    int line;
    std::string text;
  };

  const std::string file_;
  std::vector<Entry> entries_;
};

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TEXT_PROBLEMS_H_
