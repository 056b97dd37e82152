// Runs a program for a test.
#ifndef WARP_TESTS_TOOLS_CHILD_H_
#define WARP_TESTS_TOOLS_CHILD_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/control/config/temp_dir.h"

namespace warp {

// A process that starts with the object, with files for its stdin, stdout and stderr. It is killed with the object if
// it still runs.
class Child {
 public:
  Child(const std::vector<std::string>& command, const std::string& input = "");
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  int Wait();  // returns the exit status, or minus the signal that ended it
  std::string out() const;
  std::string err() const;

 private:
  TempDir dir_;
  pid_t pid_ = -1;
};

}  // namespace warp

#endif  // WARP_TESTS_TOOLS_CHILD_H_
