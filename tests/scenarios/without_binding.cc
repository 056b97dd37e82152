// without_binding PROGRAM ARGUMENT...: runs the program where no socket may be bound to an interface.
#include <unistd.h>

#include <cstdio>

#include "tests/refuse_binding.h"

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (!warp::RefuseBinding()) {
    std::perror("without_binding: seccomp");
    return 1;
  }
  execv(argv[1], argv + 1);
  std::perror(argv[1]);
  return 1;
}
