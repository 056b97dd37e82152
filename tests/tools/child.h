// A program run by a test.
#ifndef WARP_TESTS_TOOLS_CHILD_H_
#define WARP_TESTS_TOOLS_CHILD_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/control/config/temp_dir.h"

namespace warp {

// Started at once, with files for its stdin, stdout and stderr; killed with the object if it still runs.
class Child {
 public:
  Child(const std::vector<std::string>& command, const std::string& input = "");
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  int Wait();  // its exit status; minus the signal that ended it
  std::string out() const;
  std::string err() const;

 private:
  TempDir dir_;
  pid_t pid_ = -1;
};

}  // namespace warp

#endif  // WARP_TESTS_TOOLS_CHILD_H_
