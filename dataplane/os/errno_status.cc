#include "dataplane/os/errno_status.h"

#include <cstring>

namespace warp::os {

std::string ErrnoText(int error) {
  char buffer[128];
  // This is GNU's strerror_r, which returns a constant, or the buffer for unknown errors.
  return strerror_r(error, buffer, sizeof(buffer));
}

}  // namespace warp::os
