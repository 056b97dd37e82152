#include "dataplane/os/errno_status.h"

#include <cstring>

namespace warp::os {

std::string ErrnoText(int error) {
  char buffer[128];
  return strerror_r(error, buffer,
                    sizeof(buffer));  // GNU's: returns a constant, or the buffer for unknown errors
}

}  // namespace warp::os
